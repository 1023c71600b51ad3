"""No-op ``def`` jobs, which run in threads: many at once, and how long one takes."""

from __future__ import annotations

import jobactors as ja
from tests.bench import latency, submit_result
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.latency import p50
from tests.bench.submit_result import submit_all

_ALONE = 5
"""How many times as many jobs are measured together as one after another."""


def nothing() -> None:
    """Be a job that has nothing to do."""


def bare(size: int) -> Numbers:
    """A task and a future for each, without a thread: what the engine itself has to beat."""
    return {**submit_result.bare(size), **latency.bare(size // _ALONE)}


def jobactors(size: int) -> Numbers:
    """From a notebook's thread; as many at once as the floor, which has no limit."""
    jobs = ja.start(max_running=None)
    many = submit_all(jobs, size, nothing)
    return {**many, **p50(lambda: jobs.submit(nothing).result(), size // _ALONE)}


def four_at_once(size: int) -> Numbers:
    """The same with the limit that ``ja.start`` has by default."""
    return submit_all(ja.start(), size, nothing)


def thread_pool(size: int) -> Numbers:
    """The standard library's way."""
    return {**submit_result.thread_pool(size), **latency.thread_pool(size // _ALONE)}


def apscheduler(size: int) -> Numbers:
    """Jobs that are due now, in its threads."""
    return {**submit_result.apscheduler(size), **latency.apscheduler(size // _ALONE)}


PROGRAM = Program(
    title="no-op `def` jobs",
    measures=(Measure("job", "µs", at_most=3), Measure("p50", "µs", at_most=2.5)),
    variants=(
        Variant("trio in a thread, a Future each", bare),
        Variant("jobactors", jobactors),
        Variant("jobactors, 4 at once", four_at_once),
        Variant("ThreadPoolExecutor", thread_pool),
        Variant("APScheduler", apscheduler, "apscheduler"),
    ),
    size=5_000,
    smoke_size=10,
)
