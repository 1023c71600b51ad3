"""JSON that comes back as exactly what went in, or not at all."""

from __future__ import annotations

import enum
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobactors.model.exact import NotExact, exact_json, from_json

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(LEAVES, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=20)


def shape(value: object) -> object:
    """A value with its types, so that 1, 1.0 and True differ."""
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return type(value), repr(value)


@given(VALUES)
def test_what_is_taken_comes_back_as_it_was(value: Any) -> None:
    """Types included: 1, 1.0 and True are three values."""
    text = exact_json(value)
    assert text.isascii()
    assert shape(from_json(text)) == shape(value)


def test_half_a_surrogate_comes_back() -> None:
    """Text is anything Python takes for text."""
    assert from_json(exact_json("\ud800\x00")) == "\ud800\x00"


class Colour(enum.IntEnum):
    """An int, and more."""

    RED = 1


class Text(str):
    """A str, and more."""

    __slots__ = ()


REFUSED: dict[str, Any] = {
    "a tuple": (1, 2),
    "a set": {1},
    "bytes": b"x",
    "nan": math.nan,
    "infinity": [math.inf],
    "a number key": {1: "one"},
    "an enum that is an int": Colour.RED,
    "a subclass of str": {"a": [Text("x")]},
    "an object": object(),
    "a huge integer": 1 << 100_000,
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_json_would_bend_is_refused(value: Any) -> None:
    """Nearly the same is not the same."""
    with pytest.raises(NotExact, match="cannot hold exactly"):
        exact_json(value)


def test_integers_of_three_thousand_digits_are_said() -> None:
    """Python reads them back as text; of longer ones the error says the limit."""
    largest = 10**3000 - 1
    assert json.loads(exact_json(largest)) == largest
    with pytest.raises(NotExact, match="an integer of more than 3,000 digits"):
        exact_json(10**4000)


def test_the_error_says_where_it_is() -> None:
    """A person has to find it in a large value."""
    with pytest.raises(NotExact, match=r"argument 'rows'\['a'\]\[2\] is tuple"):
        exact_json({"a": [1, 2, ()]}, "argument 'rows'")


def test_a_circle_is_refused() -> None:
    """It would be written without end."""
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotExact, match="in a circle"):
        exact_json(circle)


def test_what_is_nested_too_deeply_is_refused_both_ways() -> None:
    """Neither writing nor reading runs out of stack."""
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(NotExact, match="nested too deeply"):
        exact_json(deep)
    with pytest.raises(ValueError, match="nested too deeply"):
        from_json("[" * 100_000)


def test_parts_shared_without_end_are_refused_in_time() -> None:
    """Few objects may stand for more text than there is memory."""
    shared: Any = [0.5]
    for _ in range(60):
        shared = [shared, shared]
    with pytest.raises(NotExact, match="too large"):
        exact_json(shared)
