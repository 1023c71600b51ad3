"""``tracked``: a block of code that runs where it stands is a job for as long as it lasts."""

from __future__ import annotations

import asyncio
import copyreg
import threading
import traceback
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from trio.testing import MockClock

NOTHING: dict[str, None] = {}


@pytest.fixture
def started() -> Iterator[ja.Jobs]:
    """The process's own system."""
    yield ja.start(max_running=1)
    ja.stop()


def only(jobs: ja.Jobs) -> ja.Job[object]:
    """The one job there is."""
    [snapshot] = jobs.list()
    return jobs.get(snapshot.id)


# --- in a plain thread -------------------------------------------------------------------------


def test_a_block_of_a_thread_is_a_job(started: ja.Jobs) -> None:
    """Running inside, with its progress; succeeded after, whatever comes."""
    with ja.tracked("import", subject="films", tags="t") as ctx:
        job = started.get(ctx.id)
        assert (job.state, job.name, job.info.subject) == ("running", "import", "films")
        assert ja.current_job() is ctx
        for _ in ja.track([1, 2, 3], unit="films"):
            pass
    assert job.state == "succeeded"
    assert (job.snapshot().progress.done, job.snapshot().progress.unit) == (3, "films")
    assert ja.current_job().id == ""


def test_an_exception_of_a_block_goes_on_untouched(started: ja.Jobs) -> None:
    """The very object, with its traceback and its cause, though the job has failed with it too."""
    with pytest.raises(ValueError, match="x") as caught, ja.tracked("import") as ctx:  # noqa: PT012 - the block raises
        try:
            NOTHING["cause"]
        except KeyError as cause:
            raise ValueError("x") from cause
    job = started.get(ctx.id)
    error = job.exception()
    assert job.state == "failed"
    assert isinstance(error, ValueError)
    assert "test_an_exception_of_a_block" in error.__notes__[0]
    assert getattr(caught.value, "__notes__", []) == []
    shown = "".join(traceback.format_exception(caught.value))
    assert 'raise ValueError("x") from cause' in shown
    assert 'NOTHING["cause"]' in shown


def _sharing(exc: ValueError) -> tuple[Any, ...]:
    return (ValueError, exc.args, vars(exc))


def test_an_exception_of_a_block_gets_no_note_though_its_copies_share_its_attributes(
    started: ja.Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a library do that registers its own way to pickle exceptions."""
    monkeypatch.setitem(copyreg.dispatch_table, ValueError, _sharing)
    mine = ValueError("x")
    mine.add_note("mine")
    with pytest.raises(ValueError, match="x"), ja.tracked("import") as ctx:
        raise mine
    error = started.get(ctx.id).exception()
    assert mine.__notes__ == ["mine"]
    assert error is not None
    assert error.__notes__[0] == "mine"
    assert len(error.__notes__) == 2


def test_a_group_of_a_block_goes_on_with_the_tracebacks_of_its_members(started: ja.Jobs) -> None:
    """The job's error is another group, of other exceptions."""
    with pytest.raises(ExceptionGroup) as caught, ja.tracked("import") as ctx:  # noqa: PT012 - the block raises
        try:
            NOTHING["member"]
        except KeyError as member:
            raise ExceptionGroup("two", [member, ValueError("x")])  # noqa: B904 - as a nursery does
    error = started.get(ctx.id).exception()
    assert isinstance(error, ExceptionGroup)
    assert [type(member) for member in error.exceptions] == [KeyError, ValueError]
    assert error.exceptions[0] is not caught.value.exceptions[0]
    assert caught.value.exceptions[0].__traceback__ is not None


def test_an_exception_that_cannot_be_copied_goes_on_too(started: ja.Jobs) -> None:
    """The job has its text."""

    class Local(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

    with pytest.raises(Local), ja.tracked("import") as ctx:
        raise Local(1, 2)
    assert "1 and 2" in str(started.get(ctx.id).exception())


class Hostile(Exception):
    """Can be neither copied nor shown."""

    def __reduce__(self) -> Any:
        raise SystemExit

    def __str__(self) -> str:
        raise SystemExit


def test_an_exception_that_raises_when_it_is_copied_fails_its_job_too(started: ja.Jobs) -> None:
    """The block raises its own, whatever the copying raises."""
    with pytest.raises(Hostile), ja.tracked("import") as ctx:
        raise Hostile
    job = started.get(ctx.id)
    with pytest.raises(ja.JobFailed, match="Hostile"):
        job.result()


def test_a_cancel_ends_a_block_at_its_next_point(started: ja.Jobs) -> None:
    """The block raises JobCancelled, an ordinary exception."""
    with pytest.raises(ja.JobCancelled, match="enough"), ja.tracked("import") as ctx:  # noqa: PT012 - the block raises
        job = started.get(ctx.id)
        job.cancel("enough")
        assert ctx.cancel_requested
        for _ in ja.track(range(10)):
            raise AssertionError
    assert job.state == "cancelled"


def test_a_block_that_ends_before_it_looks_has_succeeded(started: ja.Jobs) -> None:
    """A cancel is never faked."""
    with ja.tracked("import") as ctx:
        job = started.get(ctx.id)
        job.cancel()
    assert job.state == "succeeded"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupted_block_is_cancelled(started: ja.Jobs, error: type[BaseException]) -> None:
    """Whoever left it did not want it to fail."""
    with pytest.raises(error), ja.tracked("import"):
        raise error
    job = only(started)
    with pytest.raises(ja.JobCancelled, match=error.__name__):
        job.result()


def test_an_error_that_cannot_be_copied_is_told_with_its_job(started: ja.Jobs) -> None:
    """It leaves the block as itself; the job has its text, or a copy that bears the same name."""

    class Uncopied(Exception):
        def __reduce__(self) -> Any:
            raise RuntimeError("this error stays where it is")

    class Exit(SystemExit):
        def __reduce__(self) -> Any:
            return SystemExit, self.args

    Exit.__module__, Exit.__qualname__ = SystemExit.__module__, SystemExit.__qualname__
    for error in (Uncopied("no rows"), Exit(3)):
        with pytest.raises(type(error)), ja.tracked("import"):
            raise error
    failed, left = started.list()
    with pytest.raises(ja.JobFailed, match=f"job {failed.id} failed: .*Uncopied: no rows"):
        started.get(failed.id).result()
    assert left.state == "cancelled"
    assert str(left.error) == "SystemExit: 3"


def test_a_block_takes_no_slot(started: ja.Jobs) -> None:
    """It may wait for a job, though only one may run; blocks may be nested."""
    with ja.tracked("outer") as outer:
        with ja.tracked("inner") as inner:
            assert started.submit(int, "7").result() == 7
            assert ja.current_job() is inner
        assert ja.current_job() is outer


def test_a_block_of_a_thread_pauses(started: ja.Jobs) -> None:
    """At ``track``; and goes on though no slot is free."""
    reached, go = threading.Event(), threading.Event()
    started.on_event(lambda _: reached.set(), ja.JobPaused)
    reached.clear()
    blocker = started.submit(go.wait)
    done: list[int] = []

    def block() -> None:
        with ja.tracked("import"):
            for i in ja.track(range(3)):
                done.append(i)
                if i == 1:
                    job = started.get(ja.current_job().id)
                    job.pause()
                    threading.Thread(target=resume, args=(job,)).start()

    def resume(job: ja.Job[object]) -> None:
        while job.state != "paused":
            reached.wait(30)
            reached.clear()
        done.append(-1)
        job.resume()

    block()
    assert done == [0, 1, -1, 2]
    go.set()
    assert blocker.result() is True


def test_a_block_without_a_system_says_what_to_do() -> None:
    """On entering."""
    with pytest.raises(ja.NoJobSystem, match=r"ja.start\(\) first"), ja.tracked("import"):
        pass


# --- in asyncio --------------------------------------------------------------------------------


def test_a_block_of_an_asyncio_program_is_a_job(started: ja.Jobs) -> None:
    """Both colours."""

    async def program() -> list[str]:
        async with ja.tracked("async") as ctx:
            async for _ in ja.track(range(3)):
                await asyncio.sleep(0)
        with ja.tracked("sync") as other:
            pass
        return [ctx.id, other.id]

    ids = asyncio.run(program())
    snapshots = [started.get(job_id).snapshot() for job_id in ids]
    assert [snapshot.state for snapshot in snapshots] == ["succeeded"] * 2
    assert snapshots[0].progress.done == 3


def test_a_cancelled_asyncio_task_leaves_a_cancelled_job(started: ja.Jobs) -> None:
    """Asyncio's own cancellation goes on."""

    async def program() -> None:
        begun = asyncio.Event()

        async def block() -> None:
            async with ja.tracked("async"):
                begun.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(block())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await only(started).wait()).state == "cancelled"

    asyncio.run(program())


# --- in trio -----------------------------------------------------------------------------------


async def test_a_block_of_a_trio_program_is_a_job(autojump_clock: MockClock) -> None:
    """Of the innermost system around it; it has ended when the block has."""
    async with ja.open_jobs(max_running=1) as jobs, ja.open_jobs() as inner:
        async with ja.tracked("import") as ctx:
            async for _ in ja.track(range(3)):
                await trio.sleep(1)
            assert await inner.run(int, "7") == 7
        assert inner.get(ctx.id).state == "succeeded"
        assert jobs.list() == []


async def test_a_sync_block_of_a_trio_program_is_a_job() -> None:
    """It ends as soon as the loop gets round to it."""
    async with ja.open_jobs() as jobs:
        with ja.tracked("import") as ctx:
            ja.progress(1, 2)
        assert (await jobs.get(ctx.id).wait()).state == "succeeded"


async def test_a_cancel_ends_a_trio_block_at_any_cancel_point(autojump_clock: MockClock) -> None:
    """And nothing around it is cancelled."""
    async with ja.open_jobs() as jobs, trio.open_nursery() as nursery:
        with pytest.raises(ja.JobCancelled, match="enough"):  # noqa: PT012 - the block raises
            async with ja.tracked("import") as ctx:
                nursery.start_soon(trio.to_thread.run_sync, jobs.get(ctx.id).cancel, "enough")
                await trio.sleep_forever()
        await trio.sleep(1)
        assert jobs.get(ctx.id).state == "cancelled"


async def test_a_cancelled_trio_block_leaves_a_cancelled_job(autojump_clock: MockClock) -> None:
    """The cancellation goes on."""
    async with ja.open_jobs() as jobs:
        with trio.move_on_after(1) as scope:
            async with ja.tracked("import"):
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert (await only(jobs).wait()).state == "cancelled"


async def test_a_failing_trio_block_fails_its_job() -> None:
    """The exception goes on, unwrapped."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        error = ValueError("x")
        with pytest.raises(ValueError, match="x") as caught:
            async with ja.tracked("import"):
                raise error
        assert caught.value is error
        assert (await only(jobs).wait()).state == "failed"


async def test_a_block_inside_a_job_is_a_job_of_its_own() -> None:
    """In the same system."""

    def work() -> tuple[str, str]:
        with ja.tracked("inner") as ctx:
            return ja.current_job().id, ctx.id

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        inside, block = await job
        assert inside == block != job.id
        assert jobs.get(block).name == "inner"


# --- how a block ends --------------------------------------------------------------------------


def test_a_block_that_was_told_and_ends_has_stopped(started: ja.Jobs) -> None:
    """It raises nothing: it has left by itself."""
    with ja.tracked("import") as block:
        job = started.get(block.id)
        job.cancel("enough")
        if block.cancel_requested:
            block.set_result("some")
    assert job.state == "cancelled"
    with pytest.raises(ja.JobCancelled) as caught:
        job.result()
    assert caught.value.partial == "some"


def test_a_block_says_how_it_ends(started: ja.Jobs) -> None:
    """As a function does by what it returns."""
    with ja.tracked("import") as block:
        block.set_result("first")
        block.set_result(7)
    assert started.get(block.id).result() == 7
    with ja.tracked("import") as block:
        block.set_result(ja.cancelled([1]))
    assert started.get(block.id).state == "cancelled"
    with ja.tracked("import") as block:
        started.get(block.id).cancel()
        assert block.cancel_requested
        block.set_result(ja.succeeded("all"))
    assert started.get(block.id).result() == "all"


async def test_a_trio_block_says_how_it_ends() -> None:
    """Under a shield it can hear of the cancel without being cancelled."""
    async with ja.open_jobs() as jobs:
        async with ja.tracked("import") as block:
            jobs.get(block.id).cancel()
            assert block.cancel_requested
            block.set_result("some")
        outcome = (await jobs.get(block.id).wait()).outcome
        assert outcome is not None
        assert (outcome.state, outcome.value) == ("cancelled", "some")


def test_a_block_is_found_by_its_type(started: ja.Jobs) -> None:
    """A type of its own, or the one of all blocks."""
    with ja.tracked("films", type="import") as block, ja.tracked("other") as other:
        assert [job.id for job in started.list(type="import")] == [block.id]
        assert [job.id for job in started.list(type="block")] == [other.id]
        assert block.type == "import"
    with pytest.raises(TypeError, match="text"):
        ja.tracked("films", type=7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not empty"):
        ja.tracked("films", type="")


def test_a_block_may_be_left_in_another_thread(started: ja.Jobs) -> None:
    """As a generator's is that one thread begins and another one finishes."""
    rows = _rows()
    # In a context of its own: there the block's job stays the current one.
    assert copy_context().run(next, rows) == 1
    thread = threading.Thread(target=list, args=(rows,))
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert only(started).state == "succeeded"


def _rows() -> Iterator[int]:
    with ja.tracked("import"):
        yield 1
        yield 2


def test_a_block_may_be_left_in_another_task(started: ja.Jobs) -> None:
    """As the dependencies of a web framework are."""

    async def serve() -> None:
        dependency = _dependency()
        assert await asyncio.ensure_future(_next(dependency)) == 1
        assert await asyncio.ensure_future(_next(dependency)) is None

    asyncio.run(serve())
    assert only(started).state == "succeeded"


async def _dependency() -> AsyncIterator[int]:
    async with ja.tracked("request"):
        yield 1


async def _next(dependency: AsyncIterator[int]) -> int | None:
    return await anext(dependency, None)
