"""Waiting in trio code is a cancel point, whether there is something to wait for or not."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import assert_checkpoints

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable


async def _walk(items: AsyncIterable[object]) -> int:
    taken = 0
    async for _ in items:
        taken += 1
    return taken


async def an_ended_batch(jobs: ja.Jobs) -> Callable[[], Awaitable[object]]:
    batch = jobs.map(int, ["1", "2", "3"])
    await batch
    return lambda: _walk(batch)


async def the_results_of_an_ended_batch(jobs: ja.Jobs) -> Callable[[], Awaitable[object]]:
    batch = jobs.map(int, ["1"])
    await batch

    async def results() -> object:
        return await batch

    return results


async def an_empty_batch(jobs: ja.Jobs) -> Callable[[], Awaitable[object]]:
    batch = jobs.map(int, list[str]())
    return lambda: _walk(batch)


async def the_results_of_an_empty_batch(jobs: ja.Jobs) -> Callable[[], Awaitable[object]]:
    batch = jobs.map(int, list[str]())

    async def results() -> object:
        return await batch

    return results


async def tracked_items(_: ja.Jobs) -> Callable[[], Awaitable[object]]:
    return lambda: _walk(ja.track([1, 2, 3]))


async def no_tracked_items(_: ja.Jobs) -> Callable[[], Awaitable[object]]:
    return lambda: _walk(ja.track([]))


async def batches_of_items(_: ja.Jobs) -> Callable[[], Awaitable[object]]:
    return lambda: _walk(ja.batches(range(4), 2))


async def no_batches(_: ja.Jobs) -> Callable[[], Awaitable[object]]:
    return lambda: _walk(ja.batches(range(0), 2))


OUTSIDE = [
    an_ended_batch,
    the_results_of_an_ended_batch,
    an_empty_batch,
    the_results_of_an_empty_batch,
    tracked_items,
    no_tracked_items,
    batches_of_items,
    no_batches,
]


async def a_message(jobs: ja.Jobs) -> Callable[[], Awaitable[object]]:
    me = ja.current_job()
    jobs.get(me.id).tell("hello")
    return me.inbox.receive


async def free_units(_: ja.Jobs) -> Callable[[], Awaitable[object]]:
    async def acquire() -> None:
        async with ja.current_job().acquire("gpu"):
            pass

    return acquire


async def _is_one(make: Callable[[], Awaitable[object]]) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await make()
    assert scope.cancelled_caught, "it is no cancel point"
    with assert_checkpoints():
        await make()


@pytest.mark.parametrize("kind", OUTSIDE)
async def test_a_wait_outside_a_job_is_a_cancel_point(kind: Any) -> None:
    async with ja.open_jobs() as jobs:
        await _is_one(await kind(jobs))


@pytest.mark.parametrize("kind", [*OUTSIDE, a_message, free_units])
async def test_a_wait_inside_a_job_is_a_cancel_point(kind: Any) -> None:
    async with ja.open_jobs() as jobs:

        async def work() -> None:
            await _is_one(await kind(jobs))

        await jobs.run(work)


async def test_a_cancelled_reader_takes_no_message() -> None:
    async def work() -> object:
        inbox = ja.current_job().inbox
        with trio.CancelScope() as scope:
            scope.cancel()
            await inbox.receive()
        return await inbox.receive()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        job.tell("first")
        assert await job == "first"
