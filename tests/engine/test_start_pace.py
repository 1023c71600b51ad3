"""Jobs that may all start at once start a hundred at a time: the loop answers others meanwhile."""

from __future__ import annotations

import trio

import jobactors as ja
from jobactors.engine.queue.entry import MOST_STARTS

COUNT = 10 * MOST_STARTS


async def work() -> None:
    """Do nothing, and not even wait."""


async def turns_beside(jobs: ja.Jobs, last: ja.Job[None]) -> int:
    """Count the turns that another task gets until a job has ended."""
    turns = 0
    while not last.done():
        await trio.lowlevel.checkpoint()
        turns += 1
    return turns


async def test_jobs_that_one_end_lets_start_leave_turns_for_others() -> None:
    """Ten times, and not once; no job is forgotten."""
    async with ja.open_jobs() as jobs:
        gate = jobs.options(hold=True).submit(work)
        many = [jobs.options(after=[gate]).submit(work) for _ in range(COUNT)]
        last = jobs.options(after=many).submit(work)
        await trio.lowlevel.checkpoint()
        gate.release()
        assert await turns_beside(jobs, last) >= COUNT / MOST_STARTS
        assert all(job.state is ja.JobState.SUCCEEDED for job in many)


async def test_they_start_in_their_order_and_a_block_waits_for_all() -> None:
    """Also if their system is closing meanwhile."""
    order: list[int] = []

    async def note(number: int) -> None:
        order.append(number)

    async with ja.open_jobs() as jobs:
        jobs.hold_dispatch()
        for number in range(COUNT):
            jobs.submit(note, number)
        jobs.release_dispatch()
    assert sorted(order) == list(range(COUNT))
    assert [number // MOST_STARTS for number in order] == sorted(n // MOST_STARTS for n in order)


async def test_those_that_wait_for_their_turn_can_be_cancelled() -> None:
    """They have not begun."""
    async with ja.open_jobs() as jobs:
        jobs.hold_dispatch()
        many = [jobs.submit(trio.sleep_forever) for _ in range(COUNT)]
        jobs.release_dispatch()
        jobs.select().cancel()
        assert sum(job.snapshot().attempt for job in many) == MOST_STARTS
