"""Jobs that may all start at once start a hundred at a time: the loop answers others meanwhile."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import trio
import trio.testing

import jobactors as ja
from jobactors.engine.api.batch_intake import AT_ONCE
from jobactors.engine.queue.entry import MOST_STARTS

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 10 * MOST_STARTS


async def work() -> None:
    """Do nothing, and not even wait."""


async def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


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


async def counts_a_turn(count: Callable[[], int], whole: int) -> list[int]:
    """Return what each turn of a task beside has found added, until the whole is there.

    Between two turns of a task, any other one has two turns at most.
    """
    counts = [count()]
    while counts[-1] < whole:
        await trio.lowlevel.checkpoint()
        counts.append(count())
    return [after - before for before, after in itertools.pairwise([0, *counts])]


async def test_jobs_that_wait_for_nothing_leave_turns_for_others_as_well() -> None:
    """They start at once, but no more than a hundred of them in the turn of their submits."""
    gone = trio.Event()
    async with ja.open_jobs() as jobs:
        many = [jobs.submit(gone.wait) for _ in range(4 * MOST_STARTS)]
        started = await counts_a_turn(
            lambda: sum(job.snapshot().attempt for job in many), len(many)
        )
        assert started[0] == MOST_STARTS
        assert max(started) <= 2 * MOST_STARTS
        gone.set()


async def test_a_job_starts_in_the_turn_of_its_submit_however_many_have_started_before() -> None:
    """Each turn has room for a hundred."""
    async with ja.open_jobs() as jobs:
        for _ in range(3 * MOST_STARTS):
            job = jobs.submit(work)
            assert job.state is ja.JobState.RUNNING
            await job


async def test_a_long_input_is_taken_in_over_many_turns() -> None:
    """Though all of it may be under way."""
    gone = trio.Event()

    async def wait(_number: int) -> None:
        await gone.wait()

    async with ja.open_jobs() as jobs:
        batch = jobs.map(wait, range(4 * AT_ONCE), intake=4 * AT_ONCE)
        taken = await counts_a_turn(lambda: len(batch), 4 * AT_ONCE)
        assert taken[0] == AT_ONCE
        assert max(taken) <= 2 * AT_ONCE
        gone.set()
        assert len(await batch) == 4 * AT_ONCE


async def test_an_input_that_is_paused_between_two_turns_goes_on_when_it_is_resumed() -> None:
    """No sooner, and nothing of it is left out."""
    async with ja.open_jobs() as jobs:
        batch = jobs.map(double, range(3 * AT_ONCE), intake=3 * AT_ONCE)
        batch.pause()
        await trio.testing.wait_all_tasks_blocked()
        assert len(batch) == AT_ONCE
        batch.resume()
        assert await batch == [2 * number for number in range(3 * AT_ONCE)]


async def test_an_input_that_is_cancelled_between_two_turns_ends_there() -> None:
    """And the block does not wait for more of it."""
    async with ja.open_jobs() as jobs:
        batch = jobs.map(double, range(3 * AT_ONCE), intake=3 * AT_ONCE)
        batch.cancel()
    assert len(batch) == AT_ONCE
