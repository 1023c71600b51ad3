"""What only a cluster of real processes shows: memory, forks, sizes, adaptive scaling."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

from . import dask_work as work
from .dask_cluster import cluster

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    os.environ.get("JOBACTORS_DASK") != "all", reason="`make dask` runs it: it takes minutes"
)
CLUSTER = {"workers": 2, "processes": True}
MANY = 10_000
LARGE = 200_000_000


async def test_the_rest_of_a_long_map_is_cancelled_at_once_and_the_workers_are_free(
    client: Any,
) -> None:
    """Its jobs are listed as far as they were taken in, and nothing of them is left behind."""
    runner = ja.DaskRunner(client)
    async with ja.open_jobs() as jobs:
        batch = jobs.options(runner=runner).map(work.add, range(MANY), range(MANY))
        done = 0
        async for _ in batch:
            done += 1
            if done == 200:
                break
        rows = jobs.list(limit=MANY)
        assert done <= len(rows) < done + 100
        batch.cancel()
        with trio.fail_after(30):
            while jobs.list(state="unfinished"):  # noqa: ASYNC110 - cancelled jobs end one by one
                await trio.sleep(0.01)
        assert batch.counts[ja.JobState.SUCCEEDED] < 500
        assert await jobs.options(runner=runner).submit(work.add, 1, 2) == 3


async def test_ten_thousand_jobs_of_a_map_all_end_and_each_has_its_own_result(client: Any) -> None:
    """Never more of them on their way than three a thread."""
    async with ja.open_jobs() as jobs:
        batch = jobs.options(runner=ja.DaskRunner(client)).map(work.add, range(MANY), range(MANY))
        most = 0
        async for _ in batch:
            most = max(most, batch.counts[ja.JobState.RUNNING] + batch.counts[ja.JobState.QUEUED])
        assert await batch == [2 * number for number in range(MANY)]
        assert most <= 3 * 2


async def test_parts_that_workers_have_written_are_merged_on_a_worker(
    client: Any, tmp_path: Path
) -> None:
    """By a job of the same function and subject, which finds their files in the shared folder."""
    whole = tmp_path / "whole.txt"
    async with ja.open_jobs(store=tmp_path / "jobs.db", unread_failures="ignore") as jobs:
        runner = ja.DaskRunner(client, shared_folder=tmp_path)
        on = jobs.options(runner=runner, subject="numbers", on_checkpoint="resume")
        parts = ja.ranges(40, 4)
        await on.map(work.write_or_merge, parts[:3], str(whole))
        with pytest.raises(ja.RangesUnfinished, match="4/4"):
            await on.submit(work.write_or_merge, None, str(whole))
        assert not whole.exists()
        await on.submit(work.write_or_merge, parts[3], str(whole))
        assert await on.submit(work.write_or_merge, None, str(whole)) != os.getpid()
        assert jobs.checkpoints() == []
    assert whole.read_text().split() == [str(number) for number in range(40)]


@pytest.mark.parametrize("keep", [False, True])
async def test_a_result_of_200_megabytes_comes_here_whole_or_stays_there(
    client: Any, keep: bool
) -> None:
    """And the loop answers meanwhile."""
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=ja.DaskRunner(client, keep=keep))
        job = on.submit(work.large, LARGE)
        value = await job
        if not keep:
            assert value == bytes(LARGE)
            return
        sizes = jobs.options(runner=ja.DaskRunner(client)).submit(work.size_of, job)
        assert (await sizes)[0] == LARGE
        assert type(value).__name__ == "Future"


async def test_a_forked_child_inside_a_job_reports_nothing_and_the_job_goes_on(
    client: Any, tmp_path: Path
) -> None:
    """What the child says is said in its own memory alone."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=ja.DaskRunner(client)).submit(work.fork_and_report, path)
        assert await job == 0
        progress = job.snapshot().progress
        assert (progress.done, progress.total, progress.message) == (1, 2, "")
        assert "printed by the job" in str(job.logs())
        assert "printed by the child" not in str(job.logs())
    assert len(work.starts(path)) == 1


async def test_a_worker_that_its_nanny_ends_for_its_memory_fails_its_job_once(
    tmp_path: Path,
) -> None:
    """Dask would start it again on the next one, which it would fill as well."""
    path = str(tmp_path / "starts")
    with cluster(workers=1, processes=True, memory_limit="600MB") as small:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            on = jobs.options(runner=ja.DaskRunner(small))
            job = on.submit(work.fill_memory, path, 40_000_000)
            assert (await job.wait()).state == "failed"
            assert isinstance(job.exception(), ja.WorkerDied)
            assert "out of memory" in str(job.exception())
            assert await on.submit(work.add, 1, 2) == 3  # on the worker that came after it
    assert len(work.starts(path)) == 1


async def test_an_adaptive_cluster_grows_for_jobs_that_wait_and_shrinks_to_nothing_after_them(
    tmp_path: Path,
) -> None:
    """From no worker to two and back, and each job is started once."""
    with cluster(workers=0, processes=True) as growing:
        local = growing.cluster
        local.adapt(minimum=0, maximum=2, interval="200ms", wait_count=3)
        async with ja.open_jobs() as jobs:
            on = jobs.options(runner=ja.DaskRunner(growing))
            many = [on.submit(work.mark_attempt, str(tmp_path), 1.5) for _ in range(6)]
            places = set[str]()
            for job in many:
                await job
                places.add(job.snapshot().where)
            assert len(places) == 2
            with trio.fail_after(120):
                while local.scheduler.workers:  # noqa: ASYNC110 - it has no event
                    await trio.sleep(0.05)
            assert await on.submit(work.add, 1) == 1  # and grows again
    assert sorted(work.counted(str(tmp_path)).values()) == [1] * 6
