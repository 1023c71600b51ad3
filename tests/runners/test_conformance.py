"""One suite for every runner: the ways a job ends, its waiter's result, and that none hangs.

A runner joins by a line in ``RUNNERS``: its name, and how it makes a job function of a plain one.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
import trio
from msgspec import Struct

import jobactors as ja

Work = Callable[..., Any]
Begun = threading.Event


class Kind(Struct, frozen=True):
    """One runner, and how its job functions look."""

    name: str
    """What ``runner=`` says."""
    make: Callable[[Work], Work]
    """Turn a plain function that never waits into a job function."""
    wait_for_ever: Callable[[Begun], Any]
    """A job function that says when it has begun, and ends by its cancel only."""
    swallow: Callable[[Begun], Any]
    """The same, but it swallows the cancel and returns "swallowed"."""


def _make_async(work: Work) -> Work:
    async def asynchronous(*args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return work(*args)

    return asynchronous


async def _wait_in_trio(begun: Begun) -> None:
    begun.set()
    await trio.sleep_forever()


async def _swallow_in_trio(begun: Begun) -> str:
    with contextlib.suppress(BaseException):  # the very thing that must not hurt
        await _wait_in_trio(begun)
    return "swallowed"


def _wait_in_thread(begun: Begun) -> None:
    while True:
        begun.set()
        ja.current_job().check()


def _swallow_in_thread(begun: Begun) -> str:
    with contextlib.suppress(BaseException):
        _wait_in_thread(begun)
    return "swallowed"


def _make_for_asyncio(work: Work) -> Work:
    async def asynchronous(*args: Any) -> Any:
        await asyncio.sleep(0)
        return work(*args)

    return asynchronous


async def _wait_in_asyncio(begun: Begun) -> None:
    begun.set()
    await asyncio.Event().wait()


async def _swallow_in_asyncio(begun: Begun) -> str:
    with contextlib.suppress(BaseException):
        await _wait_in_asyncio(begun)
    return "swallowed"


RUNNERS = [
    Kind("trio", _make_async, _wait_in_trio, _swallow_in_trio),
    Kind("thread", lambda work: work, _wait_in_thread, _swallow_in_thread),
    Kind("asyncio", _make_for_asyncio, _wait_in_asyncio, _swallow_in_asyncio),
]


@pytest.fixture(params=RUNNERS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each runner in turn."""
    assert isinstance(request.param, Kind)
    return request.param


@contextlib.asynccontextmanager
async def open_beside(
    kind: Kind,
) -> AsyncIterator[tuple[ja.Jobs, Callable[..., ja.Job[Any]]]]:
    """Open a system, with a neighbour whom nothing may disturb, and a bound for every wait."""
    with trio.fail_after(30):
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            neighbour = jobs.submit(trio.sleep_forever)
            yield jobs, jobs.options(runner=kind.name).submit  # type: ignore[arg-type]
            await trio.testing.wait_all_tasks_blocked()
            assert neighbour.state == "running"
            assert await jobs.run(int, "7") == 7
            neighbour.cancel()


# --- the ways to raise -------------------------------------------------------------------------


class Unprintable(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Poisonous(Exception):
    """Harms whoever wants to show it."""

    def __str__(self) -> str:
        raise SystemExit


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """Refuses every attribute, its traceback included."""

    code: int = 0


class Unpicklable(Exception):
    """Belongs to this process."""

    def __init__(self) -> None:
        super().__init__("lock")
        self.lock = threading.Lock()


async def _kept_cancellation() -> BaseException:
    """A real ``trio.Cancelled``, kept longer than it should be."""
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep_forever()
        except trio.Cancelled as exc:
            return exc
    raise AssertionError


def raise_(error: BaseException) -> None:
    """Raise ``error``."""
    raise error


ORDINARY = [ValueError("x"), ExceptionGroup("g", [ValueError(), OSError()]), Unpicklable()]
OTHERS = [
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    BaseExceptionGroup("g", [KeyboardInterrupt(), ValueError()]),
    BaseException("bare"),
]


@pytest.mark.parametrize("error", ORDINARY, ids=lambda error: type(error).__name__)
async def test_a_waiter_gets_the_jobs_own_exception(kind: Kind, error: Exception) -> None:
    """The very object, with a note of where it was raised."""
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(raise_), error)
        for _ in range(3):
            with pytest.raises(type(error)) as caught:
                await job
            assert caught.value is error
        assert job.state == "failed"
        [note] = error.__notes__
        assert note.startswith(f"raised in job {job.id}:")
        assert "in raise_" in note
        del error.__notes__


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: type(error).__name__)
async def test_a_waiter_gets_anything_else_wrapped(kind: Kind, error: BaseException) -> None:
    """It would end the waiter's own process, generator or loop; so it arrives as JobFailed."""
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(raise_), error)
        with pytest.raises(ja.JobFailed, match=type(error).__name__) as caught:
            await job
        assert caught.value.__cause__ is error
        assert job.state == "failed"


async def test_a_cancellation_that_is_nobodys_fails_its_job_alone(kind: Kind) -> None:
    """One that was kept and raised again is an error, and no cancellation of anybody."""
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(raise_), await _kept_cancellation())
        with pytest.raises(ja.JobFailed, match="Cancelled"):
            await job
        assert job.state == "failed"


@pytest.mark.parametrize("error", [Unprintable, Poisonous, Frozen])
async def test_an_exception_with_harmful_code_fails_its_job_alone(
    kind: Kind, error: type[Exception]
) -> None:
    """Its waiter gets an exception all the same, and never hangs."""
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(lambda: raise_(error())))
        assert (await job.wait()).state == "failed"
        assert isinstance(await trio.to_thread.run_sync(job.exception), Exception)


async def test_stop_iteration_is_a_failure(kind: Kind) -> None:
    """It would end a generator that waits."""
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(raise_), StopIteration("x"))
        with pytest.raises((ja.JobFailed, RuntimeError)):
            await job


# --- the ways to return ------------------------------------------------------------------------


async def test_a_result_is_the_very_object(kind: Kind) -> None:
    """Huge or unpicklable: nothing is copied."""
    async with open_beside(kind) as (_, submit):
        for result in (None, threading.Lock(), bytes(10_000_000), ValueError("as a value")):
            assert await submit(kind.make(lambda value: value), result) is result


async def test_cancelled_with_a_partial_result(kind: Kind) -> None:
    """``return ja.cancelled(x)`` ends as cancelled and keeps what there is."""
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(lambda: ja.cancelled([1, 2])))
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == [1, 2]
        outcome = job.snapshot().outcome
        assert outcome is not None
        assert outcome.value == [1, 2]


# --- cancel ------------------------------------------------------------------------------------


async def test_a_cancel_ends_the_job(kind: Kind) -> None:
    """The waiter gets the reason."""
    begun = Begun()
    async with open_beside(kind) as (_, submit):
        job = submit(kind.wait_for_ever, begun)
        await trio.to_thread.run_sync(begun.wait)
        job.cancel("enough")
        with pytest.raises(ja.JobCancelled, match="enough"):
            await job


async def test_a_swallowed_cancel_is_a_normal_return(kind: Kind) -> None:
    """The result counts, because the work was done."""
    begun = Begun()
    async with open_beside(kind) as (_, submit):
        job = submit(kind.swallow, begun)
        await trio.to_thread.run_sync(begun.wait)
        job.cancel()
        assert await job == "swallowed"


async def test_a_cancel_before_the_first_line_is_honest(kind: Kind) -> None:
    """Started, but not yet running: it never runs a line."""
    ran: list[int] = []
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(ran.append), 1)
        job.cancel()
        assert (await job.wait()).state == "cancelled"
        assert ran == []


# --- inside ------------------------------------------------------------------------------------


async def test_the_code_sees_its_own_job(kind: Kind) -> None:
    """Id, name, subject and attempt."""
    async with open_beside(kind) as (jobs, _):
        options = jobs.options(runner=kind.name, name="n", subject="wiki")  # type: ignore[arg-type]

        def look() -> tuple[str, str, str, int]:
            ctx = ja.current_job()
            return ctx.id, ctx.name, ctx.subject, ctx.attempt

        job = options.submit(kind.make(look))
        assert await job == (job.id, "n", "wiki", 1)
        assert job.snapshot().runner == kind.name


async def test_the_last_progress_is_delivered(kind: Kind) -> None:
    """However fast the job was."""

    def report() -> None:
        for i in range(1, 1001):
            ja.progress(i, 1000, "counting", "rows", odd=i // 2)

    async with open_beside(kind) as (_, submit):
        progress = (await submit(kind.make(report)).wait()).progress
        assert (progress.done, progress.total, progress.unit) == (1000, 1000, "rows")
        assert (progress.message, progress.counters) == ("counting", {"odd": 500})


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(lambda: ja.progress(Decimal(1), Decimal(2)), id="decimals"),  # type: ignore[arg-type]
        pytest.param(lambda: ja.progress(1, loss=[1, 2]), id="a list"),  # type: ignore[arg-type]
        pytest.param(lambda: ja.progress(float("nan"), 0.0), id="not a number"),
        pytest.param(lambda: ja.track([1], total="x"), id="a total"),  # type: ignore[arg-type]
    ],
)
async def test_nonsense_reports_hurt_nobody(
    kind: Kind, report: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The job goes on, and so does everybody else."""

    def work() -> str:
        list(report() or ())
        return "done"

    async with open_beside(kind) as (_, submit):
        assert await submit(kind.make(work)) == "done"
    assert {record.levelno for record in caplog.records} <= {logging.ERROR}


async def test_frames_are_let_go(kind: Kind) -> None:
    """A failure nobody reads keeps no data alive."""

    class Data:
        """Something large."""

    kept: list[weakref.ref[Data]] = []

    def fail() -> None:
        data = Data()
        kept.append(weakref.ref(data))
        raise ValueError

    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(fail))
        assert (await job.wait()).state == "failed"
        gc.collect()
        assert kept[0]() is None


async def test_traceback_notes_do_not_grow(kind: Kind) -> None:
    """Fifty readers later the exception is as long as at first."""
    async with open_beside(kind) as (_, submit):
        job = submit(kind.make(lambda: raise_(ValueError("x"))))
        lengths, notes = set(), set()
        for _ in range(50):
            with pytest.raises(ValueError, match="x") as caught:
                await job
            lengths.add(len(caught.traceback))
            notes.add(len(caught.value.__notes__))
        assert (len(lengths), notes) == (1, {1})
