"""The arguments of ended jobs: they are there for a restart, within the limits of retention."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

import jobactors as ja

SIZE = 100_000


class Large:
    """Takes much memory."""

    def __init__(self, size: int = SIZE) -> None:
        self.content = bytes(size)


async def take(value: object) -> int:
    return id(value) > 0


async def fail(value: object) -> None:
    raise ValueError


def watched(references: list[weakref.ref[Large]], count: int) -> Iterator[Large]:
    for _ in range(count):
        large = Large()
        references.append(weakref.ref(large))
        yield large


def alive(references: list[weakref.ref[Large]]) -> int:
    gc.collect()
    return sum(reference() is not None for reference in references)


async def test_large_arguments_go_when_the_result_is_read() -> None:
    async with ja.open_jobs() as jobs:
        large = Large()
        reference = weakref.ref(large)
        job = jobs.submit(take, large)
        del large
        await job.wait()
        assert job.arguments[0][0] is reference()
        await job
        gc.collect()
        assert reference() is None
        with pytest.raises(ja.NotResumable, match=r"let go when its result was read.*submit it"):
            job.restart()


async def test_small_arguments_stay_and_so_do_those_of_a_failed_job() -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        small = jobs.submit(take, [1, 2, 3])
        await small
        assert await small.restart()
        job = jobs.submit(fail, Large())
        with pytest.raises(ValueError, match="raised in job"):
            await job
        assert (await job.restart().wait()).state == "failed"


async def test_arguments_go_before_any_job_does() -> None:
    """The oldest first, and they count with the results."""
    references: list[weakref.ref[Large]] = []
    limit = ja.Retention(result_bytes=3 * SIZE + SIZE // 2)
    async with ja.open_jobs(retention=limit, unread_failures="ignore") as jobs:
        handles = []
        for large in watched(references, 5):
            job = jobs.submit(fail, large)
            del large
            await job.wait()
            handles.append(job)
        assert alive(references) == 3
        assert [handle.arguments[0] == () for handle in handles] == [True, True] + [False] * 3
        assert len(jobs.list()) == 5
        assert jobs.stats().pruned_unread == 0


async def test_a_batch_over_a_generator_holds_no_more_arguments_than_retention_allows() -> None:
    references: list[weakref.ref[Large]] = []
    limit = ja.Retention(result_bytes=3 * SIZE + SIZE // 2)
    async with ja.open_jobs(retention=limit) as jobs:
        batch = jobs.map(take, watched(references, 50))
        async for _ in batch:
            pass
        assert len(batch.jobs) == 50
        assert alive(references) <= 5  # one more is the generator's, one the batch's
        assert jobs.stats().pruned_unread == 0
        assert await batch == [True] * 50


async def test_a_result_among_arguments_counts_and_goes_as_well() -> None:
    async def make() -> Large:
        return Large()

    async with ja.open_jobs(retention=ja.Retention(jobs=1)) as jobs:
        made = jobs.submit(make)
        used = jobs.submit(take, made)
        await used.wait()
        reference = weakref.ref(await made)
        del made
        await used
        gc.collect()
        assert reference() is None


async def test_a_handle_of_a_pruned_job_holds_no_large_arguments() -> None:
    references: list[weakref.ref[Large]] = []
    async with ja.open_jobs(retention=ja.Retention(jobs=1), unread_failures="ignore") as jobs:
        (first,) = [jobs.submit(fail, large) for large in watched(references, 1)]
        await first.wait()
        await jobs.submit(take, 1).wait()
        assert alive(references) == 0
        with pytest.raises(ja.NotResumable, match="retention"):
            first.restart()


@ja.job("hold rows")
async def hold_rows(rows: list[int]) -> int:
    return len(rows)


async def test_what_a_store_holds_is_found_there_again() -> None:
    async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
        job = jobs.submit(hold_rows, list(range(5_000)))
        assert await job == 5_000
        assert job.arguments == ((), {})
        assert await job.restart() == 5_000
