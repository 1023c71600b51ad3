"""What the simulation has found, each as a story that a person can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Worker:
    """Has methods that are jobs."""

    async def work(self) -> str:
        """Do nothing for long."""
        await trio.sleep_forever()
        return "never"


async def fail() -> None:
    """Be a job that fails."""
    raise ValueError("as planned")


async def stand_still(reach: trio.Event) -> None:
    """Be a job that can be paused at one point, and waits for the same thing after it."""
    await reach.wait()
    await ja.current_job().check()
    await trio.sleep_forever()


async def paused(jobs: ja.Submitter) -> ja.Job[None]:
    """Return a job that stands still."""
    reach = trio.Event()
    job = jobs.submit(stand_still, reach)
    job.pause()
    reach.set()
    await wait_all_tasks_blocked()
    assert job.state == "paused"
    return job


# --- submit ------------------------------------------------------------------------------------


async def test_a_method_is_the_same_function_each_time() -> None:
    """Python makes a new object whenever one is looked up."""
    worker = Worker()
    async with ja.open_jobs() as jobs:
        keyed = jobs.options(key="the one")
        job = keyed.submit(worker.work)
        assert keyed.submit(worker.work) == job
        with pytest.raises(ja.DuplicateJob, match="another function"):
            keyed.submit(Worker().work)
        job.cancel()


async def test_a_submit_that_is_refused_replaces_nothing() -> None:
    """The job with this key goes on."""
    async with ja.open_jobs(resources={"gpu": 2}) as jobs:
        job = jobs.options(key="the one").submit(trio.sleep_forever)
        replacing = jobs.options(key="the one", on_duplicate="replace", resources={"gpu": 3})
        with pytest.raises(ja.TooMuch):
            replacing.submit(trio.sleep_forever)
        assert job.state == "running"
        job.cancel()


async def test_a_submit_from_a_thread_hears_that_it_asks_for_too_much() -> None:
    """It is not left with a handle of a job that never ends."""
    async with ja.open_jobs() as jobs:
        greedy = jobs.options(resources={"gpu": 2})
        with pytest.raises(ja.TooMuch):
            await trio.to_thread.run_sync(greedy.submit, trio.sleep_forever)


# --- dependencies ------------------------------------------------------------------------------


async def test_no_job_starts_while_its_sisters_are_cancelled() -> None:
    """All that come after a failed job are cancelled before its slot is given away."""
    async with ja.open_jobs(max_running=1, unread_failures="ignore") as jobs:
        upstream = jobs.submit(fail)
        sisters = [jobs.options(after=upstream).submit(trio.sleep_forever) for _ in range(3)]
        ended = [await sister.wait() for sister in sisters]
    assert [(sister.state, sister.attempt) for sister in ended] == [("cancelled", 0)] * 3


async def test_a_restarted_job_needs_the_results_it_takes() -> None:
    """It is cancelled once more, and does not run with None in place of the result."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        upstream = jobs.submit(fail)
        job = jobs.submit(trio.sleep, upstream)  # type: ignore[arg-type]
        await job.wait()
        again = await job.restart().wait()
    assert (again.state, again.attempt) == ("cancelled", 0)


# --- waiting -----------------------------------------------------------------------------------


async def test_holding_all_jobs_is_what_those_in_the_queue_wait_for() -> None:
    """Their rows say so, and no longer when they are released."""
    async with ja.open_jobs(max_running=1) as jobs:
        jobs.submit(trio.sleep_forever)
        waiting = jobs.submit(trio.sleep_forever)
        jobs.hold_dispatch()
        assert waiting.snapshot().waiting == "hold"
        jobs.release_dispatch()
        assert waiting.snapshot().waiting == "slot"
        jobs.select().cancel()


async def test_a_start_time_can_be_changed(autojump_clock: MockClock) -> None:
    """Also of a job that had none, or back to none."""
    async with ja.open_jobs(max_running=1) as jobs:
        first = jobs.submit(trio.sleep, 10)
        later = jobs.submit(trio.sleep, 0)
        later.update(start_at=first.info.submitted_at + 100)
        assert later.snapshot().waiting == "start time"
        await later
        assert trio.current_time() == pytest.approx(100)
        sooner = jobs.options(start_at=first.info.submitted_at + 10_000).submit(trio.sleep, 0)
        sooner.update(start_at=None)
        await sooner
        assert trio.current_time() == pytest.approx(100)


async def test_a_snoozed_attempt_has_not_failed(autojump_clock: MockClock) -> None:
    """It takes away none of those that `retry` allows."""

    async def snooze_then_fail() -> int:
        attempt = ja.current_job().attempt
        if attempt < 3:
            raise ja.Snooze(1)
        if attempt == 3:
            raise ValueError("the only failure")
        return attempt

    async with ja.open_jobs() as jobs:
        assert await jobs.options(retry=ja.Retry(max=2)).run(snooze_then_fail) == 4


# --- the end of the block ----------------------------------------------------------------------


async def _after_a_held_job(jobs: ja.Jobs) -> ja.Job[None]:
    held = jobs.options(hold=True).submit(trio.sleep, 0)
    return jobs.options(after=held).submit(trio.sleep, 0)


async def _waiting_for_a_held_job(jobs: ja.Jobs) -> ja.Job[None]:
    held = jobs.options(hold=True).submit(trio.sleep, 0)

    async def wait() -> None:
        await held.wait()

    return jobs.submit(wait)


async def _behind_a_paused_job(jobs: ja.Jobs) -> ja.Job[None]:
    await paused(jobs.options(resources="mutex"))
    return jobs.options(resources="mutex").submit(trio.sleep, 0)


@pytest.mark.parametrize(
    ("situation", "state"),
    [
        (_after_a_held_job, "cancelled"),
        (_waiting_for_a_held_job, "succeeded"),
        (_behind_a_paused_job, "succeeded"),
    ],
)
async def test_a_block_ends_although_a_job_waits_for_one_at_rest(
    situation: Callable[[ja.Jobs], Awaitable[ja.Job[None]]], state: str
) -> None:
    """Otherwise both would wait for ever: the one at rest is cancelled."""
    with trio.fail_after(20):
        async with ja.open_jobs() as jobs:
            job = await situation(jobs)
    assert job.state == state


async def test_nothing_starts_while_everything_is_cancelled() -> None:
    """Not even what was next, when the job that it waited for goes first."""
    handles: list[ja.Job[None]] = []

    async def leave() -> None:
        async with ja.open_jobs() as jobs:
            first = jobs.options(hold=True).submit(trio.sleep_forever)
            handles.append(jobs.options(after=ja.after(first)).submit(trio.sleep_forever))
            raise KeyError

    with pytest.raises(KeyError):
        await leave()
    ended = handles[0].snapshot()
    assert (ended.state, ended.attempt) == ("cancelled", 0)


# --- cancel ------------------------------------------------------------------------------------


async def test_a_cancelled_job_that_cleans_up_waits_for_no_slot() -> None:
    """Under a shield the cancel itself cannot wake it."""
    go = trio.Event()

    async def clean_up(other: ja.Job[None]) -> str:
        with trio.CancelScope(shield=True):
            await other.wait()
            return "cleaned up"
        raise AssertionError

    with trio.fail_after(20):
        async with ja.open_jobs(max_running=1) as jobs:
            other = jobs.submit(go.wait)
            waiting = jobs.options(priority="high").submit(clean_up, ja.handle(other))
            other.pause()
            greedy = jobs.submit(trio.sleep_forever)
            other.resume()
            go.set()
            await other.wait()
            await wait_all_tasks_blocked()
            assert greedy.state == "running"  # it has got the only slot
            waiting.cancel()
            assert await waiting == "cleaned up"
            greedy.cancel()


async def test_a_paused_job_that_unwinds_holds_a_slot() -> None:
    """It works again, and nobody else may take its place meanwhile."""
    clean = trio.Event()

    async def clean_up(reach: trio.Event) -> None:
        try:
            await stand_still(reach)
        finally:
            with trio.CancelScope(shield=True):
                await clean.wait()

    async with ja.open_jobs(max_running=1) as jobs:
        reach = trio.Event()
        job = jobs.submit(clean_up, reach)
        job.pause()
        reach.set()
        await wait_all_tasks_blocked()
        job.cancel()
        other = jobs.submit(trio.sleep, 0)
        await wait_all_tasks_blocked()
        assert (job.state, other.snapshot().waiting) == ("cancelling", "slot")
        clean.set()
        await other


async def test_a_job_whose_resource_is_free_waits_for_a_slot() -> None:
    """Its row does not go on to blame the resource."""
    go, both = trio.Event(), {"resources": "mutex"}
    async with ja.open_jobs(max_running=2) as jobs:
        holding = jobs.options(**both).submit(go.wait)  # type: ignore[arg-type]
        waiting = jobs.options(**both).submit(trio.sleep, 0)  # type: ignore[arg-type]
        jobs.submit(trio.sleep_forever)
        assert waiting.snapshot().waiting == "resource"
        jobs.scale(1)
        go.set()
        await holding
        assert waiting.snapshot().waiting == "slot"
        jobs.select(state="running").cancel()
        await waiting


async def test_a_block_ends_when_a_start_time_comes_behind_a_paused_job(
    autojump_clock: MockClock,
) -> None:
    """Until then the job would go on by itself; from then on it waits for what the other holds."""
    async with ja.open_jobs() as jobs:
        resting = await paused(jobs.options(resources="mutex"))
        later = jobs.options(resources="mutex", start_at=resting.info.submitted_at + 100)
        job = later.submit(trio.sleep, 0)
    assert (resting.state, job.state) == ("cancelled", "succeeded")
