"""Thread jobs: the promises that are theirs alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_each_job_has_a_thread_of_its_own() -> None:
    """Named after the job; ``max_running`` limits them, and nothing else."""
    meeting = threading.Barrier(60)
    names: list[str] = []

    def meet() -> None:
        names.append(threading.current_thread().name)
        meeting.wait(30)

    async with ja.open_jobs() as jobs:
        handles = [jobs.submit(meet) for _ in range(60)]
    assert sorted(names) == sorted(f"job {job.id}" for job in handles)


async def test_an_async_function_in_a_thread_fails_with_a_reason() -> None:
    """It was never awaited, and nobody is told that it was."""

    async def work() -> None:
        """Do nothing."""

    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="sync"):
            await jobs.options(runner="thread").run(work)


async def test_a_thread_can_wait_for_the_cancel() -> None:
    """Without an exception, and with its reason."""
    begun = threading.Event()

    def wait() -> str | None:
        request = ja.current_job().wait_cancel_requested()
        with pytest.raises(TimeoutError):
            request.result(timeout=0)
        begun.set()
        return request.result()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(wait)
        await trio.to_thread.run_sync(begun.wait)
        job.cancel("enough")
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == "enough"


async def test_polling_the_request_and_returning_keeps_the_partial_result() -> None:
    """The request can be seen without an exception."""
    begun, go = threading.Event(), threading.Event()

    def poll() -> object:
        begun.set()
        go.wait()
        return ja.cancelled("half") if ja.current_job().cancel_requested else "whole"

    async with ja.open_jobs() as jobs:
        job = jobs.submit(poll)
        await trio.to_thread.run_sync(begun.wait)
        job.cancel()
        go.set()
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == "half"


async def test_a_threads_own_reports_end_with_its_attempt(autojump_clock: MockClock) -> None:
    """A thread the job left behind reports for nobody: no event follows the last one."""
    go, done = threading.Event(), threading.Event()
    events: list[ja.Event] = []

    def go_on() -> None:
        go.wait()
        ja.progress(7, 9)
        done.set()

    def work() -> None:
        ja.progress(1, 9)
        threading.Thread(target=ja.bind_context(go_on)).start()

    async with ja.open_jobs() as jobs:
        jobs.on_event(events.append)
        job = jobs.submit(work)
        await job
        go.set()
        await trio.to_thread.run_sync(done.wait)
        await trio.sleep(5)  # longer than between two samples
    assert job.snapshot().progress.done == 1
    names = [type(event).__name__ for event in events]
    assert names.index("JobFinished") > max(
        i for i, name in enumerate(names) if name == "JobProgressed"
    )
