"""How large results and arguments are taken to be."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from jobactors.model.object_size import size_of

if TYPE_CHECKING:
    from collections.abc import Callable


def full_size(value: object) -> int:
    """The size of nested built-in containers, with every part looked at."""
    parts: list[object] = []
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
    return sys.getsizeof(value) + sum(map(full_size, parts))


@pytest.mark.parametrize("value", [None, 3, "text", b"x" * 10_000, object()])
def test_a_plain_value_is_as_large_as_python_says(value: object) -> None:
    assert size_of(value) == sys.getsizeof(value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        list(range(200)),
        ("a", ["b", ("c", {"d": "e"})]),
        {"name": "x" * 5_000, "rows": [1.5, 2.5]},
        {frozenset({1, 2}), "word"},
        [[1, 2], {"a": [3]}] * 20,
    ],
)
def test_a_small_container_is_measured_in_full(value: object) -> None:
    assert size_of(value) == full_size(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [b"x" * 1_000 + bytes([n % 256]) for n in range(100_000)],
        lambda: {number: float(number) for number in range(50_000)},
        lambda: {str(number) for number in range(50_000)},
        lambda: [[float(n) for n in range(1_000)] for _ in range(300)],
        lambda: [{"id": n, "text": "x" * 200, "tags": ["a", "b"]} for n in range(5_000)],
        lambda: [[[b"x" * 500 for _ in range(20)] for _ in range(20)] for _ in range(20)],
        lambda: {"rows": [tuple(range(20)) for _ in range(5_000)], "name": "n"},
    ],
    ids=["list", "dict", "set", "list of lists", "list of rows", "three deep", "dict of a list"],
)
def test_what_is_not_looked_at_is_taken_to_be_like_the_rest(make: Callable[[], object]) -> None:
    value = make()
    assert size_of(value) == pytest.approx(full_size(value), rel=0.2)


def test_a_mixed_list_is_measured_by_parts_from_all_of_it() -> None:
    value = [b"x" * 10_000] * 10_000 + [b""] * 10_000
    random.Random(7).shuffle(value)  # noqa: S311 - no secret
    assert size_of(value) == pytest.approx(full_size(value), rel=0.2)
    value.sort()
    assert size_of(value) == pytest.approx(full_size(value), rel=0.2)


def test_an_array_says_its_size_itself() -> None:
    class Array:
        nbytes = 8_000_000

    assert size_of(Array()) == 8_000_000
    assert size_of([Array(), Array()]) == pytest.approx(16_000_000, rel=0.01)


@pytest.mark.parametrize("claim", ["8 MB", -5, None, 1.5, lambda: 3])
def test_a_size_that_is_none_is_not_believed(claim: object) -> None:
    class Odd:
        nbytes = claim

    odd = Odd()
    assert size_of(odd) == sys.getsizeof(odd)


def test_no_code_of_a_class_is_run() -> None:
    class Touchy:
        """Ends the program when it is asked for anything."""

        def strike(self, *_: object) -> Any:
            raise SystemExit

        nbytes = property(strike)
        __sizeof__ = __len__ = __iter__ = __getattribute__ = __hash__ = __eq__ = strike

    class Lazy(list[int]):
        def __iter__(self) -> Any:
            raise AssertionError("looked into")

        def __len__(self) -> int:
            raise AssertionError("counted")

    assert 0 < size_of([Touchy()]) < 2_000
    assert size_of(Lazy([7])) == sys.getsizeof(Lazy([7])) + sys.getsizeof(7)


class Row:
    """Holds something large."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.again = self


@dataclass(slots=True)
class Slotted:
    """Holds something large in a slot."""

    content: bytes


@pytest.mark.parametrize("make", [Row, Slotted, lambda content: {"a": Row(content)}])
def test_an_object_is_as_large_as_what_it_holds(make: Any) -> None:
    assert size_of(make(bytes(100_000))) == pytest.approx(100_000, rel=0.02)


def test_many_objects_are_measured_by_some_of_them() -> None:
    rows = [Row(b"x" * 1_000) for _ in range(10_000)]
    assert size_of(rows) == pytest.approx(sum(map(size_of, rows)), rel=0.2)


def test_what_a_program_shares_is_no_part_of_a_value() -> None:
    held = Row(b"")
    held.again = cast("Any", [sys, pytest, Row, size_of, sys._getframe(), (n for n in "ab")])
    assert size_of(held) < 3_000


def test_an_object_that_is_found_twice_counts_once() -> None:
    one = Row(bytes(100_000))
    assert size_of((one, [one], {"one": one})) == pytest.approx(100_000, rel=0.02)


def test_a_list_that_holds_itself_is_measured_in_finite_time() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert size_of(loop) >= sys.getsizeof(loop)
    wide: list[object] = []
    wide += [wide] * 1_000
    assert size_of(wide) > 0


def test_no_more_than_a_thousand_parts_are_looked_at() -> None:
    class Item:
        """Refers to nothing."""

    tree: object = [[[Item() for _ in range(50)] for _ in range(50)] for _ in range(20)]
    looked = 0

    def count(frame: Any, event: str, function: Any) -> None:
        nonlocal looked
        looked += event == "c_call" and function is sys.getsizeof

    sys.setprofile(count)
    try:
        size_of(tree)
    finally:
        sys.setprofile(None)
    assert 0 < looked <= 1_000
