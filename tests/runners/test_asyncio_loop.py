"""asyncio jobs: one private loop, cancelled and paused as others are."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.runners import asyncio_loop

if TYPE_CHECKING:
    from collections.abc import Callable


def in_asyncio(jobs: ja.Jobs, **options: Any) -> ja.Submitter:
    """What the tests submit with."""
    return jobs.options(runner="asyncio", **options)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something another thread does."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - it is another thread's
            await trio.sleep(0.002)


async def sleep_long() -> None:
    """Work that says when it has begun, and ends by its cancel only."""
    ja.progress(1)
    await asyncio.sleep(1000)


async def say(words: str) -> str:
    """Work that is done soon."""
    await asyncio.sleep(0)
    return words


async def begun(job: ja.Job[Any]) -> None:
    """Wait until the job has reported anything."""
    await until(lambda: job.snapshot().progress.done)


async def test_all_share_one_loop_in_a_thread_of_its_own() -> None:
    """Neither the trio loop nor the main thread."""

    async def where() -> tuple[int, asyncio.AbstractEventLoop]:
        await asyncio.sleep(0)
        return threading.get_ident(), asyncio.get_running_loop()

    async with ja.open_jobs() as jobs:
        first, second = await in_asyncio(jobs).run(where), await in_asyncio(jobs).run(where)
    assert first == second
    assert first[0] != threading.get_ident()


async def test_context_variables_are_a_copy_of_the_submitters() -> None:
    """In its own task and in those it starts; what it sets stays with it."""
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("the submitter's")

    async def look() -> str:
        return f"{variable.get()}, {ja.current_job().name}"

    async def work() -> list[str]:
        seen = [await look(), await asyncio.create_task(look())]
        variable.set("the job's")
        return seen

    async with ja.open_jobs() as jobs:
        assert await in_asyncio(jobs).run(work) == ["the submitter's, work"] * 2
    assert variable.get() == "the submitter's"


async def test_a_cancel_cancels_the_task_once_with_its_reason() -> None:
    """And the job is cancelled."""
    seen: list[tuple[object, ...]] = []

    async def work() -> None:
        try:
            await sleep_long()
        except asyncio.CancelledError as exc:
            seen.append(exc.args)
            await asyncio.sleep(0)  # the cleanup may wait
            seen.append(())
            raise

    async with ja.open_jobs() as jobs:
        job = in_asyncio(jobs).submit(work)
        await begun(job)
        job.cancel("enough")
        outcome = (await job.wait()).outcome
    assert outcome is not None
    assert (outcome.state, outcome.reason) == (ja.JobState.CANCELLED, "enough")
    assert seen == [("enough",), ()]


async def test_a_cancel_before_its_first_step_ends_it_too() -> None:
    """The task is then never run at all; nobody hangs."""
    blocked, go_on = threading.Event(), threading.Event()

    async def block() -> None:
        blocked.set()
        go_on.wait()

    ran: list[int] = []

    async def work() -> None:
        ran.append(1)

    async with ja.open_jobs() as jobs:
        blocker = in_asyncio(jobs).submit(block)
        await until(blocked.is_set)
        job = in_asyncio(jobs).submit(work)
        await until(lambda: job.state is ja.JobState.RUNNING)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
        await blocker
        assert (await job.wait()).state is ja.JobState.CANCELLED
    assert ran == []


async def test_a_job_that_swallows_the_cancel_says_whether_it_has_finished() -> None:
    """Else it has stopped where it was, and its value is a partial result."""

    async def work(finished: bool) -> str:
        try:
            await sleep_long()
        except asyncio.CancelledError:
            return ja.succeeded("done all the same") if finished else "so far"
        return "never"

    async with ja.open_jobs() as jobs:
        for finished in (True, False):
            job = in_asyncio(jobs).submit(work, finished)
            await begun(job)
            job.cancel()
            if finished:
                assert await job == "done all the same"
                continue
            with pytest.raises(ja.JobCancelled) as caught:
                await job
            assert caught.value.partial == "so far"


async def test_a_cancel_while_what_a_job_left_behind_ends_changes_nothing() -> None:
    """Its function had returned, and was told of nothing."""
    leaving = asyncio.Event()
    cancelled = threading.Event()

    async def linger() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            leaving.set()
            while not cancelled.is_set():
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.001)

    async def work() -> str:
        task = asyncio.create_task(linger())
        await asyncio.sleep(0)
        assert not task.done()
        return "done"

    async with ja.open_jobs() as jobs:
        job = in_asyncio(jobs).submit(work)
        await until(leaving.is_set)
        job.cancel()
        await trio.testing.wait_all_tasks_blocked()
        cancelled.set()
        assert await job == "done"


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()]
)
async def test_what_would_end_a_loop_ends_the_job_alone(error: BaseException) -> None:
    """Some of these would go through asyncio's loop; here they do not get that far."""

    async def leave() -> None:
        raise error

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.JobFailed) as caught:
            await in_asyncio(jobs).run(leave)
        assert caught.value.__cause__ is error
        assert await in_asyncio(jobs).run(say, "alive") == "alive"


async def test_a_task_of_a_job_that_exits_does_not_end_the_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It goes through the loop, is logged, and the loop goes on."""

    async def leave() -> None:
        raise SystemExit

    async def work() -> str:
        task = asyncio.create_task(leave())
        await asyncio.wait([task])
        return type(task.exception()).__name__

    async with ja.open_jobs() as jobs:
        assert await in_asyncio(jobs).run(work) == "SystemExit"
    assert "the loop goes on" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_a_job_that_stops_the_loop_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The warning says what to do instead."""

    async def stop() -> str:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        return "after it"

    async with ja.open_jobs() as jobs:
        other = in_asyncio(jobs).submit(sleep_long)
        await begun(other)
        with trio.fail_after(30):
            assert await in_asyncio(jobs, grace=0.1).run(stop) == "after it"
            assert await in_asyncio(jobs, grace=0.1).run(say, "on") == "on"
        assert other.state == "running"
        other.cancel()
    assert "Let the function return" in caplog.text


async def test_a_job_that_shuts_the_executor_down_leaves_it_to_the_others() -> None:
    """As a program does that has the loop for itself."""

    async def shut_down() -> None:
        await asyncio.get_running_loop().shutdown_default_executor()

    async def use_a_thread() -> str:
        return await asyncio.to_thread(str, 1)

    async with ja.open_jobs() as jobs:
        await in_asyncio(jobs).run(shut_down)
        assert await in_asyncio(jobs).run(use_a_thread) == "1"


async def test_tasks_it_leaves_are_cancelled_and_waited_for() -> None:
    """As at the end of asyncio.run: no task outlives its job."""
    ended: list[str] = []

    async def stay(name: str) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0.01)
            ended.append(name)

    async def work() -> str:
        tasks = [asyncio.create_task(stay(name)) for name in "ab"]
        await asyncio.sleep(0)
        return str(len(tasks))

    async with ja.open_jobs() as jobs:
        assert await in_asyncio(jobs).run(work) == "2"
    assert sorted(ended) == ["a", "b"]
    assert asyncio_loop._tasks == {}


async def test_it_pauses_where_it_can_wait() -> None:
    """In the tracked loop; the others go on, and a plain `for` never stops the loop."""

    async def count() -> None:
        async for _ in ja.track(range(10**9)):
            await asyncio.sleep(0.001)

    async def plain() -> None:
        for _ in ja.track(range(10**9)):
            ja.progress(1)
            await asyncio.sleep(0.001)

    async with ja.open_jobs() as jobs:
        job, other = in_asyncio(jobs).submit(count), in_asyncio(jobs).submit(plain)
        await until(lambda: job.snapshot().progress.done > 1)
        other.pause()
        job.pause()
        await until(lambda: job.state is ja.JobState.PAUSED)
        assert await in_asyncio(jobs).run(say, "not held up") == "not held up"
        assert other.state is ja.JobState.RUNNING
        done = job.snapshot().progress.done
        job.resume()
        await until(lambda: job.snapshot().progress.done > done)
        for each in (job, other):
            each.cancel()
            assert (await each.wait()).state is ja.JobState.CANCELLED


async def test_check_is_a_point_to_pause_and_to_cancel() -> None:
    """`await ctx.check()`, as in trio code."""

    async def work() -> None:
        while True:
            ja.progress(1)
            await ja.current_job().check()

    async with ja.open_jobs() as jobs:
        job = in_asyncio(jobs).submit(work)
        await begun(job)
        job.pause()
        await until(lambda: job.state is ja.JobState.PAUSED)
        job.cancel()
        assert (await job.wait()).state is ja.JobState.CANCELLED


async def test_a_blocking_job_holds_up_nobody_but_asyncio_jobs() -> None:
    """The trio loop goes on; a system that closes leaves it behind, and says so."""
    go_on = threading.Event()

    async def block() -> None:
        ja.progress(1)
        go_on.wait()

    with pytest.raises(KeyError):  # noqa: PT012 - the block is what is tested
        async with ja.open_jobs() as jobs:
            job = in_asyncio(jobs, grace=0.05).submit(block)
            await begun(job)
            assert await jobs.run(lambda: 1) == 1
            raise KeyError
    outcome = job.snapshot().outcome
    assert outcome is not None
    assert "abandoned" in (outcome.reason or "")
    go_on.set()


async def test_a_plain_function_is_refused() -> None:
    """With the runner that fits."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match='runner="thread"'):
            await in_asyncio(jobs).run(lambda: 3)


async def _pass(seconds: float) -> None:
    await asyncio.sleep(seconds)


@pytest.mark.parametrize("seconds", [0, 0.1])
async def test_asyncio_code_on_trio_is_told_where_it_belongs(seconds: float) -> None:
    """Two different errors, one note."""
    async with ja.open_jobs() as jobs:
        with pytest.raises((RuntimeError, TypeError)) as caught:
            await jobs.run(_pass, seconds)
        assert any('runner="asyncio"' in note for note in caught.value.__notes__)
        await in_asyncio(jobs).run(_pass, seconds)


async def test_a_timeout_cancels_it() -> None:
    """And it has failed."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.JobTimedOut):
            await in_asyncio(jobs, timeout=0.05).run(asyncio.sleep, 1000)
