"""``ja.open_job``: a job that is opened in one place and completed in another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja
from tests.engine.stored_jobs_samples import registered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def test_a_job_is_opened_here_and_completed_there() -> None:
    """It runs meanwhile, takes no slot, and reports; another thread may end it."""
    async with ja.open_jobs(max_running=1) as jobs:
        opened = ja.open_job("scrape", {"username": "x"}, subject="x", tags="web")
        assert (opened.job.state, opened.job.info.type) == ("running", "scrape")
        assert [job.id for job in jobs.select(type="scrape", subject="x")] == [opened.id]
        assert opened.job.arguments == ((), {"username": "x"})
        assert await jobs.run(value, 1) == 1
        opened.progress(1, 4, "begun", "pages", broken=1)
        opened.progress(message="so far")
        opened.write_log("a line\n")
        thread = threading.Thread(target=opened.complete, args=({"pages": 4},))
        thread.start()
        assert await opened.job == {"pages": 4}
        thread.join()
        progress = opened.job.snapshot().progress
        assert (progress.done, progress.total, progress.message) == (1, 4, "so far")
        assert (progress.unit, progress.counters) == ("pages", {"broken": 1})
        assert opened.job.logs() == "a line\n"


async def test_each_report_is_shown_although_the_job_says_nothing_else() -> None:
    """A board that waits for news hears of it, also after a silence."""
    async with ja.open_jobs() as jobs, jobs.subscribe(ja.JobProgressed) as batches:
        opened = ja.open_job("scrape")
        seen = list[float]()
        with trio.fail_after(60):
            for done in (1, 2, 3):
                opened.progress(done, 3)
                while done not in seen:
                    seen += [event.progress.done for event in await batches.__anext__()]
        opened.complete()
    assert seen == [1, 2, 3]


async def value(thing: object) -> object:
    """Return it, after a cancel point."""
    await trio.lowlevel.checkpoint()
    return thing


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (lambda opened: opened.fail(ValueError("no")), "failed"),
        (lambda opened: opened.fail("no"), "failed"),
        (lambda opened: opened.cancelled({"pages": 1}), "cancelled"),
        (lambda opened: opened.complete(), "succeeded"),
    ],
)
async def test_it_ends_as_its_opener_says(end: Callable[[Any], None], state: str) -> None:
    """The first end counts."""
    async with ja.open_jobs(unread_failures="ignore"):
        opened = ja.open_job("scrape")
        end(opened)
        with pytest.raises(ja.IllegalVerb, match="has ended it already"):
            opened.complete("late")
        snapshot = await opened.job.wait()
        assert snapshot.state == state
        assert snapshot.outcome is not None
        assert snapshot.outcome.value in ({"pages": 1}, None)
        if state == "failed":
            with pytest.raises((ValueError, ja.JobFailed), match="no"):
                await opened.job


async def test_a_cancel_is_asked_for_and_the_opener_answers() -> None:
    """One that completes all the same has succeeded."""
    async with ja.open_jobs():
        one, two = ja.open_job("scrape"), ja.open_job("scrape")
        assert not one.cancel_requested
        for opened in (one, two):
            opened.job.cancel("enough")
            assert opened.cancel_requested
        one.cancelled()
        two.complete(2)
        assert (await one.job.wait()).state == "cancelled"
        assert await two.job == 2


async def test_a_registered_type_may_be_opened() -> None:
    """Its arguments are checked; its function is not called, since the opener does the work."""
    async with ja.open_jobs():
        with registered(value=value):
            opened = ja.open_job("value", {"thing": 1})
            assert opened.job.info.type == "value"
            opened.complete()
            with pytest.raises(TypeError, match="cannot be called so"):
                ja.open_job("value", {"other": 1})


async def test_a_dropped_handle_fails_its_job() -> None:
    """It could not be ended any more."""
    async with ja.open_jobs():
        job = ja.open_job("scrape").job
        with pytest.raises(ja.JobFailed, match="dropped"):
            await job


async def test_what_cannot_be_opened_is_refused() -> None:
    """At once."""
    with pytest.raises(ja.NoJobSystem):
        ja.open_job("scrape")
    async with ja.open_jobs():
        with pytest.raises(TypeError, match="type is text"):
            ja.open_job(print)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="not empty"):
            ja.open_job("")
        opened = ja.open_job("scrape")
        with pytest.raises(TypeError, match="Exception or a text"):
            opened.fail(3)  # type: ignore[arg-type]
        opened.complete()


async def test_an_end_of_the_system_does_not_wait_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A block that is left by an error cancels the job, and leaves it behind after its grace."""
    with pytest.raises(LookupError):  # noqa: PT012 - the block's own
        async with ja.open_jobs():
            opened = ja.open_job("scrape", grace=1)
            raise LookupError
    assert opened.job.state == "cancelled"
    opened.complete()


async def test_it_is_not_restarted_nor_is_a_block() -> None:
    """Its code is elsewhere: a job that did nothing would end as if it had done it."""
    async with ja.open_jobs() as jobs:
        opened = ja.open_job("scrape")
        opened.complete()
        async with ja.tracked("import") as block:
            pass
        await opened.job
        for job in (opened.job, jobs.get(block.id)):
            with pytest.raises(ja.NotResumable, match="run that again"):
                job.restart()
        assert len(jobs) == 2


def test_one_that_was_left_behind_in_a_store_is_cancelled_when_that_is_opened_again(
    tmp_path: Path,
) -> None:
    """Nothing could resume it: what would end it is gone."""
    ja.start(store=tmp_path / "jobs.db", display=None)
    opened = ja.open_job("scrape", grace=0.1)
    ja.stop(0)
    assert opened.job.state == "interrupted"
    opened.complete()
    jobs = ja.start(store=tmp_path / "jobs.db", display=None)
    (job,) = jobs
    assert (job.id, job.state) == (opened.id, "cancelled")
    assert jobs.resumable() == []
    ja.stop(0)
