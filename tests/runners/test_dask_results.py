"""Results that stay on a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

from . import dask_work as work
from .dask_cluster import blocking, cluster, raised_by, until

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


async def lose_kept(client: Any, tmp_path: Path, jobs: ja.Jobs, **options: Any) -> ja.Job[Any]:
    """Return a later job that wants a kept result whose worker has left."""
    keeping = jobs.options(runner=ja.DaskRunner(client, keep=True, **options.pop("runner", {})))
    job = keeping.submit(work.make_slowly, str(tmp_path / "starts"), 1_000, **options)
    kept = await job
    workers = client.cluster.workers.values()
    (holder,) = [worker for worker in workers if worker.address == job.snapshot().where]
    await blocking(client.sync, holder.close)
    return jobs.options(runner=ja.DaskRunner(client)).submit(work.lengths, [kept])


async def test_a_lost_result_fails_those_who_want_it_and_says_which_job_to_run_again(
    tmp_path: Path,
) -> None:
    """Its own job was to begin once, and is not begun again behind its back."""
    with cluster(2) as client:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            error = await raised_by(await lose_kept(client, tmp_path, jobs))
            assert isinstance(error, ja.WorkerDied)
            assert "the result of job make_slowly-" in str(error)
            assert "submit that job once more" in str(error)
    assert len(work.starts(str(tmp_path / "starts"))) == 1


async def test_a_lost_result_is_made_again_where_restarts_are_allowed(tmp_path: Path) -> None:
    """By a run of which nothing hears, and which nothing stops."""
    with cluster(2) as client:
        async with ja.open_jobs() as jobs:
            later = await lose_kept(client, tmp_path, jobs, runner={"allow_restart": True})
            assert await later == [1_000]
    assert len(work.starts(str(tmp_path / "starts"))) == 2


async def test_a_lost_result_that_cannot_be_made_again_is_no_silent_none(tmp_path: Path) -> None:
    """Its job has succeeded long ago, and the value of a task that raised would be None."""
    with cluster(2) as client:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            restart = {"allow_restart": True}
            later = await lose_kept(client, tmp_path, jobs, runner=restart, runs=1)
            error = await raised_by(later)
            assert "made again, it failed: ValueError: once too often" in str(error)


async def test_a_result_that_took_messages_fails_when_it_is_made_again() -> None:
    """None comes any more, and a run that waits for one would hold its worker for good."""
    with cluster(2) as client:
        keeps = ja.DaskRunner(client, keep=True, allow_restart=True)
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            job = jobs.options(runner=keeps).submit(work.answer_questions)
            await until(lambda: job.state == "running")
            job.tell("enough")
            kept = await job
            workers = client.cluster.workers.values()
            (holder,) = [worker for worker in workers if worker.address == job.snapshot().where]
            await blocking(client.sync, holder.close)
            later = jobs.options(runner=ja.DaskRunner(client)).submit(work.add, kept)
            await until(later.done)
            assert "it failed: StopJob: its job has ended" in str(await raised_by(later))


async def test_a_job_that_waits_for_a_lost_result_says_so(tmp_path: Path) -> None:
    """No worker that may make it again is there any more, and Dask waits for one."""
    with cluster(2) as client:
        async with ja.open_jobs() as jobs:
            worker = next(iter(client.scheduler_info()["workers"]))
            later = await lose_kept(client, tmp_path, jobs, runner={"workers": worker})
            await until(lambda: "it waits for what stayed on the cluster" in str(later.logs()))
            later.cancel()


async def test_a_future_that_is_not_on_the_cluster_is_named_as_the_argument_that_it_is(
    client: Any,
) -> None:
    """Of another cluster, or cancelled: Dask would only say that the task was cancelled."""
    with cluster(1) as other:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            on = jobs.options(runner=ja.DaskRunner(client))
            theirs = await blocking(other.submit, int, 5)
            error = await raised_by(on.submit(work.add, theirs))
            assert "is a future of another Dask cluster" in str(error)
            ours = await blocking(client.submit, int, 5)
            await blocking(client.cancel, ours)
            error = await raised_by(on.submit(work.add, ours))
            assert "among the arguments, is not on the cluster any more" in str(error)


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
