"""Whether values are small enough to be turned into JSON in the loop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jobactors.engine.storage.small_values import MOST_PARTS, MOST_SIGNS, are_small


class Text(str):
    """A text with code of its own."""

    __slots__ = ()


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 2.5, "text", [], [1, ["a", None]], {"a": {"b": [1, 2]}}, list(range(100))],
)
def test_plain_values_are_small(value: object) -> None:
    """Numbers, short texts, and a few of them."""
    assert are_small([value])


@pytest.mark.parametrize(
    "value",
    [
        "x" * (MOST_SIGNS + 1),
        ["x" * MOST_SIGNS, "x"],
        1 << MOST_SIGNS * 4,
        list(range(MOST_PARTS + 1)),
        [[0] * 20] * 20,
        {str(n): n for n in range(MOST_PARTS)},
        _circle(),
    ],
    ids=["text", "texts", "integer", "list", "lists", "dictionary", "circle"],
)
def test_many_values_and_long_texts_are_not(value: object) -> None:
    """Their JSON takes time."""
    assert not are_small([value])


@pytest.mark.parametrize("value", [Text("a"), Decimal(1), (1, 2), {1}, b"a", object(), [Text("a")]])
def test_other_classes_are_not(value: object) -> None:
    """Nobody knows how long their code takes."""
    assert not are_small([value])
