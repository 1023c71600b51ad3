"""How long finished jobs are kept, and how large their results are taken to be."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
import random
import sys
from typing import Any

import pytest

from jobactors.model.retention import Retention, size_of

LIMITS = ["age", "jobs", "result_bytes", "read"]


def full_size(value: object) -> int:
    """The size of nested built-in containers, with every part looked at."""
    parts: list[object] = []
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
    return sys.getsizeof(value) + sum(map(full_size, parts))


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [-1, math.nan, "1 day", None, True, []])
def test_a_wrong_limit_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Retention\({name}=…\) is a number of at least 0"):
        Retention(**{name: value})


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0, 7, math.inf])
def test_a_limit_of_0_or_without_end_is_a_limit(name: str, value: Any) -> None:
    assert getattr(Retention(**{name: value}), name) == value


def test_the_defaults_are_the_ones_promised() -> None:
    assert Retention() == Retention(age=86_400, jobs=10_000, result_bytes=268_435_456, read=100)


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
    "value",
    [
        [b"x" * 1_000 + bytes([n % 256]) for n in range(100_000)],
        {number: float(number) for number in range(50_000)},
        {str(number) for number in range(50_000)},
        [[float(n) for n in range(1_000)] for _ in range(300)],
        [{"id": n, "text": "x" * 200, "tags": ["a", "b"]} for n in range(5_000)],
        [[[b"x" * 500 for _ in range(20)] for _ in range(20)] for _ in range(20)],
        {"rows": [tuple(range(20)) for _ in range(5_000)], "name": "n"},
    ],
    ids=["list", "dict", "set", "list of lists", "list of rows", "three deep", "dict of a list"],
)
def test_what_is_not_looked_at_is_taken_to_be_like_the_rest(value: object) -> None:
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


@pytest.mark.parametrize("kind", [ValueError, RecursionError, SystemExit])
def test_a_value_that_refuses_to_be_measured_counts_as_nothing(kind: type[BaseException]) -> None:
    class Hostile:
        @property
        def nbytes(self) -> int:
            raise kind("no")

    class Sizeless:
        def __sizeof__(self) -> int:
            raise kind("no")

    assert size_of(Hostile()) == size_of(Sizeless()) == 0
    assert size_of([Hostile(), Sizeless()]) == sys.getsizeof([1, 2])


def test_no_container_class_of_somebody_else_is_gone_through() -> None:
    class Lazy(list[int]):
        def __iter__(self) -> Any:
            raise AssertionError("looked into")

        def __len__(self) -> int:
            raise AssertionError("counted")

    lazy = Lazy()
    assert size_of(lazy) == sys.getsizeof(lazy)


def test_a_list_that_holds_itself_is_measured_in_finite_time() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert size_of(loop) >= sys.getsizeof(loop)
    wide: list[object] = []
    wide += [wide] * 1_000
    assert size_of(wide) > 0


def test_no_more_than_a_thousand_parts_are_looked_at() -> None:
    looked = 0

    class Counted:
        @property
        def nbytes(self) -> int:
            nonlocal looked
            looked += 1
            return 100

    one = Counted()
    size_of([[[one] * 100] * 100] * 100)
    assert 0 < looked <= 1_000
    looked = 0
    size_of([one] * 100_000)
    assert 0 < looked <= 1_000
