"""The ends of process jobs, by themselves and by signals, and their pauses."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trio

import jobactors as ja
from jobactors.engine.ports.runner import Attempt
from jobactors.runners.process import RUNNER
from jobactors.runners.process_death import death
from jobactors.runners.process_worker import SPAWNER, Worker
from tests.runners.process_work import loop, sleep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 30.0


def processes(jobs: ja.Jobs, **options: Any) -> ja.Submitter:
    """What the tests submit with."""
    return jobs.options(runner="process", **options)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something another process does."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - it is another process's
            await trio.sleep(0.005)


async def busy(job: ja.Job[Any]) -> int:
    """Wait until the job's function has said its process id as a counter; return it."""
    await until(lambda: "pid" in job.snapshot().progress.counters)
    return int(job.snapshot().progress.counters["pid"])


def outcome(job: ja.Job[Any]) -> ja.Outcome:
    """How it ended."""
    ended = job.snapshot().outcome
    assert ended is not None
    return ended


def is_gone(pid: int) -> bool:
    """Whether the process has ended, a zombie nobody will ask about included."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return True


# -- cancel


async def test_a_cancel_arrives_at_the_next_point() -> None:
    """The first rung is as in a thread."""
    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(loop)
        await busy(job)
        job.cancel("enough")
        await job.wait()
    assert outcome(job).state is ja.JobState.CANCELLED
    assert outcome(job).reason == "enough"


async def test_a_process_that_swallows_the_cancel_has_stopped_where_it_was() -> None:
    """The ladder ends there, and the value is a partial result."""

    def work() -> str:
        try:
            loop()
        except BaseException:
            return "so far"
        return "never"

    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(work)
        await busy(job)
        job.cancel()
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == "so far"


async def test_an_error_after_the_request_is_cancelled() -> None:
    """With its text kept."""

    def work() -> None:
        try:
            loop()
        finally:
            raise ValueError("in the cleanup")

    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(work)
        await busy(job)
        job.cancel("enough")
        await job.wait()
    assert outcome(job).state is ja.JobState.CANCELLED
    assert str(outcome(job).error) == "ValueError: in the cleanup"


async def test_sigterm_unwinds_what_never_looks(tmp_path: Path) -> None:
    """After the grace; `finally` runs, and the row says how it went."""
    cleaned = tmp_path / "cleaned"

    def work() -> None:
        try:
            sleep()
        finally:
            cleaned.touch()

    async with ja.open_jobs() as jobs:
        job = processes(jobs, grace=1.5).submit(work)
        await busy(job)
        job.cancel("enough")
        await job.wait()
    assert cleaned.exists()
    assert outcome(job).state is ja.JobState.CANCELLED
    assert outcome(job).reason == "enough (it did not end when asked, and was unwound by SIGTERM)"


async def test_sigkill_ends_what_holds_on() -> None:
    """The last rung, bounded by twice the grace."""

    def work() -> None:
        while True:
            with suppress(BaseException):
                sleep()

    async with ja.open_jobs() as jobs:
        job = processes(jobs, grace=0.2).submit(work)
        pid = await busy(job)
        job.cancel()
        with trio.fail_after(PATIENCE):
            await job.wait()
    assert "SIGKILL" in (outcome(job).reason or "")
    assert is_gone(pid)


async def test_a_timeout_walks_the_same_ladder() -> None:
    """And is a failure."""
    async with ja.open_jobs() as jobs:
        job = processes(jobs, grace=0.2, timeout=0.5).submit(sleep)
        with pytest.raises(ja.JobTimedOut):
            await job


async def test_a_cancel_before_the_start_starts_nothing() -> None:
    """Neither is the function called when it comes while the process is being started."""
    async with ja.open_jobs() as jobs:
        job: ja.Job[Any] = processes(jobs).submit(os.abort)
        await until(lambda: job.state is ja.JobState.RUNNING)
        job.cancel()
        await job.wait()
    assert outcome(job).state is ja.JobState.CANCELLED


async def test_a_cancel_while_the_process_starts_calls_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process is killed before it has been told anything."""
    start = SPAWNER.start

    async def start_and_cancel() -> Worker:
        worker = await start()
        job.cancel("changed my mind")
        return worker

    monkeypatch.setattr(SPAWNER, "start", start_and_cancel)
    async with ja.open_jobs() as jobs:
        job: ja.Job[Any] = processes(jobs).submit(os.abort)
        await job.wait()
    assert outcome(job).state is ja.JobState.CANCELLED
    assert outcome(job).reason == "changed my mind"


async def test_a_cancellation_from_outside_kills_at_once() -> None:
    """Whoever runs the attempt is being cancelled: nobody is there to wait for a grace."""
    context = ja.current_job()
    attempt = Attempt(context, sleep, (), {}, trio.CancelScope)
    with trio.move_on_after(PATIENCE) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(RUNNER.run, attempt)
            await until(lambda: context._meter.read().counters.get("pid"))
            pid = int(context._meter.read().counters["pid"])
            assert not is_gone(pid)
            nursery.cancel_scope.cancel()
    assert not scope.cancelled_caught
    assert is_gone(pid)


async def test_its_owners_cancel_ends_it() -> None:
    """`jobs.run` waits for the end of what it owns."""
    async with ja.open_jobs() as jobs:
        with trio.move_on_after(0.3) as scope:
            await processes(jobs, grace=0.1).run(sleep)
    assert scope.cancelled_caught


async def test_a_system_that_closes_kills_at_once() -> None:
    """Its patience is the grace; no second one follows for SIGTERM."""

    def work() -> None:
        while True:
            with suppress(BaseException):
                sleep()

    with pytest.raises(KeyError):  # noqa: PT012 - the block is what is tested
        async with ja.open_jobs() as jobs:
            job = processes(jobs, grace=0.1).submit(work)
            pid = await busy(job)
            raise KeyError
    assert is_gone(pid)


async def test_what_the_function_has_started_ends_with_it() -> None:
    """Its group is its own, and nothing in it outlives the job."""

    def start() -> int:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid

    async with ja.open_jobs() as jobs:
        pid = await processes(jobs).run(start)
        await until(lambda: is_gone(pid))


async def test_threads_that_do_not_end_do_not_hold_up_the_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The result stands; the process gets a while, and is killed."""
    monkeypatch.setattr("jobactors.runners.process_conversation.LINGER", 0.2)

    def work() -> int:
        import threading

        threading.Thread(target=time.sleep, args=(1000,)).start()
        return 7

    async with ja.open_jobs() as jobs:
        assert await processes(jobs).run(work) == 7


# -- pause


async def test_a_pause_waits_for_a_point_where_there_are_some() -> None:
    """The process goes on living, and the loop stands between two items."""
    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(loop)
        pid = await busy(job)
        await until(lambda: job.snapshot().progress.done > 1)
        job.pause()
        await until(lambda: job.state is ja.JobState.PAUSED)
        assert psutil.Process(pid).status() != psutil.STATUS_STOPPED
        done = job.snapshot().progress.done
        job.resume()
        await until(lambda: job.snapshot().progress.done > done)
        job.pause()  # a second one has a gate of its own
        await until(lambda: job.state is ja.JobState.PAUSED)
        job.cancel()
        await job.wait()
    assert outcome(job).state is ja.JobState.CANCELLED


async def test_what_has_no_such_point_is_stopped_by_the_system() -> None:
    """At once; and it says that it can be paused from the beginning."""
    async with ja.open_jobs() as jobs:
        job = processes(jobs, grace=0.1).submit(sleep)
        pid = await busy(job)
        assert job.snapshot().progress.pausable
        job.pause()
        assert job.state is ja.JobState.PAUSED
        await until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        job.resume()
        await until(lambda: psutil.Process(pid).status() != psutil.STATUS_STOPPED)
        assert str(job.state) == "running"
        job.cancel()
        await job.wait()


async def test_a_stopped_process_is_woken_to_be_cancelled() -> None:
    """Else it could not hear anything, SIGTERM included."""
    async with ja.open_jobs() as jobs:
        job = processes(jobs, grace=1.5).submit(sleep)
        await busy(job)
        job.pause()
        job.cancel("enough")
        await job.wait()
    assert "unwound by SIGTERM" in (outcome(job).reason or "")


async def test_a_pause_while_the_process_starts_is_kept() -> None:
    """It is paused before its function has begun."""
    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(lambda: 3)
        await until(lambda: job.state is ja.JobState.RUNNING)
        job.pause()
        await until(lambda: job.state is ja.JobState.PAUSED)
        job.resume()
        assert await job == 3


# -- deaths


@pytest.mark.parametrize(
    ("die", "code", "says"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), -signal.SIGSEGV, "killed by SIGSEGV"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL, "ran out of memory"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM, "killed by SIGTERM"),
        (lambda: os._exit(3), 3, "exited with code 3"),
        (lambda: os._exit(0), 0, "exited with code 0"),
    ],
)
async def test_a_process_that_dies_fails_its_job_alone(
    die: Callable[[], None], code: int, says: str
) -> None:
    """Never a hang; the job beside it does not notice."""
    async with ja.open_jobs() as jobs:
        other = processes(jobs).submit(loop)
        await busy(other)
        with pytest.raises(ja.WorkerDied, match=says) as caught:
            await processes(jobs).run(die)
        assert caught.value.exitcode == code
        assert other.state is ja.JobState.RUNNING
        other.cancel()
        await other.wait()


async def test_a_process_that_spoils_its_connection_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it says is no frame any more, and its parent waits for no end of it."""
    monkeypatch.setattr("jobactors.runners.process_conversation.LINGER", 0.2)

    def scribble() -> None:
        for number in range(3, 50):
            with suppress(OSError):
                if stat.S_ISSOCK(os.fstat(number).st_mode):
                    os.write(number, b"\xff" * 100)
        time.sleep(1000)

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.WorkerDied, match="lost its connection"):
            await processes(jobs).run(scribble)


def close_descriptors() -> None:
    """Close all files, as code does that wants to become a daemon."""
    os.closerange(3, 50)


def close_descriptors_and_report() -> None:
    """Close all files, and go on."""
    os.closerange(3, 50)
    ja.progress(1, 2)
    time.sleep(1000)


def take_the_place_of_descriptors() -> None:
    """Close all files, and open others, which get their numbers."""
    os.closerange(3, 50)
    for _ in range(10):
        os.open(os.devnull, os.O_WRONLY)


@pytest.mark.parametrize(
    "close", [close_descriptors, close_descriptors_and_report, take_the_place_of_descriptors]
)
async def test_a_process_that_closes_its_connection_is_told_so(
    close: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    """And not that it has called ``os._exit``; it ends when that is noticed."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.WorkerDied, match="closes, or writes to, file descriptors"):
            await processes(jobs).run(close)
    assert capfd.readouterr().err == ""


async def test_a_dead_process_whose_socket_somebody_holds_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A forked grandchild that left the group keeps it open; the end is seen all the same."""
    monkeypatch.setattr("jobactors.runners.process_conversation.LINGER", 0.2)

    def fork_and_die() -> None:
        if os.fork() == 0:
            os.setsid()
            time.sleep(3)
            os._exit(0)
        time.sleep(0.2)
        os._exit(5)

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.WorkerDied, match="exited with code 5"):
            await processes(jobs).run(fork_and_die)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits")
async def test_a_limit_on_cpu_time_ends_the_job_that_breaks_it() -> None:
    """By a signal, which the message explains."""

    def burn() -> None:
        while True:
            pass

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.WorkerDied, match=r"used up its limit of 0\.5 s of CPU time"):
            await processes(jobs, limits=ja.Limits(cpu=0.5)).run(burn)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces it")
async def test_a_limit_on_memory_raises_where_it_is_broken() -> None:
    """An ordinary exception; the rest of the function could catch it."""
    async with ja.open_jobs() as jobs:
        limited = processes(jobs, limits=ja.Limits(memory=2**29))
        with pytest.raises(MemoryError):
            await limited.run(lambda: bytearray(2**30))
        assert await limited.run(lambda: 1) == 1


async def test_limits_are_for_processes() -> None:
    """A thread that seemed to be limited would be worse than an error."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match='add runner="process"'):
            jobs.options(limits=ja.Limits(cpu=1)).submit(loop)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, ValueError),
        ({"cpu": 0}, ValueError),
        ({"memory": -1}, ValueError),
        ({"cpu": float("inf")}, ValueError),
        ({"memory": 1.5}, TypeError),
        ({"cpu": True}, TypeError),
    ],
)
def test_limits_are_checked_where_they_are_given(
    given: dict[str, Any], error: type[Exception]
) -> None:
    """Not when the process starts."""
    with pytest.raises(error):
        ja.Limits(**given)


def test_a_death_nobody_can_explain_is_told_as_that() -> None:
    """A real-time signal has no name, and a stolen zombie no code."""
    assert "signal 40" in str(death(-40, None))
    assert "exit code is lost" in str(death(None, None))
    assert "memory limit" in str(death(-signal.SIGABRT, ja.Limits(memory=5)))
