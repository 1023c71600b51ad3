"""``Job``: what every kind of waiter gets from every kind of end; and the commands."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from contextvars import ContextVar
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from tests.engine.scripts import Script, run_script

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

# --- waiting -----------------------------------------------------------------------------------


async def answer() -> int:
    """Be a job that succeeds."""
    return 42


async def refuse() -> None:
    """Be a job that fails."""
    raise ValueError("no")


async def test_a_job_is_awaited_in_its_own_loop() -> None:
    """Any number of times, by any number of tasks."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(answer)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(job.wait)
        assert [await job, await job] == [42, 42]
        assert (await job.wait()).state == "succeeded"


async def test_a_job_is_awaited_in_another_trio_loop() -> None:
    """The running loop decides, not the library's name."""
    go = threading.Event()
    async with ja.open_jobs() as jobs:
        waited = jobs.submit(go.wait)
        failing = jobs.submit(refuse)

        async def elsewhere() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(waited.wait)
                await trio.testing.wait_all_tasks_blocked()
                go.set()
            assert await waited is True
            with pytest.raises(ValueError, match="no"):
                await failing

        await trio.to_thread.run_sync(trio.run, elsewhere)


async def test_a_job_is_awaited_in_asyncio() -> None:
    """Also by several tasks, one of which is cancelled."""
    go = threading.Event()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(go.wait)

        async def get() -> bool:
            return await job

        async def elsewhere() -> None:
            tasks = [asyncio.create_task(get()) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            assert tasks[0].cancelled()
            assert job.state == "running"
            go.set()
            assert await asyncio.gather(*tasks[1:]) == [True, True]
            assert (await job.wait()).state == "succeeded"

        await trio.to_thread.run_sync(asyncio.run, elsewhere())


async def test_a_thread_waits_with_result() -> None:
    """And gets what the job returned or raised."""
    async with ja.open_jobs() as jobs:
        job, failing = jobs.submit(answer), jobs.submit(refuse)
        assert await trio.to_thread.run_sync(job.result) == 42
        assert await trio.to_thread.run_sync(job.exception) is None
        with pytest.raises(ValueError, match="no"):
            await trio.to_thread.run_sync(failing.result)


async def test_the_end_is_waited_for_in_a_thread_without_reading_it() -> None:
    """As by ``await job.wait()``; a failed job raises nothing, and stays unread."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job, failing = jobs.submit(answer), jobs.submit(refuse)
        assert (await trio.to_thread.run_sync(job.wait().result, 5)).state == "succeeded"
        assert (await trio.to_thread.run_sync(failing.wait().result)).state == "failed"
        assert {each.id for each in jobs.registry.unread()} == {job.id, failing.id}
        assert job.wait().result() == job.snapshot(), "an ended job's can be had anywhere"


async def test_waiting_for_the_end_in_a_thread_says_what_it_cannot() -> None:
    """A timeout leaves the job alone; in the loop it would never come true."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        with pytest.raises(ja.WrongThread, match=r"use 'await job\.wait\(\)' here"):
            job.wait().result(1)
        with pytest.raises(TimeoutError, match=r"is \w+ after 0.01 s of waiting; it goes on"):
            await trio.to_thread.run_sync(job.wait().result, 0.01)
        assert job.state == "running"
        job.cancel()


async def test_a_wait_may_be_awaited_often_or_never(recwarn: pytest.WarningsRecorder) -> None:
    """It is no coroutine that has to be awaited."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(answer)
        job.wait()
        job.wait().close()
        waiting = job.wait()
        assert repr(waiting).startswith(f"<Wait for {job.id}, ")
        assert [(await waiting).state, (await waiting).state] == ["succeeded", "succeeded"]
    gc.collect()
    assert recwarn.list == []


async def test_event_loops_run_a_wait_like_a_coroutine() -> None:
    """``create_task(job.wait())`` in asyncio, also cancelled; ``run(job.wait)`` in trio."""
    go = threading.Event()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(go.wait)

        async def in_asyncio() -> None:
            lost, cancelled, kept = [asyncio.create_task(job.wait()) for _ in range(3)]
            lost.cancel()  # before it has begun
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([lost, cancelled])
            assert [lost.cancelled(), cancelled.cancelled()] == [True, True]
            assert job.state == "running"
            go.set()
            assert (await kept).state == "succeeded"

        await trio.to_thread.run_sync(asyncio.run, in_asyncio())
        snapshot = await trio.to_thread.run_sync(trio.run, job.wait)
        assert snapshot == job.snapshot()


@pytest.mark.parametrize("runner", ["thread", "trio"])
async def test_a_job_that_waits_for_the_end_of_another_lends_its_slot(runner: str) -> None:
    """In a thread and in trio: one slot is enough for both."""
    async with ja.open_jobs(max_running=1) as jobs:

        def in_thread() -> ja.JobSnapshot:
            return jobs.submit(answer).wait().result()

        async def in_trio() -> ja.JobSnapshot:
            return await jobs.submit(answer).wait()

        with trio.fail_after(30):
            job = jobs.submit(in_thread) if runner == "thread" else jobs.submit(in_trio)
            snapshot = await job
        assert snapshot.state == "succeeded"


async def test_a_timeout_of_the_waiting_leaves_the_job_alone() -> None:
    """It says how the job stands, and that it goes on."""
    go = threading.Event()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(go.wait)
        for wait in (job.result, job.exception):
            with pytest.raises(TimeoutError, match=r"is \w+ after 0.01 s of waiting; it goes on"):
                await trio.to_thread.run_sync(wait, 0.01)
        assert job.state == "running"
        go.set()
        assert await job is True


async def test_a_cancelled_waiter_leaves_the_job_alone(autojump_clock: MockClock) -> None:
    """Waiting does not own."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 5)
        with trio.move_on_after(1) as scope:
            await job
        assert scope.cancelled_caught
        assert job.state == "running"
    assert job.state == "succeeded"


async def test_blocking_in_the_loop_is_refused() -> None:
    """The error names what to write instead; a finished job's result can be had anywhere."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(answer)
        with pytest.raises(ja.WrongThread, match="await job"):
            job.result()
        with pytest.raises(ja.WrongThread, match="await job"):
            job.exception(timeout=1)
        await job
        assert job.result() == 42


async def test_the_handle_keeps_the_outcome_after_the_block() -> None:
    """Long after the system has gone, from anywhere."""
    async with ja.open_jobs() as jobs:
        job, failing = jobs.submit(answer), jobs.submit(refuse)
        await failing.wait()
        jobs.registry.take(failing.id)
    assert job.result() == await job == 42
    assert isinstance(failing.exception(), ValueError)
    assert job.cancel().state == "succeeded"


def test_an_interrupt_of_the_waiting_leaves_the_job_alone() -> None:
    """Ctrl-C during ``job.result()`` in a script, as *Interrupt* in a cell."""
    with Script(
        """
        begun, go = threading.Event(), threading.Event()

        def work():
            begun.set()
            go.wait()
            return "finished"

        jobs = ja.start()
        job = jobs.submit(work)
        begun.wait()
        try:
            print("go")
            job.result()
        except KeyboardInterrupt:
            print("interrupted", job.state)
        go.set()
        print(job.result())
        """
    ) as script:
        script.wait_for("go")
        script.interrupt()
        ended = script.end()
    assert ended.said == ["go", "interrupted running", "finished"]
    assert (ended.code, ended.errors) == (0, "")


def test_a_forked_child_gets_a_clear_error() -> None:
    """For every way to reach the parent's jobs; and it can start its own."""
    ended = run_script(
        """
        import asyncio, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of any fork beside threads, from 3.12
        go = threading.Event()
        jobs = ja.start()
        job = jobs.submit(go.wait)
        done = jobs.submit(int, "7")
        done.result()

        async def get():
            return await job

        def attempt(call):
            try:
                call()
            except ja.WrongProcess as exc:
                print("WrongProcess", "parent process" in str(exc))

        pid = os.fork()
        if not pid:
            attempt(lambda: jobs.submit(int))
            attempt(job.result)
            attempt(job.cancel)
            attempt(jobs.list)
            attempt(lambda: trio.run(get))
            attempt(lambda: asyncio.run(get()))
            print(done.result())
            print(ja.start().submit(int, "8").result())
            ja.stop()
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        go.set()
        print(job.result())
        """
    )
    assert ended.said == ["WrongProcess True"] * 6 + ["7", "8", "0", "True"]
    assert (ended.code, ended.errors) == (0, "")


# --- owning ------------------------------------------------------------------------------------


async def test_run_returns_the_result_or_raises() -> None:
    """``jobs.run`` is a call like any other."""
    async with ja.open_jobs() as jobs:
        assert await jobs.run(answer) == 42
        assert await jobs.options(name="n").run(int, "7") == 7
        with pytest.raises(ValueError, match="no"):
            await jobs.run(refuse)


async def test_run_is_cancelled_with_its_caller(autojump_clock: MockClock) -> None:
    """The job's end is waited for, and then the caller's cancellation goes on."""
    ends: list[float] = []

    async def careful() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            ends.append(trio.current_time())

    async with ja.open_jobs() as jobs:
        start = trio.current_time()
        with trio.move_on_after(1) as scope:
            await jobs.run(careful)
        assert scope.cancelled_caught
        assert ends == [trio.current_time()] == [start + 3]
        [snapshot] = jobs.list()
        assert (snapshot.state, snapshot.reason) == ("cancelled", "its caller was cancelled")


# --- cancel ------------------------------------------------------------------------------------


async def test_a_queued_job_that_is_cancelled_never_starts(autojump_clock: MockClock) -> None:
    """Not later either; and its waiters get the reason."""
    started: list[str] = []
    async with ja.open_jobs(max_running=1) as jobs:
        jobs.submit(trio.sleep, 1)
        job = jobs.submit(started.append, "never")
        assert job.cancel("changed my mind").state == "cancelled"
        with pytest.raises(ja.JobCancelled, match="changed my mind") as caught:
            await job
    assert (caught.value.reason, caught.value.job_id) == ("changed my mind", job.id)
    assert started == []
    assert job.snapshot().attempt == 0


async def test_a_running_trio_job_is_cancelled_at_its_next_cancel_point() -> None:
    """Until then it shows as cancelling, with the reason."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        snapshot = job.cancel("enough")
        assert (snapshot.state, snapshot.reason) == ("cancelling", "enough")
        assert snapshot.request is ja.Request.CANCEL
        with pytest.raises(ja.JobCancelled, match="enough"):
            await job
        assert job.state == "cancelled"


def track_for_ever(begun: threading.Event) -> None:
    """Be a thread at ``track`` over a range, which runs no Python code of ours an item."""
    for i in ja.track(range(10**9)):
        if i == 10:
            begun.set()


def track_a_generator(begun: threading.Event) -> None:
    """Be a thread at ``track`` over a generator."""
    for _ in ja.track(iter(begun.is_set, None)):
        begun.set()


def progress_for_ever(begun: threading.Event) -> None:
    """Be a thread at ``progress``."""
    while True:
        ja.progress(1)
        begun.set()


def check_for_ever(begun: threading.Event) -> None:
    """Be a thread at ``check``."""
    while True:
        ja.current_job().check()
        begun.set()


POINTS = [track_for_ever, track_a_generator, progress_for_ever, check_for_ever]


@pytest.mark.parametrize("work", POINTS)
async def test_a_thread_is_cancelled_at_its_next_point(
    work: Callable[[threading.Event], None],
) -> None:
    """``track``, ``progress`` and ``check`` are such points."""
    begun = threading.Event()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(work, begun)
        await trio.to_thread.run_sync(begun.wait)
        assert job.cancel("enough").state == "cancelling"
        with pytest.raises(ja.JobCancelled, match="enough"):
            await job


async def test_cancelling_an_ended_job_is_a_no_op() -> None:
    """It returns the job's snapshot, which stays as it was."""
    async with ja.open_jobs() as jobs:
        for job in (jobs.submit(answer), jobs.submit(refuse)):
            before = await job.wait()
            assert job.cancel("too late").state is before.state
            assert job.exception() is None or isinstance(job.exception(), ValueError)
            assert job.snapshot().reason is None


async def test_a_second_cancel_changes_nothing() -> None:
    """The first reason stays."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel("first")
        assert job.cancel("second").reason == "first"
    assert job.snapshot().reason == "first"


async def test_an_error_after_the_request_is_cancelled() -> None:
    """Whatever a job raises on its way out: it was asked to end, and has ended."""

    async def stumble() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("while cleaning up")

    async with ja.open_jobs() as jobs:
        job = jobs.submit(stumble)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        snapshot = await job.wait()
    assert snapshot.state == "cancelled"
    assert snapshot.error is not None
    assert "while cleaning up" in str(snapshot.error)


async def test_a_normal_return_after_the_request_has_succeeded() -> None:
    """A cancel is never faked: the work was done, and its result counts."""
    begun, go = threading.Event(), threading.Event()

    def finish() -> str:
        begun.set()
        go.wait()
        return "done"

    async with ja.open_jobs() as jobs:
        job = jobs.submit(finish)
        await trio.to_thread.run_sync(begun.wait)
        assert job.cancel().state == "cancelling"
        go.set()
        assert await job == "done"
        assert job.state == "succeeded"


async def test_a_shield_puts_a_threads_cancel_off() -> None:
    """Nothing is raised inside it; the next point after it raises."""
    begun, go = threading.Event(), threading.Event()
    steps: list[str] = []

    def transfer() -> None:
        with ja.shield():
            begun.set()
            go.wait()
            for _ in ja.track(range(3)):
                ja.progress(1)
            ja.current_job().check()
            steps.append("whole")
        steps.append("after")
        ja.progress(2)
        steps.append("never")

    async with ja.open_jobs() as jobs:
        job = jobs.submit(transfer)
        await trio.to_thread.run_sync(begun.wait)
        job.cancel()
        go.set()
        assert (await job.wait()).state == "cancelled"
    assert steps == ["whole", "after"]


async def test_a_job_that_is_silent_past_its_grace_is_stuck() -> None:
    """Its state shows it; it still ends as it ends."""
    begun, go = threading.Event(), threading.Event()

    def deaf() -> str:
        begun.set()
        go.wait()
        return "at last"

    async with ja.open_jobs(max_running=1) as jobs:
        stuck = trio.Event()

        async def note(_: ja.Event) -> None:
            stuck.set()

        jobs.on_event(note, ja.JobStuck)
        job = jobs.options(grace=0.01).submit(deaf)
        waiting = jobs.submit(answer)
        await trio.to_thread.run_sync(begun.wait)
        stuck = trio.Event()
        job.cancel()
        with trio.fail_after(30):
            while not job.snapshot().stuck:
                await stuck.wait()
        assert "stuck" in repr(job)
        assert waiting.state == "queued"
        go.set()
        assert await job == "at last"
        assert not job.snapshot().stuck
        assert await waiting == 42


async def test_a_trio_job_is_stuck_after_its_grace(autojump_clock: MockClock) -> None:
    """To the second."""
    async with ja.open_jobs() as jobs:
        stuck: list[float] = []

        async def note(_: ja.Event) -> None:
            stuck.append(trio.current_time())

        jobs.on_event(note, ja.JobStuck)

        async def shielded() -> None:
            with trio.CancelScope(shield=True):
                await trio.sleep(30)

        job = jobs.options(grace=7).submit(shielded)
        await trio.sleep(1)
        stuck.clear()
        asked = trio.current_time()
        job.cancel()
        await job.wait()
        # The wall-clock second of the timer is a float of ten digits before the point.
        assert stuck == [pytest.approx(asked + 7, abs=0.001)]
        assert job.state == "succeeded"


# --- deadlines ---------------------------------------------------------------------------------


async def test_a_timeout_ends_a_trio_job(autojump_clock: MockClock) -> None:
    """It has failed, and its waiter gets a TimeoutError of ours."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(timeout=5).submit(trio.sleep, 6)
        quick = jobs.options(timeout=5).submit(trio.sleep, 4)
        with pytest.raises(ja.JobTimedOut, match="timeout of 5 s") as caught:
            await job
        assert isinstance(caught.value, TimeoutError)
        assert job.state == "failed"
        await quick
        assert quick.state == "succeeded"


async def test_a_timeout_ends_a_thread() -> None:
    """At its next point."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(timeout=0.01).submit(progress_for_ever, threading.Event())
        with pytest.raises(ja.JobTimedOut, match="longer than its timeout"):
            await job
        assert job.state == "failed"


async def test_a_start_deadline_fails_what_has_not_started(autojump_clock: MockClock) -> None:
    """It never starts; one that has started in time is left alone."""
    async with ja.open_jobs(max_running=1) as jobs:
        patient = jobs.options(start_deadline=5)
        running = patient.submit(trio.sleep, 10)
        late = patient.submit(trio.sleep, 0)
        with pytest.raises(ja.JobTimedOut, match="start_deadline of 5 s"):
            await late
        assert late.snapshot().attempt == 0
        await running
        assert running.state == "succeeded"


async def test_a_retry_waits_longer_each_time(autojump_clock: MockClock) -> None:
    """It says that it waits, and until when; no delay leaves its jitter bounds."""
    starts: list[float] = []

    async def flaky() -> str:
        starts.append(trio.current_time())
        if len(starts) < 4:
            raise ConnectionError(f"attempt {ja.current_job().attempt}")
        return "through"

    async with ja.open_jobs() as jobs:
        retry = ja.Retry(max=4, base=10, factor=3, jitter=0.2, on=(OSError,))
        job = jobs.options(retry=retry).submit(flaky)
        await trio.sleep(1)
        snapshot = job.snapshot()
        assert (snapshot.state, snapshot.waiting) == ("queued", ja.Waiting.RETRY)
        assert snapshot.due is not None
        assert 8 <= snapshot.due - snapshot.changed_at <= 10
        assert "attempt 1" in str(snapshot.error)
        assert await job == "through"
        assert job.snapshot().attempt == 4
    delays = [late - early for early, late in pairwise(starts)]
    bounds = [(8, 10), (24, 30), (72, 90)]
    slack = 0.001
    for delay, (least, most) in zip(delays, bounds, strict=True):
        assert least - slack <= delay <= most + slack


async def test_retries_are_used_up(autojump_clock: MockClock) -> None:
    """The last attempt's error is the job's; an error not worth a retry ends it at once."""
    async with ja.open_jobs() as jobs:
        retry = ja.Retry(max=3, jitter=0, on=(OSError,))

        async def lost() -> None:
            raise OSError(ja.current_job().attempt)

        job = jobs.options(retry=retry).submit(lost)
        with pytest.raises(OSError, match="3"):
            await job
        other = jobs.options(retry=retry).submit(refuse)
        with pytest.raises(ValueError, match="no"):
            await other
        assert other.snapshot().attempt == 1


async def test_a_job_that_waits_for_its_retry_frees_its_slot(autojump_clock: MockClock) -> None:
    """And can be cancelled."""
    async with ja.open_jobs(max_running=1) as jobs:
        job = jobs.options(retry=ja.Retry(base=1000)).submit(refuse)
        assert await jobs.run(answer) == 42
        job.cancel("not again")
        with pytest.raises(ja.JobCancelled, match="not again"):
            await job


async def test_a_cancelled_job_is_not_retried(autojump_clock: MockClock) -> None:
    """Even if it raises on its way out."""

    async def stumble() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError

    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry()).submit(stumble)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        assert (await job.wait()).state == "cancelled"


async def test_a_snoozing_job_runs_again_later(autojump_clock: MockClock) -> None:
    """Without a retry policy, and without an error."""
    starts: list[float] = []

    async def wait_for_data() -> int:
        starts.append(trio.current_time())
        if len(starts) < 3:
            raise ja.Snooze(60)
        return len(starts)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(wait_for_data)
        await trio.sleep(1)
        assert (job.state, job.snapshot().error) == ("queued", None)
        assert await job == 3
    assert starts[2] - starts[0] == pytest.approx(120, abs=0.01)


# --- pause and resume --------------------------------------------------------------------------


async def paused(jobs: ja.Jobs, job: ja.Job[Any]) -> None:
    """Wait until ``job`` stands still."""
    with trio.fail_after(30):
        async with jobs.subscribe(ja.JobPaused) as batches:
            if job.state != "paused":
                async for batch in batches:
                    if any(type(e) is ja.JobPaused and e.job_id == job.id for e in batch):
                        return


async def test_a_thread_pauses_at_track() -> None:
    """It hands out no item while it stands still, and none is lost or repeated."""
    begun, go = threading.Event(), threading.Event()
    items: list[int] = []

    def collect() -> None:
        for i in ja.track(range(20_000)):
            items.append(i)
            if i == 100:
                begun.set()
                go.wait()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(collect)
        await trio.to_thread.run_sync(begun.wait)
        job.pause()
        go.set()
        await paused(jobs, job)
        assert items == list(range(101))
        assert job.resume().state == "running"
        await job
    assert items == list(range(20_000))


@pytest.mark.parametrize("colour", ["track", "check"])
async def test_a_trio_job_pauses(colour: str, autojump_clock: MockClock) -> None:
    """At ``async for … in ja.track`` and at ``await ctx.check()``."""
    done: list[int] = []

    async def by_track() -> None:
        async for i in ja.track(range(100)):
            await trio.sleep(1)
            done.append(i)

    async def by_check() -> None:
        for i in range(100):
            await ja.current_job().check()
            await trio.sleep(1)
            done.append(i)

    async with ja.open_jobs() as jobs:
        job = jobs.submit({"track": by_track, "check": by_check}[colour])
        await trio.sleep(10.5)
        job.pause()
        assert job.snapshot().request is ja.Request.PAUSE
        await trio.sleep(1000)
        assert (job.state, len(done)) == ("paused", 11)
        job.resume()
        await trio.sleep(5.5)
        assert (job.state, len(done)) == ("running", 16)
    assert done == list(range(100))
    assert job.snapshot().paused_for == pytest.approx(999.5, abs=0.1)


async def test_a_pause_is_shown_as_asked_until_it_is_reached(autojump_clock: MockClock) -> None:
    """The job runs on till its next point; resuming before takes the request back."""

    async def rarely() -> None:
        await trio.sleep(10)
        await ja.current_job().check()
        await trio.sleep(10)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(rarely)
        await trio.sleep(1)
        assert (job.pause().state, job.snapshot().request) == ("running", ja.Request.PAUSE)
        assert (job.resume().state, job.snapshot().request) == ("running", None)
        start = trio.current_time()
        await job
        assert trio.current_time() - start == pytest.approx(19)


@pytest.mark.parametrize("is_reached", [True, False])
async def test_a_retry_does_not_undo_a_pause(is_reached: bool, autojump_clock: MockClock) -> None:
    """Another task of the job raises while it stands still, or before it does: it is held then."""

    async def raise_soon() -> None:
        await trio.sleep(10)
        raise ValueError("in another task")

    async def stand_still() -> None:
        if ja.current_job().attempt == 1:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(raise_soon)
                while True:
                    await trio.sleep(1 if is_reached else 100)
                    await ja.current_job().check()

    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry(base=1)).submit(stand_still)
        await trio.sleep(5.5)
        job.pause()
        await trio.sleep(2)
        assert job.state == ("paused" if is_reached else "running")
        await trio.sleep(1000)
        snapshot = job.snapshot()
        assert (snapshot.state, snapshot.waiting, snapshot.attempt) == ("queued", "hold", 1)
        assert snapshot.paused_for == pytest.approx(4 if is_reached else 0)
        job.release()
        await job
        assert job.snapshot().attempt == 2


async def test_a_paused_job_that_was_asked_to_resume_is_retried_by_itself(
    autojump_clock: MockClock,
) -> None:
    """It only waited for its slot, which another job had."""

    async def raise_soon() -> None:
        await trio.sleep(10)
        raise ValueError("in another task")

    async def stand_still() -> None:
        if ja.current_job().attempt == 1:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(raise_soon)
                while True:
                    await trio.sleep(1)
                    await ja.current_job().check()

    async with ja.open_jobs(max_running=1) as jobs:
        job = jobs.options(retry=ja.Retry(base=1)).submit(stand_still)
        await trio.sleep(2.5)
        job.pause()
        await trio.sleep(2)
        jobs.submit(trio.sleep, 100)
        await trio.sleep(1)
        assert (job.resume().state, job.snapshot().request) == ("paused", ja.Request.RESUME)
        await job
        assert job.snapshot().attempt == 2


async def test_a_paused_job_frees_its_slot(autojump_clock: MockClock) -> None:
    """Another one starts; the paused one goes on when a slot is free again."""
    async with ja.open_jobs(max_running=1) as jobs:

        async def steps() -> None:
            async for _ in ja.track(range(10)):
                await trio.sleep(1)

        job = jobs.submit(steps)
        other = jobs.submit(trio.sleep, 100)
        await trio.sleep(1.5)
        job.pause()
        await trio.sleep(1)
        assert (job.state, other.state) == ("paused", "running")
        assert (job.resume().state, job.snapshot().request) == ("paused", ja.Request.RESUME)
        await trio.sleep(50)
        assert job.state == "paused"
        await other
        await trio.sleep(0.1)
        assert (job.state, job.snapshot().request) == ("running", None)


async def test_a_resume_that_waits_for_a_slot_can_be_taken_back(
    autojump_clock: MockClock,
) -> None:
    """Pausing again before the slot is free leaves the job where it is."""
    async with ja.open_jobs(max_running=1) as jobs:
        job = jobs.submit(check_in_trio)
        other = jobs.submit(trio.sleep, 10)
        await trio.sleep(1)
        job.pause()
        await trio.sleep(1)
        job.resume()
        assert job.pause().request is None
        await other
        await trio.sleep(10)
        assert job.state == "paused"


async def check_in_trio() -> None:
    """Be a trio job that can be paused and never ends."""
    while True:
        await ja.current_job().check()
        await trio.sleep(0.1)


async def test_the_timeout_stands_still_during_a_pause(autojump_clock: MockClock) -> None:
    """Only the time at work counts."""
    async with ja.open_jobs() as jobs:

        async def steps() -> None:
            async for _ in ja.track(range(10)):
                await trio.sleep(1)

        job = jobs.options(timeout=12).submit(steps)
        late = jobs.options(timeout=8).submit(steps)
        await trio.sleep(5.5)
        job.pause()
        late.pause()
        await trio.sleep(1000)
        job.resume()
        late.resume()
        await job
        with pytest.raises(ja.JobTimedOut):
            await late


@pytest.mark.parametrize("work", POINTS)
async def test_a_cancel_wakes_a_paused_thread(work: Callable[[threading.Event], None]) -> None:
    """It ends without going on first."""
    begun = threading.Event()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(work, begun)
        await trio.to_thread.run_sync(begun.wait)
        job.pause()
        await paused(jobs, job)
        job.cancel("enough")
        with pytest.raises(ja.JobCancelled, match="enough"):
            await job


async def test_a_cancel_wakes_a_paused_trio_job(autojump_clock: MockClock) -> None:
    """The same for trio code."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(check_in_trio)
        await trio.sleep(1)
        job.pause()
        await trio.sleep(1)
        assert job.state == "paused"
        job.cancel()
        assert (await job.wait()).state == "cancelled"


async def test_a_verb_that_makes_no_sense_says_what_does() -> None:
    """One documented error, with the cure."""
    async with ja.open_jobs() as jobs:
        done = jobs.submit(answer)
        await done
        held = jobs.options(hold=True).submit(answer)
        cures = [
            (done.pause, "too late"),
            (done.resume, "submit it again"),
            (done.hold, "pause"),
            (done.release, "started"),
            (held.pause, r"hold\(\) keeps it from starting"),
            (held.resume, r"release\(\) lets it start"),
        ]
        for verb, cure in cures:
            with pytest.raises(ja.IllegalVerb, match=cure):
                verb()
        with pytest.raises(ja.IllegalVerb, match="stays as it ended"):
            done.update(name="x")
        held.release()


# --- on_done -----------------------------------------------------------------------------------


@pytest.mark.parametrize("work", [answer, refuse, trio.sleep_forever])
async def test_on_done_is_called_once_with_the_terminal_snapshot(work: Any) -> None:
    """Sync or async, however the job ended."""
    calls: list[tuple[str, ja.JobSnapshot]] = []

    async def in_loop(snapshot: ja.JobSnapshot) -> None:
        await trio.lowlevel.checkpoint()
        calls.append(("async", snapshot))

    def in_thread(snapshot: ja.JobSnapshot) -> None:
        calls.append((threading.current_thread().name, snapshot))

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        handles = [jobs.options(on_done=hook).submit(work) for hook in (in_loop, in_thread)]
        await trio.testing.wait_all_tasks_blocked()
        for job in handles:
            job.cancel()
        await handles[0].wait()
    assert sorted(where for where, _ in calls) == sorted(["async", f"on_done {handles[1].id}"])
    for _, snapshot in calls:
        assert snapshot.state.is_terminal
        assert snapshot.outcome is not None
        assert snapshot.finished_at is not None


async def test_on_done_is_called_for_a_job_that_never_started() -> None:
    """It has ended all the same."""
    ended: list[str] = []
    async with ja.open_jobs() as jobs:
        held = jobs.options(hold=True, on_done=lambda snapshot: ended.append(snapshot.state))
        held.submit(answer).cancel()
    assert ended == ["cancelled"]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
async def test_an_on_done_that_raises_is_logged_only(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """The outcome stands, and the system goes on."""

    def broken(_: ja.JobSnapshot) -> None:
        raise error

    async def broken_too(_: ja.JobSnapshot) -> None:
        raise error

    async with ja.open_jobs() as jobs:
        for hook in (broken, broken_too):
            assert await jobs.options(on_done=hook).run(answer) == 42
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


async def test_a_hundred_plain_hooks_at_most_are_called_at_once() -> None:
    """Hundreds of jobs end in one moment; each hook gets a thread in its turn."""
    gate, lock = threading.Event(), threading.Lock()
    begun: list[str] = []

    def hook(snapshot: ja.JobSnapshot) -> None:
        with lock:
            begun.append(snapshot.id)
        gate.wait(60)

    async with ja.open_jobs() as jobs:
        batch = [jobs.options(hold=True, on_done=hook).submit(answer) for _ in range(130)]
        jobs.select(state="queued").cancel()
        try:
            while len(begun) < 100:  # noqa: ASYNC110 - threads say it
                await trio.sleep(0.01)
            assert await jobs.run(answer) == 42
            assert len(begun) == 100
        finally:
            gate.set()
    assert sorted(begun) == sorted(job.id for job in batch)


# --- context -----------------------------------------------------------------------------------

WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def who_in_loop() -> str:
    """Say who submitted this."""
    return WHO.get()


@pytest.mark.parametrize("work", [WHO.get, who_in_loop])
async def test_a_job_sees_a_copy_of_its_submitters_context(work: Any) -> None:
    """As it was at the submit; what the job changes stays with it."""
    async with ja.open_jobs(max_running=1) as jobs:
        WHO.set("ada")
        jobs.submit(WHO.set, "job")
        job = jobs.submit(work)
        WHO.set("bob")
        assert await job == "ada"
        assert WHO.get() == "bob"


OTHER: ContextVar[str | None] = ContextVar("other")


async def test_jobs_that_wait_see_what_their_own_submit_saw_whatever_others_set() -> None:
    """A value, None, and no value at all; a job, its hook, and a submit from inside a job."""
    seen: dict[str, tuple[str, object]] = {}

    def look(name: str, inner: ja.Jobs | None = None) -> None:
        seen[name] = WHO.get(), OTHER.get("unset")
        WHO.set("changed by a job")
        OTHER.set("changed by a job")
        if inner is not None:
            inner.submit(look, f"inside {name}").result()

    async def look_again(snapshot: ja.JobSnapshot) -> None:
        seen[f"hook of {snapshot.name}"] = WHO.get(), OTHER.get("unset")
        WHO.set("changed by a hook")

    async with ja.open_jobs() as jobs:
        jobs.hold_dispatch()
        look_twice = jobs.options(on_done=look_again, name="one")
        token = WHO.set("ada")
        waiting = [look_twice.submit(look, "one"), jobs.submit(look, "two", jobs)]
        other = OTHER.set(None)
        waiting.append(jobs.submit(look, "three"))
        OTHER.reset(other)
        WHO.reset(token)
        OTHER.set("set alone")
        waiting.append(jobs.submit(look, "four"))
        jobs.release_dispatch()
        for job in waiting:
            await job
    ada, changed = ("ada", "unset"), ("changed by a job", "changed by a job")
    assert seen == {
        "one": ada,
        "hook of one": ada,
        "two": ada,
        "inside two": changed,
        "three": ("ada", None),
        "four": ("nobody", "set alone"),
    }


async def test_a_retry_sees_the_submitters_context_afresh(autojump_clock: MockClock) -> None:
    """The first attempt's values have gone."""
    seen: list[str] = []

    async def flaky() -> None:
        seen.append(WHO.get())
        WHO.set("attempt")
        if len(seen) == 1:
            raise OSError

    WHO.set("ada")
    async with ja.open_jobs() as jobs:
        await jobs.options(retry=ja.Retry()).run(flaky)
    assert seen == ["ada", "ada"]


# --- looks -------------------------------------------------------------------------------------


async def test_the_repr_says_how_the_job_stands(autojump_clock: MockClock) -> None:
    """Its id, its state, why it waits, how far it is."""
    async with ja.open_jobs() as jobs:

        async def half() -> None:
            ja.progress(1, 2)
            await trio.sleep(1)

        job = jobs.options(hold=True).submit(half)
        assert repr(job) == f"<Job {job.id} queued (hold)>"
        job.release()
        await trio.sleep(0.5)
        assert repr(job) == f"<Job {job.id} running 50 %>"
        await job
        assert repr(job) == f"<Job {job.id} succeeded>"
        assert job == jobs.get(job.id)
        assert {job} == {jobs.get(job.id)}
