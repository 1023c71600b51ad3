"""Callers in asyncio: what works there works as in trio, and what does not says what to use."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.testing import record_events

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


@pytest.fixture
def jobs() -> Iterator[ja.Jobs]:
    """A started system."""
    yield ja.start()
    ja.stop(0)


async def until_running(jobs: ja.Jobs) -> ja.JobSnapshot:
    """Wait until the newest job runs."""
    await until(lambda: bool(jobs.list(state="running")))
    return jobs.list(state="running")[-1]


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again: what is waited for happens in another loop."""
    while not condition():  # noqa: ASYNC110 - there is no event of it in this loop
        await asyncio.sleep(0.001)


def test_a_run_is_cancelled_with_its_caller(jobs: ja.Jobs) -> None:
    """Its end is waited for, and then the cancellation goes on."""

    async def main() -> None:
        task = asyncio.create_task(jobs.run(trio.sleep_forever))
        job = await until_running(jobs)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended = jobs.get(job.id).snapshot()
        assert (ended.state, ended.reason) == ("cancelled", "its caller was cancelled")

    asyncio.run(main())


def test_a_timeout_around_a_run_ends_its_job(jobs: ja.Jobs) -> None:
    """Under the names of asyncio."""
    begun, asked = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        while not ja.current_job().cancel_requested:
            asked.wait(0.001)
        asked.set()
        ja.current_job().check()

    async def main() -> None:
        run = asyncio.create_task(jobs.run(work))
        await until(begun.is_set)  # a job that has not begun is never called
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run, 0.05)

    asyncio.run(main())
    assert asked.is_set()
    assert [job.state for job in jobs.list()] == ["cancelled"]


def test_a_second_cancel_ends_the_wait_for_a_job_that_does_not_end(jobs: ja.Jobs) -> None:
    """As it would end any wait in asyncio."""
    go = threading.Event()

    async def main() -> None:
        task = asyncio.create_task(jobs.run(go.wait))
        job = await until_running(jobs)
        task.cancel()
        await until(lambda: jobs.get(job.id).state == "cancelling")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert jobs.get(job.id).state == "cancelling"

    try:
        asyncio.run(main())
    finally:
        go.set()


def test_a_job_of_another_caller_outlives_a_run(jobs: ja.Jobs) -> None:
    """One with the same key, which was there before."""

    async def main() -> None:
        job = jobs.options(key="k").submit(trio.sleep_forever)
        await until_running(jobs)
        task = asyncio.create_task(jobs.options(key="k").run(trio.sleep_forever))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert job.state == "running"

    asyncio.run(main())


def test_callbacks_and_recorded_events_work_in_asyncio(jobs: ja.Jobs) -> None:
    """They come from the jobs' own loop."""
    told = threading.Event()

    async def main() -> list[str]:
        stop = jobs.on_change(lambda _: told.set())
        async with record_events(jobs) as events:
            assert await jobs.run(int, "7") == 7
            await until(lambda: any(isinstance(event, ja.JobRead) for event in events))
        assert await asyncio.to_thread(told.wait, 30)
        stop()
        return [type(event).__name__ for event in events]

    assert asyncio.run(main()) == ["JobQueued", "JobStarted", "JobFinished", "JobRead"]


async def open_a_block(_: ja.Jobs) -> None:
    """Open a block of trio code."""
    async with ja.open_jobs():
        pass


async def subscribe(jobs: ja.Jobs) -> None:
    """Read the bus."""
    async with jobs.subscribe():
        pass


async def run_a_chain(_: ja.Jobs) -> None:
    """Run a chain here."""
    await ja.chain(ja.phase("one", int)).run()


async def close(jobs: ja.Jobs) -> None:
    """Close the system."""
    await jobs.close()


@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (open_a_block, r"ja.start\(\), whose jobs are awaited anywhere"),
        (subscribe, r"jobs.on_event\(function\)"),
        (run_a_chain, r"await jobs.submit\(chain\)"),
        (close, r"ja.stop\(\)"),
    ],
)
def test_what_needs_trio_says_what_to_use(
    jobs: ja.Jobs, call: Callable[[ja.Jobs], Coroutine[Any, Any, None]], cure: str
) -> None:
    """At the call, and in our words."""
    with pytest.raises(ja.WrongLoop, match=cure):
        asyncio.run(call(jobs))
    assert jobs.submit(int, "7").result() == 7
