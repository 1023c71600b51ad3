"""One no-op job at a time, from a thread: how long until its result is there."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import TYPE_CHECKING

import jobactors as ja
from tests.bench.bare_loop import BareLoop, nothing
from tests.bench.harness import Measure, Numbers, Program, Variant, peer

if TYPE_CHECKING:
    from collections.abc import Callable


def p50(once: Callable[[], object], size: int) -> Numbers:
    """The median of many, in microseconds."""
    waits = []
    for _ in range(size):
        start = time.perf_counter()
        once()
        waits.append(time.perf_counter() - start)
    return {"p50": median(waits) * 1e6}


def bare(size: int) -> Numbers:
    """A task in a bare loop, and a future."""
    with BareLoop().running() as loop:
        return p50(lambda: loop.submit().result(), size)


def jobactors(size: int) -> Numbers:
    """As in a cell."""
    jobs = ja.start()
    return p50(lambda: jobs.submit(nothing).result(), size)


def thread_pool(size: int) -> Numbers:
    """The standard library's way."""
    with ThreadPoolExecutor(4) as pool:
        return p50(lambda: pool.submit(int).result(), size)


def apscheduler(size: int) -> Numbers:
    """A job that is due now."""
    scheduler = peer("apscheduler.schedulers.background").BackgroundScheduler()
    scheduler.start()

    def once() -> None:
        ran = threading.Event()
        scheduler.add_job(ran.set)
        ran.wait()

    return p50(once, size)


PROGRAM = Program(
    title="one job's latency",
    measures=(Measure("p50", "µs", at_most=2),),
    variants=(
        Variant("trio in a thread, a Future each", bare),
        Variant("jobactors", jobactors),
        Variant("ThreadPoolExecutor", thread_pool),
        Variant("APScheduler", apscheduler, "apscheduler"),
    ),
    size=2_000,
    smoke_size=3,
)
