"""A user's program.  Nothing of it runs: ``make lint`` and ``make check`` read it.

A wrong line bears the error that checkers have to find; one that they do not find fails, too.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def count(n: int, scale: float = 1.0) -> int:
    """Return a number."""
    return round(n * scale)


async def encode(text: str) -> bytes:
    """Return bytes."""
    return text.encode()


def nothing() -> None:
    """Return nothing."""


async def pages() -> AsyncIterator[bytes]:
    """Yield bytes."""
    yield b"x"


class Model:
    """Has methods in both colours."""

    def fit(self, x: list[float]) -> float:
        """Return a number."""
        return x[0]

    async def afit(self) -> float:
        """Return a number."""
        return 1.0


@ja.job("typed index", label="Index", unique=True, timeout=60)
def index(folder: str) -> int:
    """Return a number."""
    return len(folder)


@ja.job("typed wrongly", nosuchoption=1)  # type: ignore[call-arg]
def wrongly() -> None:
    """Have an option that does not exist."""


def with_partial_result(n: int) -> int:
    """Return a partial result of the same type."""
    if ja.current_job().cancel_requested:
        return ja.cancelled(n)
    return ja.succeeded(n)


async def submits(jobs: ja.Jobs) -> None:
    """Submit in every way."""
    assert_type(jobs.submit(count, 1), ja.Job[int])
    assert_type(jobs.submit(encode, "x"), ja.Job[bytes])
    assert_type(await jobs.submit(encode, "x"), bytes)
    assert_type(await jobs.run(count, 2), int)
    assert_type(await jobs.run(encode, "a"), bytes)
    assert_type(jobs.options(name="x").submit(count, 1), ja.Job[int])
    assert_type(jobs.submit(nothing), ja.Job[None])
    assert_type(jobs.submit(Model().fit, [1.0]), ja.Job[float])
    assert_type(jobs.submit(Model().afit), ja.Job[float])
    assert_type(jobs.submit(Model), ja.Job[Model])
    assert_type(jobs.submit(index, "x"), ja.Job[int])
    assert_type(jobs.submit("typed index", {"folder": "x"}), ja.Job[Any])
    assert_type(jobs.submit(ja.chain(ja.phase("a", nothing))), ja.Job[ja.ChainResult])
    jobs.submit(count, "wrong")  # type: ignore[arg-type]
    jobs.submit(count)  # type: ignore[call-overload]
    jobs.submit(count, 1, nosuch=2)  # type: ignore[arg-type, call-arg]


async def passes_jobs(jobs: ja.Jobs) -> None:
    """Give jobs as arguments: their results take their places."""
    one = jobs.submit(count, 1)
    assert_type(jobs.submit(count, one), ja.Job[int])
    assert_type(jobs.map(count, [one, one]), ja.Batch[int])
    jobs.submit(encode, one)  # type: ignore[arg-type]


def repeat(text: str, *, times: int) -> str:
    """Repeat a text."""
    return text * times


async def bars(rows: AsyncIterator[bytes]) -> None:
    """Go through iterables with a bar: their items have their own types."""
    for number in ja.tqdm([1, 2], desc="rows"):
        assert_type(number, int)
    async for row in ja.tqdm(rows):
        assert_type(row, bytes)
    for number in ja.trange(3):
        assert_type(number, int)
    with ja.tqdm(total=3) as bar:
        bar.update()


async def maps(jobs: ja.Jobs) -> None:
    """Read batches in both colours."""
    assert_type(jobs.map(count, [1, 2]), ja.Batch[int])
    assert_type(jobs.map(encode, ["a"]), ja.Batch[bytes])
    assert_type(await jobs.map(count, [1]), list[int])
    async for job in jobs.map(count, [1]):
        assert_type(job, ja.Job[int])
    for job in jobs.map(count, [1]):
        assert_type(job.result(), int)
    jobs.map(count, ["a"])  # type: ignore[arg-type]
    assert_type(jobs.map(encode, ["a"], name=lambda text: text.upper()), ja.Batch[bytes])
    assert_type(jobs.map(repeat, ["a"], times=3), ja.Batch[str])
    jobs.map(repeat, [3], times=3)  # type: ignore[arg-type]


async def gives_options(jobs: ja.Jobs) -> None:
    """Name options, rightly and wrongly."""
    job = jobs.submit(count, 1)
    jobs.options(retry=ja.Retry(on=(ConnectionError,)), resources="gpu", tags="x", after=job)
    job.update(priority="high", tags=["x"])
    with ja.tracked("x", type="z", subject="y") as context:
        assert_type(context, ja.BlockContext)
        context.set_result(ja.cancelled([1]))
        assert_type(context.cancel_requested, bool)
    jobs.options(naem="typo")  # type: ignore[call-arg]
    jobs.options(timeout="soon")  # type: ignore[arg-type]
    jobs.options(priority="hgih")  # type: ignore[arg-type]
    jobs.options(runner="proces")  # type: ignore[arg-type]
    job.update(key="x")  # type: ignore[call-arg]


async def watches(jobs: ja.Jobs) -> None:
    """Hear of the kinds that were asked for."""
    async with jobs.subscribe(ja.JobFinished) as batches:
        async for batch in batches:
            for event in batch:
                assert_type(event, ja.JobFinished)
    async with jobs.subscribe() as all_batches:
        async for everything in all_batches:
            assert_type(everything, tuple[ja.Event, ...])
    jobs.on_event(lambda event: event.outcome, ja.JobFinished)


async def reads(jobs: ja.Jobs) -> None:
    """Read what a job gives."""
    job = jobs.submit(count, 1)
    assert_type(job.result(), int)
    assert_type(job.exception(), Exception | None)
    assert_type(job.snapshot(), ja.JobSnapshot)
    assert_type(await job.wait(), ja.JobSnapshot)
    assert_type(job.restart(), ja.Job[int])
    assert_type(job.state, ja.JobState)
    assert_type(job.is_new, bool)
    assert_type(jobs.list(state="unfinished"), list[ja.JobSnapshot])
    assert_type(jobs.history(state=[ja.JobState.FAILED, "cancelled"]), list[ja.JobSnapshot])
    jobs.select(state="finished").delete()
    assert_type(ja.bind_context(count)(1), int)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jobs.run, count, 1)


async def tracks() -> None:
    """Go through things that are tracked."""
    ja.progress(message="starting")
    ja.progress("0")  # type: ignore[arg-type]
    for number in ja.track([1, 2]):
        assert_type(number, int)
    async for page in ja.track(pages()):
        assert_type(page, bytes)
