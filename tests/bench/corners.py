"""What each of many jobs costs where each of them could look at all others: flat, too."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Work = Callable[[ja.Jobs, int], Awaitable[Any]]


async def acquire() -> None:
    """Hold the mutex for a moment."""
    async with ja.current_job().acquire("m"):
        pass


async def one_mutex(jobs: ja.Jobs, count: int) -> None:
    """All run and request a mutex, which is held until all wait."""
    all_wait, opened = trio.Event(), trio.Event()

    async def hold() -> None:
        async with ja.current_job().acquire("m"):
            all_wait.set()
            await opened.wait()

    jobs.submit(hold)
    await all_wait.wait()
    many = [jobs.submit(acquire) for _ in range(count)]
    await trio.lowlevel.checkpoint()
    opened.set()
    await wait_for_all(many)


async def one_after_all(jobs: ja.Jobs, count: int) -> None:
    """One job comes after all others."""
    many = [jobs.submit(trio.lowlevel.checkpoint) for _ in range(count)]
    await jobs.options(after=many).submit(trio.lowlevel.checkpoint)


async def cancelled_in_queue(jobs: ja.Jobs, count: int) -> None:
    """Each is cancelled while it waits for a slot."""
    jobs.scale(1)
    standing = jobs.submit(trio.sleep_forever)
    for job in [jobs.submit(trio.lowlevel.checkpoint) for _ in range(count)]:
        job.cancel()
    standing.cancel()


async def reprioritised(jobs: ja.Jobs, count: int) -> None:
    """One that waits for a slot gets another priority each time."""
    jobs.scale(1)
    standing = jobs.submit(trio.sleep_forever)
    job = jobs.submit(trio.lowlevel.checkpoint)
    for n in range(count):
        job.update(priority=n % 7)
    standing.cancel()


async def cancelled_dependants(jobs: ja.Jobs, count: int) -> None:
    """Each comes after one job, and is cancelled before that ends."""
    upstream = jobs.submit(trio.sleep_forever)
    for job in [jobs.options(after=upstream).submit(acquire) for _ in range(count)]:
        job.cancel()
    upstream.cancel()


async def wait_for_all(jobs: list[ja.Job[None]]) -> None:
    """Wait for all, whatever becomes of them."""
    for job in jobs:
        await job.wait()


WORK: dict[str, Work] = {
    "acquire one mutex": one_mutex,
    "one after all": one_after_all,
    "cancelled in the queue": cancelled_in_queue,
    "another priority": reprioritised,
    "cancelled dependants": cancelled_dependants,
}


def cost(times: int, size: int) -> Numbers:
    """Microseconds a job, with ``times * size`` of them, the end of the system included."""
    count = times * size
    for work in WORK.values():
        trio.run(timed, work, 10)  # what is loaded at first use is no job's cost
    return {name: trio.run(timed, work, count) for name, work in WORK.items()}


async def timed(work: Work, count: int) -> float:
    """Return the microseconds a job."""
    retention = ja.Retention(jobs=count + 2, read=count + 2)
    start = time.perf_counter()
    async with ja.open_jobs(max_running=None, retention=retention) as jobs:
        await work(jobs, count)
    return (time.perf_counter() - start) / count * 1e6


PROGRAM = Program(
    title="corners (floor: 100 jobs; jobactors: 10,000)",
    measures=tuple(Measure(name, "µs a job", at_most=2.0) for name in WORK),
    variants=(
        Variant("100 jobs", partial(cost, 1)),
        Variant("10,000 jobs", partial(cost, 100)),
        Variant("1,000 jobs", partial(cost, 10)),
    ),
    size=100,
    smoke_size=2,
    rounds=3,
)
