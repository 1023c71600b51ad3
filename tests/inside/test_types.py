"""The types that a checker sees in a job's own code; mypy checks this file, and it runs too."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, assert_type

import jobactors as ja
from jobactors.model.outcome import Partial

if TYPE_CHECKING:
    from collections.abc import Callable


def scaled(n: int, scale: float = 1.0) -> float:
    return n * scale


def counted(n: int) -> int:
    """Return a partial result where the result is returned."""
    if n > 1:
        return ja.cancelled(n)
    if n > 0:
        return ja.cancelled()
    return n


def listed(n: int) -> list[int] | None:
    return ja.cancelled([n]) if n else None


def test_a_partial_result_is_typed_as_the_result() -> None:
    results: list[object] = [counted(2), counted(1), counted(0), listed(3), listed(0)]
    assert results == [Partial(2), Partial(None), 0, Partial([3]), None]


def test_a_bound_function_has_its_own_signature() -> None:
    bound = ja.bind_context(scaled)
    if TYPE_CHECKING:
        as_declared: Callable[[int, float], float] = bound
        bound("x")  # type: ignore[arg-type]
        del as_declared
    assert_type(bound(2, scale=3.0), float)
    assert inspect.signature(bound) == inspect.signature(scaled)
    assert bound.__name__ == "scaled"


def test_a_tracked_iterable_has_the_items_of_its_own() -> None:
    for text in ja.track(["a"]):
        assert_type(text, str)
    for batch in ja.batches([1, 2]):
        assert_type(batch, list[int])
    for part in ja.ranges(4, 2):
        for number in part.track():
            assert_type(number, int)
    for number in ja.trange(2):
        assert_type(number, int)


def test_the_current_job_is_typed() -> None:
    job = ja.current_job()
    assert_type(job.id, str)
    assert_type(job.attempt, int)
    assert_type(job.errors, tuple[ja.ItemError, ...])
    assert_type(job.inbox.receive_nowait(), Any)
    assert_type(job.cancel_requested, bool)
