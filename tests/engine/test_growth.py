"""What one of many jobs costs: as much as one of few, and nothing stays behind.

Steps are counted, as calls of Python functions: seconds are measured in `tests/bench/corners.py`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FEW, MANY = 40, 400


async def acquire(name: str) -> None:
    """Hold a resource for a moment."""
    async with ja.current_job().acquire(name):
        await trio.lowlevel.checkpoint()


async def hold(name: str, opened: trio.Event) -> None:
    """Hold a resource until told."""
    async with ja.current_job().acquire(name):
        await opened.wait()


async def fail() -> None:
    """Fail."""
    raise OSError


async def one_mutex(count: int) -> None:
    """All jobs run, and request one mutex."""
    async with ja.open_jobs() as jobs:
        opened = trio.Event()
        jobs.submit(hold, "m", opened)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(count):
            jobs.submit(acquire, "m")
        await trio.testing.wait_all_tasks_blocked()
        opened.set()


async def one_mutex_running_and_queued(count: int) -> None:
    """Half of the jobs run and request a mutex, and the other half is queued for it."""
    async with ja.open_jobs() as jobs:
        opened = trio.Event()
        jobs.submit(hold, "m", opened)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(count // 2):
            jobs.submit(acquire, "m")
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(count // 2):
            jobs.options(resources="m").submit(trio.lowlevel.checkpoint)
        opened.set()


async def one_after_all(count: int) -> None:
    """One job comes after all others."""
    async with ja.open_jobs(max_running=4) as jobs:
        upstream = [jobs.submit(trio.lowlevel.checkpoint) for _ in range(count)]
        await jobs.options(after=upstream).submit(trio.lowlevel.checkpoint)


async def one_after_all_have_failed(count: int) -> None:
    """And goes on however they end."""
    async with ja.open_jobs(max_running=4, unread_failures="ignore") as jobs:
        upstream = [ja.after(jobs.submit(fail), when="finished") for _ in range(count)]
        await jobs.options(after=upstream).submit(trio.lowlevel.checkpoint)


async def all_after_one(count: int) -> None:
    """All come after one, which is cancelled."""
    async with ja.open_jobs() as jobs:
        upstream = jobs.submit(trio.sleep_forever)
        for _ in range(count):
            jobs.options(after=upstream).submit(trio.lowlevel.checkpoint)
        upstream.cancel()


async def queued_and_cancelled(count: int) -> None:
    """There is no free slot for any."""
    async with ja.open_jobs(max_running=1) as jobs:
        standing = jobs.submit(trio.sleep_forever)
        for job in [jobs.submit(trio.lowlevel.checkpoint) for _ in range(count)]:
            job.cancel()
        standing.cancel()


async def reprioritised(count: int) -> None:
    """One queued job changes its priority again and again."""
    async with ja.open_jobs(max_running=1) as jobs:
        standing = jobs.submit(trio.sleep_forever)
        queued = jobs.submit(trio.lowlevel.checkpoint)
        for n in range(count):
            queued.update(priority=n % 7)
        standing.cancel()


async def steps(work: Callable[[int], Awaitable[None]], count: int) -> float:
    """Return the number of Python calls in `work`, for each of `count` jobs."""
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        await work(count)
    finally:
        sys.setprofile(before)
    return calls / count


@pytest.mark.parametrize(
    "work",
    [
        one_mutex,
        one_mutex_running_and_queued,
        one_after_all,
        one_after_all_have_failed,
        all_after_one,
        queued_and_cancelled,
        reprioritised,
    ],
)
async def test_one_of_many_jobs_costs_as_much_as_one_of_few(
    work: Callable[[int], Awaitable[None]],
) -> None:
    """No table is gone through for each of them."""
    await steps(work, FEW)  # what is made when it is first used
    assert await steps(work, MANY) <= 1.5 * await steps(work, FEW)


def places(jobs: ja.Jobs) -> dict[str, int]:
    """How many places there are in the tables of the queue, void ones too; those with any."""
    queue: Any = jobs._system.parts.queue
    tables = {
        "entries": queue._entries,
        "with slot": queue._ready._with_slot._places,
        "without slot": queue._ready._without_slot._places,
        "later": queue._later._places,
        "parked": queue._parked._heaps,
        "after": queue._downstream,
        "moved": queue._moved,
    }
    return {name: len(table) for name, table in tables.items() if table}


async def test_jobs_that_are_cancelled_while_queued_leave_nothing_behind() -> None:
    """Not even for as long as no slot is free: those at rest may be many, and wait for long."""
    async with ja.open_jobs(max_running=1) as jobs:
        standing = jobs.options(resources="m").submit(trio.sleep_forever)
        many = [
            *(jobs.submit(int) for _ in range(100)),
            *(jobs.options(after=standing).submit(int) for _ in range(100)),
            *(jobs.options(resources="m").submit(int) for _ in range(100)),
            *(jobs.options(hold=True).submit(int) for _ in range(100)),
        ]
        for job in many:
            job.cancel()
        assert places(jobs) == {}
        standing.cancel()


async def test_changes_of_a_queued_job_leave_no_place_behind() -> None:
    """Priority, hold and release, as often as anybody likes."""
    async with ja.open_jobs(max_running=1) as jobs:
        standing = jobs.submit(trio.sleep_forever)
        queued = [jobs.submit(int) for _ in range(3)]
        for n in range(100):
            for job in queued:
                job.update(priority=n)
            queued[0].hold()
            queued[0].release()
        assert places(jobs)["with slot"] <= 2 * len(queued)
        standing.cancel()
