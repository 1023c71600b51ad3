"""The idioms of trio's own threads, in the threads of jobs."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import threading
from typing import Any

import anyio.from_thread
import anyio.lowlevel
import pytest
import trio
import trio.lowlevel

import jobactors as ja

PATIENCE = 30.0


async def cancelled(jobs: ja.Jobs, work: Any, begun: threading.Event) -> ja.JobSnapshot:
    """Cancel a job when it has begun, and wait for its end."""
    job = jobs.submit(work)
    assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
    job.cancel("enough")
    with trio.fail_after(PATIENCE):
        return await job.wait()


def loop(begun: threading.Event, module: Any = trio.from_thread) -> None:
    """Go on until it is told to stop."""
    while True:
        module.check_cancelled()
        begun.set()


@pytest.mark.parametrize("module", [trio.from_thread, anyio.from_thread])
async def test_a_thread_hears_its_cancel_where_it_checks(module: Any) -> None:
    begun = threading.Event()
    async with ja.open_jobs() as jobs:
        snapshot = await cancelled(jobs, lambda: loop(begun, module), begun)
        assert snapshot.state == "cancelled"
        assert snapshot.reason == "enough"


async def test_what_a_thread_runs_in_the_loop_is_cancelled_with_its_job() -> None:
    begun = threading.Event()
    ended: list[str] = []

    async def wait() -> None:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.append("wait")

    def work() -> None:
        try:
            trio.from_thread.run(wait)
        finally:
            ended.append("work")

    async with ja.open_jobs() as jobs:
        assert (await cancelled(jobs, work, begun)).state == "cancelled"
    assert ended == ["wait", "work"]


async def test_a_thread_hears_its_cancel_once_and_can_clean_up_in_the_loop() -> None:
    begun = threading.Event()
    cleaned: list[str] = []

    async def clean_up() -> None:
        await trio.lowlevel.checkpoint()
        cleaned.append("loop")

    def work() -> str:
        try:
            loop(begun)
        finally:
            trio.from_thread.check_cancelled()
            trio.from_thread.run(clean_up)
            cleaned.append("thread")
        return "never"

    async with ja.open_jobs() as jobs:
        assert (await cancelled(jobs, work, begun)).state == "cancelled"
    assert cleaned == ["loop", "thread"]


async def test_a_cancel_is_put_off_by_a_shield_in_from_thread_too() -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[str] = []

    async def write() -> None:
        begun.set()
        await trio.to_thread.run_sync(go.wait, PATIENCE)
        done.append("written")

    def work() -> None:
        with ja.shield():
            trio.from_thread.run(write)
        trio.from_thread.check_cancelled()
        raise AssertionError

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
        job.cancel()
        go.set()
        assert (await job.wait()).state == "cancelled"
    assert done == ["written"]


async def test_a_thread_pauses_where_it_checks() -> None:
    begun = threading.Event()
    paused = threading.Event()

    async with ja.open_jobs() as jobs:
        jobs.on_event(lambda _: paused.set(), ja.JobPaused)
        job = jobs.submit(loop, begun)
        assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
        job.pause()
        assert await trio.to_thread.run_sync(paused.wait, PATIENCE)
        job.cancel()
        assert (await job.wait()).state == "cancelled"


async def test_a_phase_in_a_thread_hears_its_cancel_too() -> None:
    begun = threading.Event()
    chain = ja.chain(ja.phase("A", lambda: loop(begun)), ja.phase("B", int))
    async with ja.open_jobs() as jobs:
        assert (await cancelled(jobs, chain, begun)).state == "cancelled"


async def test_threads_of_no_job_are_trios_own() -> None:
    async with ja.open_jobs() as jobs:
        await jobs.run(int)
        with trio.CancelScope() as scope:
            scope.cancel()
            with trio.CancelScope(shield=True):
                assert await trio.to_thread.run_sync(lambda: trio.from_thread.run_sync(int)) == 0
            await trio.to_thread.run_sync(trio.from_thread.check_cancelled)
        assert scope.cancelled_caught
    with pytest.raises(RuntimeError, match="wasn't created by Trio"):
        trio.from_thread.check_cancelled()


async def test_anyio_finds_the_loop_in_a_jobs_thread() -> None:
    async def seven() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    def work() -> tuple[int, int, str]:
        ran = anyio.from_thread.run(seven)
        return ran, anyio.from_thread.run_sync(int, "7"), threading.current_thread().name

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        assert await job == (7, 7, f"job {job.id}")
