"""Tiny jobs in processes that are there already: how long each takes, two at a time."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant, peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_AT_ONCE = 2
_WARM_UP = 20
"""Jobs before the clock starts: processes are started, modules imported."""


def same(number: int) -> int:
    """Be a job that has nothing to do."""
    return number


def _each(size: int, call_all: Callable[[Iterable[int]], Iterable[int]]) -> Numbers:
    list(call_all(range(_WARM_UP)))
    start = time.perf_counter()
    assert list(call_all(range(size))) == list(range(size))
    return {"job": (time.perf_counter() - start) / size * 1e6}


def pool(size: int) -> Numbers:
    """The standard library's pool, whose processes cannot be killed one by one."""
    with ProcessPoolExecutor(_AT_ONCE) as executor:
        return _each(size, lambda numbers: executor.map(same, numbers))


def jobactors(size: int) -> Numbers:
    """Each can be cancelled, paused and killed for itself."""
    jobs = ja.start(max_running=_AT_ONCE).options(runner="process")
    return _each(size, lambda numbers: jobs.map(same, numbers).result())


def fresh(size: int) -> Numbers:
    """A process for each, as it is with ``fresh=True`` or limits."""
    jobs = ja.start(max_running=_AT_ONCE).options(runner="process", fresh=True)
    return _each(max(1, size // 100), lambda numbers: jobs.map(same, numbers).result())


def loky(size: int) -> Numbers:
    """The pool of joblib, which takes functions of a notebook's cells as well."""
    executor: Any = peer("loky").get_reusable_executor(max_workers=_AT_ONCE)
    return _each(size, lambda numbers: executor.map(same, numbers))


PROGRAM = Program(
    title="tiny jobs in processes",
    measures=(Measure("job", "µs", at_most=3),),
    variants=(
        Variant("ProcessPoolExecutor.map", pool),
        Variant("jobactors", jobactors),
        Variant("jobactors, fresh=True", fresh),
        Variant("loky", loky, "loky"),
    ),
    size=2_000,
    smoke_size=4,
)
