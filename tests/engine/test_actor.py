"""The actor: a job as its own trio code sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_the_request_can_be_polled_and_waited_for(autojump_clock: MockClock) -> None:
    """Without an exception, where the waiting is shielded."""
    polled: list[bool] = []

    async def polite() -> object:
        ctx = ja.current_job()
        polled.append(ctx.cancel_requested)
        with trio.CancelScope(shield=True):
            reason = await ctx.wait_cancel_requested()
        polled.append(ctx.cancel_requested)
        return ja.cancelled(f"half, because of {reason}")

    async with ja.open_jobs() as jobs:
        job = jobs.submit(polite)
        await trio.sleep(1)
        job.cancel("rain")
        with pytest.raises(ja.JobCancelled) as caught:
            await job
    assert caught.value.partial == "half, because of rain"
    assert polled == [False, True]


async def test_tasks_of_a_job_belong_to_it(autojump_clock: MockClock) -> None:
    """They see its context, report for it, and are cancelled with it."""
    ids: set[str] = set()

    async def child(i: int) -> None:
        ids.add(ja.current_job().id)
        ja.progress(i, 10)
        await trio.sleep_forever()

    async def parent() -> None:
        async with trio.open_nursery() as nursery:
            for i in (1, 2, 3):
                nursery.start_soon(child, i)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(parent)
        await trio.sleep(1)
        assert job.snapshot().progress.total == 10
        job.cancel()
        assert (await job.wait()).state == "cancelled"
    assert ids == {job.id}


async def test_a_failing_neighbour_disturbs_nobody(autojump_clock: MockClock) -> None:
    """Actors are no nursery: one that fails cancels no other."""

    async def fail() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise ValueError

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        fine = jobs.submit(trio.sleep, 10)
        failing = jobs.submit(fail)
        await fine
        assert fine.state == "succeeded"
    assert isinstance(failing.exception(), ExceptionGroup)


async def test_a_cancel_scope_of_the_jobs_own_is_its_own(autojump_clock: MockClock) -> None:
    """It is no cancel of the job."""

    async def hurry() -> str:
        with trio.move_on_after(1):
            await trio.sleep_forever()
        return "gave up waiting"

    async with ja.open_jobs() as jobs:
        assert await jobs.run(hurry) == "gave up waiting"


async def test_progress_starts_anew_with_every_attempt(autojump_clock: MockClock) -> None:
    """The counters of a failed attempt are not those of the next."""

    async def flaky() -> None:
        if ja.current_job().attempt == 1:
            ja.progress(9, 10, "almost", lost=1)
            raise OSError
        ja.progress(1, 10)
        await trio.sleep(1)

    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry()).submit(flaky)
        await job
        progress = job.snapshot().progress
        assert (progress.done, progress.message, dict(progress.counters)) == (1, "", {})


async def test_code_outside_a_job_finds_a_quiet_stand_in() -> None:
    """It is never cancelled, and wakes no waiter."""
    ctx = ja.current_job()
    assert (ctx.id, ctx.attempt, ctx.cancel_requested) == ("", 0, False)
    await ctx.check()
    async with ja.open_jobs():
        assert ja.current_job().id == ""
