"""No-op jobs, many at once, from a thread: submit them all, then read every result."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jobactors as ja
from tests.bench.bare_loop import BareLoop, nothing
from tests.bench.harness import Measure, Numbers, Program, Variant, peer

if TYPE_CHECKING:
    from collections.abc import Callable


def bare(size: int) -> Numbers:
    """A future for each task."""
    with BareLoop().running() as loop:
        start = time.perf_counter()
        for future in [loop.submit() for _ in range(size)]:
            future.result()
        return {"job": (time.perf_counter() - start) / size * 1e6}


def jobactors(size: int) -> Numbers:
    """From a notebook's thread; as many at once as the floor, which has no limit."""
    return submit_all(ja.start(max_running=None), size)


def four_at_once(size: int) -> Numbers:
    """The same with the limit that ``ja.start`` has by default."""
    return submit_all(ja.start(), size)


def submit_all(jobs: ja.Jobs, size: int, function: Callable[[], object] = nothing) -> Numbers:
    """Submit jobs of a function that does nothing, then read every result."""
    start = time.perf_counter()
    for job in [jobs.submit(function) for _ in range(size)]:
        job.result()
    return {"job": (time.perf_counter() - start) / size * 1e6}


def thread_pool(size: int) -> Numbers:
    """The standard library's way."""
    with ThreadPoolExecutor(4) as pool:
        start = time.perf_counter()
        for future in [pool.submit(int) for _ in range(size)]:
            future.result()
        return {"job": (time.perf_counter() - start) / size * 1e6}


def apscheduler(size: int) -> Numbers:
    """Jobs that are due now; it keeps no results, so the last run is waited for."""
    runs, last = iter(range(size - 1)), threading.Event()
    scheduler = peer("apscheduler.schedulers.background").BackgroundScheduler()
    scheduler.start()
    start = time.perf_counter()
    for _ in range(size):
        scheduler.add_job(lambda: last.set() if next(runs, None) is None else None)
    last.wait()
    return {"job": (time.perf_counter() - start) / size * 1e6}


PROGRAM = Program(
    title="no-op jobs, submit → result",
    measures=(Measure("job", "µs", at_most=2.5),),
    variants=(
        Variant("trio in a thread, a Future each", bare),
        Variant("jobactors", jobactors),
        Variant("jobactors, 4 at once", four_at_once),
        Variant("ThreadPoolExecutor", thread_pool),
        Variant("APScheduler", apscheduler, "apscheduler"),
    ),
    size=10_000,
    smoke_size=10,
)
