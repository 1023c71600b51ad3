"""An engine that fails takes no work with it: an injector strikes it at every call it makes."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from trio.testing import MockClock

import jobactors as ja
from jobactors.engine.attempt.actor import Actor
from jobactors.engine.checkpoints.work_folders import WorkFolders
from jobactors.engine.loop.portal import Portal
from jobactors.engine.loop.timers import Timers
from jobactors.engine.records.event_bus import Bus
from jobactors.engine.system import shutdown
from jobactors.engine.system.job_system import JobSystem
from tests.engine.scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

EVERY: Final = 1 if os.environ.get("JOBACTORS_DEATH") == "all" else 47
"""Strike at every so many calls of the engine."""

ENGINE: Final = str(Path(ja.__file__).parent / "engine")
TASKS: Final[frozenset[CodeType]] = frozenset(
    function.__code__
    for function in (
        Actor.run,
        Bus.run,
        JobSystem._run,
        JobSystem._serve,
        Portal._serve,
        Timers.run,
        WorkFolders.run,
        shutdown.drain,
        shutdown.stop,
    )
)
"""The engine's own tasks: a call below one of these is a step of its loop."""
NET: Final = frozenset(
    function.__code__ for function in (JobSystem._run, JobSystem._serve, JobSystem.fail)
)
"""The net under all of it is not struck itself, nor the nurseries that trio is leaving."""


class Struck(Exception):
    """The injected error."""


class Injector:
    """Raises in the engine's call number ``at``, counted in the loop's thread."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0
        self.where = ""

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Look at one call of the interpreter; ``sys.setprofile`` calls this."""
        if event != "call" or not frame.f_code.co_filename.startswith(ENGINE):
            return
        if frame.f_code.co_name == "<genexpr>" or not self._is_step(frame):
            return  # a generator that is closed is called as well, and raises into nothing
        self.calls += 1
        if self.calls == self.at:
            self.where = f"{frame.f_code.co_qualname} line {frame.f_lineno}"
            raise Struck(self.where)

    def _is_step(self, frame: FrameType | None) -> bool:
        if frame is not None and frame.f_code in NET:
            return False
        while frame is not None:
            if frame.f_code is JobSystem.fail.__code__ or frame.f_code.co_filename == __file__:
                return False
            if frame.f_code.co_name == "__del__":
                return False  # an error in a finalizer goes nowhere
            if frame.f_code in TASKS:
                return True
            frame = frame.f_back
        return False


@contextmanager
def struck_at(call: int) -> Iterator[Injector]:
    """Strike the engine at one of its calls, in this thread."""
    injector = Injector(call)
    sys.setprofile(injector)
    try:
        yield injector
    finally:
        sys.setprofile(None)


async def work(n: int) -> int:
    """Report, save, wait, and return."""
    for i in range(2):
        ja.progress(i, 2)
        ja.save_checkpoint(i)
        await trio.sleep(1)
    return n


async def with_a_lock() -> None:
    """Ask for a resource while running."""
    async with ja.current_job().acquire("lock"):
        await trio.sleep(1)


async def fail_once() -> int:
    """Fail, and succeed at the next attempt."""
    if ja.current_job().attempt == 1:
        raise ValueError("once")
    return 1


async def ended(snapshot: ja.JobSnapshot) -> None:
    """Take note of an end."""
    assert snapshot.state.is_terminal


async def play(handles: list[ja.Job[Any]], store: ja.Store | None) -> None:
    """Run jobs that pass through every part of the engine."""
    async with ja.open_jobs(max_running=2, store=store, unread_failures="ignore") as jobs:
        first = jobs.submit(work, 1)
        handles.append(first)
        handles.append(jobs.submit(work, first))
        handles.append(jobs.submit(with_a_lock))
        handles.append(jobs.options(resources="lock").submit(work, 2))
        handles.append(jobs.options(retry=ja.Retry(base=1)).submit(fail_once))
        handles.append(jobs.options(timeout=0.5, grace=0.1).submit(trio.sleep_forever))
        handles.append(jobs.options(hold=True).submit(work, 3))
        handles.append(jobs.options(on_done=ended).submit(work, 4))
        await trio.sleep(1.5)
        with suppress(ja.IllegalVerb):  # where a strike has ended it
            handles[2].pause()
            handles[0].tell("hello")
        await trio.sleep(1)
        with suppress(ja.IllegalVerb):
            handles[2].resume()
        with suppress(Exception):
            await first


def outcome_of(call: int, store: ja.Store | None) -> tuple[Injector, list[ja.Job[Any]], Any]:
    """Play with a strike; return the injector, the jobs, and what left the block."""
    handles: list[ja.Job[Any]] = []
    error: BaseException | None = None
    with struck_at(call) as injector:
        try:
            trio.run(play, handles, store, clock=MockClock(autojump_threshold=0))
        except BaseException as exc:
            error = exc
    return injector, handles, error


def calls_in_all(store: ja.Store | None) -> int:
    """Return the number of steps of an undisturbed run."""
    injector, handles, error = outcome_of(0, store)
    assert error is None
    assert all(job.snapshot().outcome is not None for job in handles)
    return injector.calls


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "with a store"])
def test_an_engine_that_is_struck_anywhere_settles_every_job_and_says_so_once(
    stored: bool,
) -> None:
    """Every waiter is answered, the store is free, and a new system opens on it."""
    failures = 0
    for call in range(1, calls_in_all(ja.MemoryStore() if stored else None) + 1, EVERY):
        store = ja.MemoryStore() if stored else None
        injector, handles, error = outcome_of(call, store)
        if not injector.where:
            continue  # the strike has changed the course of an earlier step
        assert error is None or isinstance(error, ja.EngineFailed), (injector.where, error)
        failures += error is not None
        for job in handles:
            snapshot = job.wait().result(timeout=0)
            assert snapshot.outcome is not None, (injector.where, snapshot)
            if error is not None and not snapshot.state.is_terminal:
                reason = str(snapshot.reason)
                closing = "the job system is closing" in reason  # it was held till then
                assert closing or "the job engine has failed" in reason, injector.where
        if error is not None:
            assert "open a new system" in str(error)
            assert isinstance(error.__cause__, BaseException)
        if store is not None:
            assert_store_is_free(store, injector.where)
    assert failures > 10


def assert_store_is_free(store: ja.Store, where: str) -> None:
    """Open it again, and find every job at rest or ended."""

    async def look() -> None:
        async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
            for snapshot in jobs.list():
                assert snapshot.outcome is not None, (where, snapshot)
            assert await jobs.run(lambda: 1) == 1

    trio.run(look)


def test_a_started_system_that_fails_answers_its_waiters_and_makes_room_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Threads that wait are woken; the next ``ja.start`` opens the same store."""
    jobs = ja.start(store=tmp_path / "jobs.db", display=None)
    begun, go_on = threading.Event(), threading.Event()

    def waits() -> None:
        begun.set()
        go_on.wait()

    job = jobs.submit(waits)
    begun.wait()
    waiter: list[BaseException | None] = []
    thread = threading.Thread(target=lambda: waiter.append(job.exception()))
    thread.start()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Actor, "_end", broken)
            with pytest.raises((ja.JobInterrupted, ja.JobsClosed)):
                jobs.submit(int).result()
        thread.join()
        (error,) = waiter
        assert isinstance(error, ja.JobInterrupted)
        assert "the job engine has failed" in str(error)
        with pytest.raises(ja.JobsClosed):
            jobs.submit(int)
        again = ja.start(store=tmp_path / "jobs.db", display=None)
        assert again is not jobs
        assert again.submit(lambda: 1).result() == 1
        assert again.get(job.id).state == "interrupted"
        assert sum("event loop has failed" in line for line in caplog.messages) <= 1
    finally:
        go_on.set()
        ja.stop(0)


def test_a_job_that_is_being_cancelled_when_the_engine_fails_has_been_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would not go on in the next system; its reason is kept."""
    jobs = ja.start(display=None)
    begun, go_on = threading.Event(), threading.Event()

    def deaf() -> None:
        begun.set()
        go_on.wait()

    job = jobs.submit(deaf)
    begun.wait()
    try:
        job.cancel("not needed")
        with monkeypatch.context() as patch:
            patch.setattr(Actor, "_end", broken)
            with pytest.raises((ja.JobInterrupted, ja.JobsClosed)):
                jobs.submit(int).result()
        with pytest.raises(ja.JobCancelled, match="not needed"):
            job.result()
        assert job.state == "cancelled"
    finally:
        go_on.set()
        ja.stop(0)


def test_the_end_of_trio_itself_is_a_failure_of_the_engine(tmp_path: Path) -> None:
    """Trio takes the ``repr`` of what a nursery of a job raises: one that raises ends its loop.

    In a process of its own, since trio leaves broken coroutines behind.
    """
    ended = run_script(
        f"""
        class Unreadable(Exception):
            def __repr__(self):
                raise ValueError("no text")

        async def fails():
            raise Unreadable

        async def job_with_nursery():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fails)

        jobs = ja.start(store={str(tmp_path / "jobs.db")!r}, display=None)
        other = jobs.options(hold=True).submit(int)
        for job in jobs.submit(job_with_nursery), other:
            print(type(job.exception()).__name__)
        try:
            jobs.submit(int)
        except ja.JobsClosed as exc:
            print(type(exc).__name__)
        again = ja.start(store={str(tmp_path / "jobs.db")!r}, display=None)
        print(again.get(other.id).state, again.submit(lambda: 1).result())
        ja.stop(0)
        """
    )
    assert ended.said == ["JobInterrupted", "JobInterrupted", "JobsClosed", "interrupted 1"], ended
    assert "the jobs' event loop has failed" in ended.errors
    assert "could not be ended in full" not in ended.errors


def broken(*_: object) -> None:
    """Stand for a fault of the engine."""
    raise Struck("broken")
