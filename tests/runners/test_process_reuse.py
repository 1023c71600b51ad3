"""Process jobs one after another in one process: which may follow, and that each is on its own."""

# ruff: noqa: D103, S311 - a test is its name; and no secret is random here

from __future__ import annotations

import atexit
import gc
import os
import random
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trio

import jobactors as ja
from jobactors.runners import process_pool
from tests.runners import process_work
from tests.runners.process_work import (
    change_a_list,
    change_what_is_a_jobs_own,
    grow,
    have_a_child,
    leave_a_thread,
    leave_nothing,
    look_at_what_is_a_jobs_own,
    loop,
    loop_from,
    meet,
    own_pid,
    pid_after,
    sleep,
    take_all_files,
    until_there,
)
from tests.runners.test_process_end import PATIENCE, busy, is_gone, until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there each has its own process")


def processes(jobs: ja.Jobs, **options: Any) -> ja.Submitter:
    """What the tests submit with."""
    return jobs.options(runner="process", **options)


async def conversation(job: ja.Job[Any]) -> None:
    """Wait until the job is no short one any more."""
    await until(lambda: job.snapshot().progress.pausable)


TRACES: tuple[Callable[[], object], ...] = (
    leave_a_thread,
    have_a_child,
    grow,
    change_a_list,
    lambda: os.environ.update(LEFT="1"),
    lambda: os.chdir("/"),
    lambda: os.open(os.devnull, os.O_RDONLY),
    lambda: os.dup2(2, 200),
    lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    lambda: signal.alarm(1000),
    lambda: sys.path.append("/nowhere"),
    lambda: atexit.register(print),
    lambda: setattr(process_work, "left", 1),
)


async def test_a_job_that_leaves_a_trace_is_followed_by_none_in_its_process() -> None:
    """Each ends with its process, and the next one finds nothing of it."""
    async with ja.open_jobs(max_running=1) as jobs:
        pids = [await processes(jobs).run(pid_after, leave) for leave in TRACES]
        assert len(set(pids)) == len(TRACES)
        clean = [await processes(jobs).run(pid_after, leave_nothing) for _ in range(4)]
    assert len(set(clean)) == 1


async def test_a_job_of_which_nothing_can_be_seen_has_its_result() -> None:
    """No file can be opened to look at what it has left; then no other job follows it."""
    async with ja.open_jobs(max_running=1) as jobs:
        pid = await processes(jobs).run(pid_after, take_all_files)
        assert await processes(jobs).run(os.getpid) != pid


async def test_limits_and_fresh_processes_are_for_one_job() -> None:
    """Neither is such a job given an idle process, nor is its own given on."""
    async with ja.open_jobs(max_running=1) as jobs:
        limited = processes(jobs, limits=ja.Limits(memory=2**34))
        fresh = processes(jobs, fresh=True)
        shared = processes(jobs)
        pids = [await one.run(os.getpid) for one in (shared, limited, fresh, shared)]
        with pytest.raises(ValueError, match='fresh=True is for processes only: add runner="proc'):
            jobs.options(fresh=True).submit(os.getpid)
    assert len(set(pids)) == 3
    assert pids[0] == pids[3]


async def test_jobs_in_one_process_share_nothing() -> None:
    """Context, decimals, random numbers, messages, printed lines, the current job."""
    async with ja.open_jobs(max_running=1) as jobs:
        one = processes(jobs).submit(change_what_is_a_jobs_own)
        one.tell("never read")
        other = processes(jobs).submit(look_at_what_is_a_jobs_own)
        pid, seeded, first_id = await one
        next_pid, state, unseeded, second_id = await other
        assert (one.logs(), other.logs()) == ("half a line\n", "")
    assert next_pid == pid
    assert state == (0, 28, 0)
    random.seed(5)
    assert [seeded, unseeded] != [random.random(), random.random()]
    assert (first_id, second_id) == (one.id, other.id)


async def test_a_process_keeps_nothing_of_the_jobs_that_it_has_served() -> None:
    """Else it would grow with each of them, until that was taken for a trace of the last one."""
    async with ja.open_jobs(max_running=1) as jobs:
        kept = [await processes(jobs).run(gc.get_freeze_count) for _ in range(40)]
    # Objects that no garbage collection looks at any more, some twenty a job.  The listener may
    # hold the last jobs for a moment.
    assert kept[-1] - kept[1] < 200


async def test_a_process_that_has_served_before_is_killed_alone() -> None:
    """The job beside it goes on; neither a process that was told to end nor a dead one serves."""
    async with ja.open_jobs(max_running=2) as jobs:
        with trio.fail_after(60):
            pids = {await job for job in [processes(jobs).submit(meet, 2) for _ in range(2)]}
        assert len(pids) == 2
        polite = processes(jobs).submit(loop)
        stubborn = processes(jobs, grace=0.0).submit(sleep)
        assert {await busy(polite), await busy(stubborn)} == pids
        stubborn.cancel()
        await stubborn.wait()
        assert polite.state is ja.JobState.RUNNING
        polite.cancel()
        await polite.wait()
        await until(lambda: all(map(is_gone, pids)))
        third = await processes(jobs).run(os.getpid)
        psutil.Process(third).kill()
        await until(lambda: is_gone(third))
        assert len({await processes(jobs).run(os.getpid), third, *pids}) == 4


async def test_a_call_that_its_process_has_not_read_goes_to_another_one() -> None:
    """The process is killed in the moment in which it gets the job, which has not begun."""
    async with ja.open_jobs(max_running=1) as jobs:
        for _ in range(3):
            idle = psutil.Process(await processes(jobs).run(own_pid))
            idle.kill()
            assert await processes(jobs).run(own_pid) != idle.pid


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a socket does not say what is left")
@pytest.mark.parametrize("size", [0, 100_000])
async def test_a_call_that_was_sent_and_not_read_goes_to_another_process(size: int) -> None:
    """Such as one of a process that was stopped, and is killed then; a long call as well."""
    async with ja.open_jobs(max_running=1) as jobs:
        idle = psutil.Process(await processes(jobs).run(own_pid))
        idle.suspend()
        await until(lambda: idle.status() == psutil.STATUS_STOPPED)
        job = processes(jobs).submit(own_pid, b"x" * size)
        await until(lambda: job.snapshot().progress.pausable)  # there is a conversation by now
        idle.kill()
        assert await job != idle.pid
        assert job.snapshot().attempt == 1


@pytest.mark.parametrize("is_phase", [False, True])
async def test_a_cancel_in_a_jobs_first_moment_reaches_its_process_also_where_it_has_a_task(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_phase: bool
) -> None:
    """A job with another one among its arguments, or a phase of a chain: no call without a task."""
    monkeypatch.setattr(process_pool, "MOMENT", 60.0)  # that first moment lasts until the cancel
    begun = tmp_path / "begun"
    async with ja.open_jobs(max_running=1) as jobs:
        await processes(jobs).run(own_pid)
        if is_phase:
            phase = ja.phase("Loop", loop_from, {"place": begun}, runner="process")
            job: ja.Job[Any] = jobs.submit(ja.chain(phase))
        else:
            job = processes(jobs).submit(loop_from, jobs.submit(Path, begun))
        await until(begun.exists)
        job.cancel()
        with trio.fail_after(PATIENCE):
            assert (await job.wait()).state == "cancelled"


@pytest.mark.parametrize("is_cancel", [False, True])
async def test_a_request_in_a_jobs_last_moment_is_none_to_the_next_one(
    tmp_path: Path, is_cancel: bool
) -> None:
    """Its frame would have been cut off, and the next call taken for the rest of it."""
    async with ja.open_jobs(max_running=1) as jobs:
        for turns in range(12):
            go = tmp_path / str(turns)
            job = processes(jobs).submit(until_there, go)
            await conversation(job)
            go.touch()
            threading.Event().wait(0.03)  # the loop stands still until the last word has come
            for _ in range(turns):
                await trio.lowlevel.cancel_shielded_checkpoint()
            with suppress(ja.JobactorsError):  # it may have ended
                job.cancel("x" * 50) if is_cancel else job.tell("x" * 50)
            await job.wait()
            with trio.fail_after(PATIENCE):
                await processes(jobs).run(own_pid)


async def test_a_new_process_is_started_where_an_idle_one_would_be_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module was edited, or the program's environment has changed."""
    module = tmp_path / "edited_module.py"
    module.write_text("def value():\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import edited_module  # type: ignore[import-not-found]

    async with ja.open_jobs(max_running=1) as jobs:
        process = processes(jobs)
        assert await process.run(edited_module.value) == 1
        module.write_text("def value():\n    return 2 + 0\n")
        assert await process.run(edited_module.value) == 2
        monkeypatch.setenv("OF_NOW", "yes")
        assert await process.run(os.getenv, "OF_NOW") == "yes"


async def test_idle_processes_end_with_their_system() -> None:
    async with ja.open_jobs(max_running=1) as jobs:
        pid = await processes(jobs).run(os.getpid)
        assert not is_gone(pid)
        assert await processes(jobs).run(os.getpid) == pid
    assert not psutil.pid_exists(pid)
