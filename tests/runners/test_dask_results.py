"""Results that stay on a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

from . import dask_work as work

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_result_that_stays_is_a_future_and_an_argument_of_later_jobs(client: Any) -> None:
    """At any depth; the later job gets the value, and this side has none of it."""
    from distributed import Future

    async with ja.open_jobs() as jobs:
        keeping = jobs.options(runner=ja.DaskRunner(client, keep=True))
        job = keeping.submit(work.large, 10_000_000)
        kept = await job
        assert isinstance(kept, Future)
        coming = jobs.options(runner=ja.DaskRunner(client))
        (size, _) = await coming.submit(work.size_of, kept)
        assert size == 10_000_000
        assert await coming.submit(work.sizes, [job, {"again": kept}]) == [10_000_000] * 2
        longer = await keeping.submit(work.joined, kept, kept)
        assert (await coming.submit(work.size_of, longer))[0] == 20_000_000


async def test_partial_results_that_stay_are_merged_where_they_are(client: Any) -> None:
    """In the order of the inputs: the results of a batch are the futures of its parts."""
    async with ja.open_jobs() as jobs:
        parts = jobs.options(runner=ja.DaskRunner(client, keep=True)).map(work.large, range(1, 5))
        kept = await parts
        merging = jobs.options(runner=ja.DaskRunner(client))
        assert await merging.submit(work.lengths, kept) == [1, 2, 3, 4]
        assert await merging.submit(work.lengths, parts.jobs) == [1, 2, 3, 4]


async def test_a_result_that_stays_outlives_the_handle_of_its_job(client: Any) -> None:
    """The future holds it, not the job."""
    async with ja.open_jobs() as jobs:
        keeping = jobs.options(runner=ja.DaskRunner(client, keep=True))
        kept: Any = await keeping.submit(work.large, 1_000_000)
    assert len(await trio.to_thread.run_sync(kept.result)) == 1_000_000


async def test_a_job_that_keeps_its_result_fails_and_is_cancelled_like_any_other(
    client: Any, tmp_path: Path
) -> None:
    """There is nothing to keep then."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        keeping = jobs.options(runner=ja.DaskRunner(client, keep=True))
        with pytest.raises(ZeroDivisionError):
            await keeping.submit(divmod, 1, 0)
        job = keeping.submit(work.until_stopped, str(tmp_path / "begun"))
        with trio.fail_after(60):
            while job.state != "running":  # noqa: ASYNC110 - a job's snapshot has no event
                await trio.sleep(0.01)
        job.cancel()
        with pytest.raises(ja.JobCancelled):
            await job
