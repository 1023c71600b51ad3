"""Faults that only trio jobs have."""

from __future__ import annotations

import asyncio

import pytest

import jobactors as ja


async def test_asyncio_code_on_trio_fails_with_a_reason() -> None:
    """It ends the job, and nothing else."""

    async def wrong_loop() -> None:
        await asyncio.get_running_loop().create_future()

    async def wrong_awaitable() -> None:
        await asyncio.sleep(1)

    async with ja.open_jobs() as jobs:
        for work in (wrong_loop, wrong_awaitable):
            with pytest.raises((RuntimeError, TypeError), match=r"(?i)event loop|asyncio"):
                await jobs.run(work)


async def test_a_plain_function_on_trio_fails_with_the_cure() -> None:
    """What cannot be awaited belongs into a thread."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match='runner="thread"'):
            await jobs.options(runner="trio").run(int, "7")


class Hostile(RuntimeError):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise SystemExit


async def test_an_error_that_cannot_be_shown_fails_its_job_as_itself() -> None:
    """Its text is not asked for to see whether it is one of asyncio's."""

    async def work() -> None:
        raise Hostile

    async with ja.open_jobs() as jobs:
        with pytest.raises(Hostile):
            await jobs.run(work)
