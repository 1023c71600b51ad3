"""The registry: a finished job stays until it is read, or retention removes it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock


async def make(size: int = 0) -> bytes:
    """Return so many bytes."""
    return bytes(size)


async def fail() -> None:
    """Fail."""
    raise ValueError


async def finish(jobs: ja.Jobs, count: int = 1, size: int = 0) -> list[ja.Job[bytes]]:
    """Let jobs end one after the other, and read none of them."""
    handles = []
    for _ in range(count):
        job = jobs.submit(make, size)
        await job.wait()
        handles.append(job)
    return handles


async def test_a_finished_job_is_unread_until_it_is_read() -> None:
    """``result``, ``exception`` and ``await`` read; ``wait``, ``snapshot`` and ``peek`` look."""
    async with ja.open_jobs() as jobs:
        one, two, three, four = await finish(jobs, 4)
        one.snapshot()
        jobs.registry.peek(two.id)
        assert [s.id for s in jobs.registry.unread()] == [one.id, two.id, three.id, four.id]
        one.result()
        two.exception()
        await three
        assert [s.id for s in jobs.registry.unread()] == [four.id]
        assert [one.snapshot().read, four.snapshot().read] == [True, False]
        assert jobs.stats().unread == 1
        assert repr(jobs.registry) == "<registry of 4 jobs, 1 unread>"


async def end_awaited(work: Callable[[], Awaitable[object]], jobs: ja.Jobs) -> tuple[bool, bool]:
    """Let a job end while a thread waits for it: whether it was read then, and whether later."""
    go, at_its_end = trio.Event(), list[bool]()

    async def wait_and_work() -> None:
        await go.wait()
        await work()

    job = jobs.submit(wait_and_work)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.to_thread.run_sync, job.exception))
        while not job._record.is_awaited:  # noqa: ASYNC110 - a thread sets it
            await trio.sleep(0.001)
        job._record.settled.call_when_set(lambda: at_its_end.append(job.snapshot().read))
        go.set()
    while not job.snapshot().read:  # noqa: ASYNC110 - as above
        await trio.sleep(0.001)
    return at_its_end[0], job.snapshot().read


async def test_a_job_for_whose_result_a_thread_waits_is_read_when_it_ends() -> None:
    """Not in a step after that, for which the thread would have to wake the loop once more."""
    async with ja.open_jobs() as jobs:
        assert await end_awaited(make, jobs) == (True, True)


async def test_a_failure_is_read_by_its_reader_alone() -> None:
    """It may be interrupted just when the job fails, and the failure is to be told all the same."""
    async with ja.open_jobs() as jobs:
        assert await end_awaited(fail, jobs) == (False, True)


async def test_a_result_that_a_thread_has_given_up_stays_unread() -> None:
    """The job ends after the timeout of the last that waited."""
    async with ja.open_jobs() as jobs:
        go = trio.Event()
        job = jobs.submit(go.wait)
        with pytest.raises(TimeoutError):
            await trio.to_thread.run_sync(job.result, 0.01)
        go.set()
        await job.wait()
        assert not job.snapshot().read


async def test_taking_reads_and_removes() -> None:
    """The handle keeps the outcome; the registry says that it is gone."""
    async with ja.open_jobs() as jobs:
        [job] = await finish(jobs, size=3)
        taken = jobs.registry.take(job.id)
        assert taken.outcome is not None
        assert taken.outcome.value == bytes(3)
        assert job.id not in jobs.registry
        assert job.result() == await job == bytes(3)
        for look in (jobs.registry.peek, jobs.registry.take, jobs.get):
            with pytest.raises(ja.UnknownJob, match="may have been let go"):
                look(job.id)


async def test_an_unfinished_job_cannot_be_taken() -> None:
    """The error says what to do first."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        with pytest.raises(ja.IllegalVerb, match="cancel it first"):
            jobs.registry.take(job.id)
        job.cancel()


async def test_a_taken_failure_is_no_unread_one() -> None:
    """Nothing leaves the block."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(fail)
        await job.wait()
        jobs.registry.take(job.id)


async def test_the_newest_read_ones_are_kept_for_the_eye() -> None:
    """A hundred by default, or as many as asked for."""
    async with ja.open_jobs() as jobs:
        for job in await finish(jobs, 105):
            await job
        assert len(jobs.registry) == 100
    async with ja.open_jobs(retention=ja.Retention(read=2)) as jobs:
        handles = await finish(jobs, 5)
        for job in handles:
            await job
        assert [s.id for s in jobs.list()] == [job.id for job in handles[-2:]]


async def test_the_count_prunes_the_oldest_and_read_ones_first() -> None:
    """Unread jobs are counted, and the event marks them."""
    removed: list[ja.JobRemoved] = []
    async with ja.open_jobs(retention=ja.Retention(jobs=3)) as jobs:

        def note(event: ja.Event) -> None:
            if isinstance(event, ja.JobRemoved):
                removed.append(event)

        jobs.on_event(note, ja.JobRemoved)
        one, two, three = await finish(jobs, 3)
        await two
        four, five = await finish(jobs, 2)
        assert [s.id for s in jobs.list()] == [three.id, four.id, five.id]
        assert jobs.stats().pruned_unread == 1
        assert one.result() == b""
    assert [(event.job_id, event.unread) for event in removed] == [(two.id, False), (one.id, True)]
    assert {event.why for event in removed} == {"more than 3 finished jobs"}


async def test_the_size_of_results_prunes() -> None:
    """Estimated, over all finished jobs."""
    async with ja.open_jobs(retention=ja.Retention(result_bytes=2500)) as jobs:
        _, two, three = await finish(jobs, 3, size=1000)
        assert [s.id for s in jobs.list()] == [two.id, three.id]
        assert jobs.stats().pruned_unread == 1


async def test_age_prunes_read_and_unread(autojump_clock: MockClock) -> None:
    """A young one that was read does not hide an old one that was not."""
    async with ja.open_jobs(retention=ja.Retention(age=100)) as jobs:
        old, old_read = await finish(jobs, 2)
        await old_read
        await trio.sleep(80)
        [young] = await finish(jobs)
        await young
        await trio.sleep(80)
        [last] = await finish(jobs)
        assert [s.id for s in jobs.list()] == [young.id, last.id]
        assert jobs.stats().pruned_unread == 1
        assert old.snapshot().state == "succeeded"


async def test_unfinished_jobs_are_never_pruned(autojump_clock: MockClock) -> None:
    """Whatever the limits."""
    async with ja.open_jobs(retention=ja.Retention(0, 0, 0, 0)) as jobs:
        running = jobs.submit(trio.sleep, 10)
        held = jobs.options(hold=True).submit(make)
        await finish(jobs, 3)
        assert [s.id for s in jobs.list()] == [running.id, held.id]
        held.cancel()
        await running
        assert running.state == "succeeded"


async def test_a_handle_is_read_even_after_pruning() -> None:
    """Reading what the registry has let go is no error."""
    async with ja.open_jobs(retention=ja.Retention(jobs=0)) as jobs:
        [job] = await finish(jobs, size=2)
        assert await job == bytes(2)
        assert len(jobs.registry) == 0
