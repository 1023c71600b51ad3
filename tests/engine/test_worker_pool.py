"""The threads of ``def`` jobs: as many as block, and gone with their system."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from contextvars import Context
from typing import Any
from weakref import ref

import pytest
import sniffio
import trio

import jobactors as ja
from jobactors.engine.loop.worker_pool import ThreadCall, WorkerPool
from tests.engine.held_by import held_by
from tests.inside.conftest import until

PATIENCE = 30.0


def idle_workers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "jobactors-worker"]


async def test_a_thread_serves_one_job_after_another() -> None:
    async with ja.open_jobs() as jobs:
        threads = {await jobs.run(threading.get_ident) for _ in range(50)}
    assert len(threads) < 10  # one that has just ended may be not free yet


async def test_a_thread_without_a_call_holds_nothing_of_its_system() -> None:
    """A program does not wait for it to go, and finalizes only what no thread holds."""
    async with ja.open_jobs() as jobs:
        thread = await jobs.run(threading.current_thread)
        until(lambda: thread in idle_workers())  # it has its own name again
        of_a_system = (WorkerPool, ThreadCall)
        until(lambda: not any(isinstance(held, of_a_system) for held in held_by(thread)))
        assert thread in idle_workers()


async def test_a_job_never_waits_for_a_thread_that_is_busy() -> None:
    def count_down(n: int) -> int:
        return 1 + jobs.submit(count_down, n - 1).result() if n else 0

    async with ja.open_jobs(max_running=1) as jobs:
        with trio.fail_after(PATIENCE):
            assert await jobs.run(count_down, 40) == 40


async def test_many_that_wait_for_the_last_one_all_have_a_thread() -> None:
    last = threading.Event()

    def wait() -> bool:
        return last.wait(PATIENCE)

    async with ja.open_jobs() as jobs:
        waiting = [jobs.submit(wait) for _ in range(100)]
        await jobs.run(last.set)
        assert [await job for job in waiting] == [True] * 100


async def test_a_call_that_no_thread_has_taken_yet_is_never_made() -> None:
    made: list[int] = []
    async with ja.open_jobs() as jobs:
        others = [jobs.submit(int) for _ in range(3)]
        job = jobs.submit(made.append, 1)
        job.cancel("in the same turn of the loop")
        assert (await job.wait()).state == "cancelled"
        assert [await other for other in others] == [0, 0, 0]
    assert made == []


class SpawnedTasks(trio.abc.Instrument):
    """Notes the names of the tasks that are started."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Note one."""
        self.names.append(task.name)


async def test_a_call_that_returns_needs_no_task_and_one_that_raises_has_its_own() -> None:
    spawned = SpawnedTasks()
    trio.lowlevel.add_instrument(spawned)
    async with ja.open_jobs() as jobs:
        returning, raising = jobs.submit(int, "1"), jobs.submit(int, "one")
        assert await returning == 1
        with pytest.raises(ValueError, match="one"):
            await raising
    assert returning.id not in spawned.names
    assert raising.id in spawned.names


async def test_idle_threads_go_with_their_system() -> None:
    async with ja.open_jobs() as jobs:
        await jobs.run(int)
        until(lambda: bool(idle_workers()))
    until(lambda: not idle_workers())


async def test_a_busy_thread_goes_when_it_has_made_its_call() -> None:
    begun, go = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def stay() -> None:
        threads.append(threading.current_thread())
        begun.set()
        go.wait(PATIENCE)

    with suppress(ZeroDivisionError):
        async with ja.open_jobs() as jobs:
            job = jobs.options(grace=0).submit(stay)
            assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
            raise ZeroDivisionError
    assert job.state == "cancelled"
    assert threads[0].name == f"job {job.id}"
    go.set()
    until(lambda: threads[0].name != f"job {job.id}")
    until(lambda: not idle_workers())


async def test_a_thread_holds_nothing_of_a_job_that_has_ended() -> None:
    class Large:
        """Stands for something that takes memory."""

    def work() -> Any:
        return made.pop()

    made = [Large()]
    seen = ref(made[0])
    async with ja.open_jobs() as jobs:
        await jobs.submit(work)
        jobs.clear()
        await trio.to_thread.run_sync(until, lambda: seen() is None)


async def test_a_job_for_which_there_is_no_thread_fails_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("can't start new thread")

    async with ja.open_jobs() as jobs:
        with monkeypatch.context() as patch:
            patch.setattr(trio.to_thread, "run_sync", refuse)
            patch.setitem(sys.modules, "anyio", None)
            job = jobs.submit(int)
            assert (await job.wait()).state == "failed"
            with pytest.raises(RuntimeError, match="can't start new thread"):
                await job
        assert await jobs.run(int) == 0


async def test_a_thread_is_in_no_event_loop_whatever_its_submitter_was_in() -> None:
    context = Context()
    context.run(sniffio.current_async_library_cvar.set, "asyncio")
    async with ja.open_jobs() as jobs:
        job = context.run(jobs.submit, sniffio.current_async_library_cvar.get)
        assert await job is None


def test_anyio_finds_the_loop_also_when_it_was_imported_after_the_first_job() -> None:
    script = """
import jobactors as ja

async def seven():
    return 7

def work():
    import anyio.from_thread
    return anyio.from_thread.run(seven)

jobs = ja.start()
assert jobs.submit(int).result() == 0
import anyio.to_thread
assert jobs.submit(work).result() == 7
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
