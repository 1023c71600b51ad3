"""What each of many queued jobs costs, from a thread: flat, however many there are."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import trio

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant

if TYPE_CHECKING:
    from collections.abc import Callable


def cost(times: int, size: int) -> Numbers:
    """Microseconds a job, with ``times * size`` of them queued."""
    count = times * size
    jobs = ja.start(max_running=1, retention=ja.Retention(jobs=count, read=count))
    jobs.submit(trio.sleep_forever)
    found: Numbers = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        found[name] = (time.perf_counter() - start) / count * 1e6

    handles: list[ja.Job[None]] = []
    timed("submit", lambda: submit(jobs, count, handles))
    ids = [job.id for job in handles]
    timed("get and snapshot", lambda: [jobs.get(job_id).snapshot() for job_id in ids])
    timed("list", jobs.list)
    timed("list by tag", lambda: jobs.list(tag="none"))
    timed("queue", jobs.queue)
    timed("stats", jobs.stats)
    timed("cancel all", lambda: jobs.select().cancel("enough"))
    return found


def submit(jobs: ja.Jobs, count: int, handles: list[ja.Job[None]]) -> None:
    """Submit jobs that will have to wait, until the loop has all of them."""
    handles += [jobs.submit(trio.sleep, 1) for _ in range(count)]
    jobs.get(handles[-1].id)


MEASURES = ("submit", "get and snapshot", "list", "list by tag", "queue", "stats", "cancel all")

PROGRAM = Program(
    title="growth (floor: 1,000 queued; jobactors: 100,000)",
    measures=tuple(Measure(name, "µs a job", at_most=1.2) for name in MEASURES),
    variants=(
        Variant("1,000 queued", partial(cost, 1)),
        Variant("100,000 queued", partial(cost, 100)),
        Variant("10,000 queued", partial(cost, 10)),
    ),
    size=1_000,
    smoke_size=2,
    rounds=3,
)
