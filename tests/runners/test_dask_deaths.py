"""Jobs on a Dask cluster of real processes, which are killed, retired, restarted and lost."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.lowlevel
from distributed import Client

import jobactors as ja
from jobactors.runners import dask_wire
from jobactors.runners.dask_client import ClusterClient
from jobactors.runners.dask_link import link_of

from . import dask_work as work
from .dask_cluster import blocking, cluster, raised_by, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    os.environ.get("JOBACTORS_DASK") != "all", reason="`make dask` runs it: workers die for minutes"
)
CLUSTER = {"workers": 3, "processes": True}


@pytest.fixture(autouse=True)
def _all_workers_come_back(client: Any) -> Iterator[None]:
    yield
    try:
        client.wait_for_workers(3, timeout=20)
    except TimeoutError:  # a nanny that could not restart its worker in time has closed
        client.cluster.scale(0)
        while client.cluster.workers:
            time.sleep(0.05)
        client.cluster.scale(3)
        client.wait_for_workers(3, timeout=60)


def pids_at_work(client: Any) -> list[int]:
    """Return the worker processes that have begun a run, granted or not; blocks."""
    return [pid for pid in client.run(work.pid_if_at_work, on_error="ignore").values() if pid]


async def test_a_killed_worker_fails_its_job_at_once_and_nothing_starts_again(
    client: Any, tmp_path: Path
) -> None:
    """Two other workers are free, and Dask would have begun the function there."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=ja.DaskRunner(client)).submit(work.until_stopped, path)
        await until(lambda: work.starts(path))
        where = job.snapshot().where
        os.kill(work.starts(path)[0], signal.SIGKILL)
        error = await raised_by(job)
        assert isinstance(error, ja.WorkerDied)
        assert f"its worker {where} left the cluster while it ran" in str(error)
        assert len(work.starts(path)) == 1


async def test_a_retry_goes_on_from_the_checkpoint_that_the_killed_worker_had_sent(
    client: Any, tmp_path: Path
) -> None:
    """On another worker, as the engine's own second attempt."""
    path = str(tmp_path / "starts")
    retry = ja.Retry(max=2, base=0.001, on=(ja.WorkerDied,))
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=ja.DaskRunner(client), retry=retry).submit(
            work.save_and_go_on, path, 10
        )
        await until(lambda: job.snapshot().progress.done == 6)
        os.kill(work.starts(path)[0], signal.SIGKILL)
        assert await job == [6, 10]
        assert (len(work.starts(path)), job.snapshot().attempt) == (2, 2)


async def test_a_paused_job_whose_worker_is_killed_is_held_before_its_retry(
    client: Any, tmp_path: Path
) -> None:
    """The pause is not undone; released, the job goes on from its checkpoint."""
    path = str(tmp_path / "starts")
    retry = ja.Retry(max=2, base=0.001, on=(ja.WorkerDied,))
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=ja.DaskRunner(client), retry=retry).submit(
            work.save_and_go_on, path, 10
        )
        await until(lambda: job.snapshot().progress.done == 6)
        job.pause()
        await until(lambda: job.state == "paused")
        os.kill(work.starts(path)[0], signal.SIGKILL)
        await until(lambda: job.snapshot().waiting == "hold")
        assert len(work.starts(path)) == 1
        job.release()
        assert await job == [6, 10]
        assert (len(work.starts(path)), job.snapshot().attempt) == (2, 2)


async def test_a_chain_goes_on_in_the_phase_whose_worker_was_killed(
    client: Any, tmp_path: Path
) -> None:
    """The phase before it is not run again, and the second attempt has a task of its own."""
    before, path = str(tmp_path / "before"), str(tmp_path / "starts")
    runner = ja.DaskRunner(client)
    count = {"path": path, "upto": 10}
    chain = ja.chain(
        ja.phase("Mark", work.mark, {"path": before}, runner=runner),
        ja.phase("Count", work.save_and_go_on, count, runner=runner),
    )
    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry(max=2, base=0.001)).submit(chain)
        await until(lambda: job.snapshot().progress.done == 6)
        os.kill(work.starts(path)[0], signal.SIGKILL)
        assert (await job).results["Count"] == [6, 10]
        assert job.snapshot().attempt == 2
    assert (len(work.starts(before)), len(work.starts(path))) == (1, 2)


async def test_a_job_whose_worker_dies_before_it_has_begun_begins_elsewhere(
    client: Any, tmp_path: Path
) -> None:
    """It was in that worker's line, behind another one, which fails."""
    paths = [str(tmp_path / f"{i}") for i in range(8)]
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        on = jobs.options(runner=ja.DaskRunner(client))
        places = [ja.DaskRunner(client, workers=w) for w in client.scheduler_info()["workers"]]
        held = [
            on.options(runner=place).submit(work.until_stopped, path)
            for place, path in zip(places, paths[:3], strict=True)
        ]
        await until(lambda: all(work.starts(path) for path in paths[:3]))
        waiting = [on.submit(work.mark, path) for path in paths[3:]]
        await until(lambda: all(job.snapshot().waiting == "cluster" for job in waiting))
        os.kill(work.starts(paths[0])[0], signal.SIGKILL)
        assert isinstance(await raised_by(held[0]), ja.WorkerDied)
        for job in held[1:]:
            job.cancel()
        for late in waiting:
            await late
        assert [len(work.starts(path)) for path in paths] == [1] * 8


async def test_a_run_that_dies_before_its_grant_gives_its_place_to_the_next(
    client: Any, tmp_path: Path
) -> None:
    """The engine's loop is held up here while the first one asks, and dies."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=ja.DaskRunner(client)).submit(work.mark, path)
        for _ in range(10):  # the order leaves in the turn after the submit
            await trio.lowlevel.checkpoint()
        # From here on the engine hears nothing, until the next await.
        while not any(job.id in str(key) for key in client.futures):
            time.sleep(0.01)  # noqa: ASYNC251 - as below
        while not (asking := pids_at_work(client)):
            time.sleep(0.01)  # noqa: ASYNC251 - the loop is to stand still
        os.kill(asking[0], signal.SIGKILL)
        (task,) = link_of(client)._tasks.values()
        first = task.where
        while task.where == first:
            time.sleep(0.01)  # noqa: ASYNC251 - as above
        assert work.starts(path) == []
        await job
        (began,) = work.starts(path)
        assert began != asking[0]


async def test_a_result_whose_worker_dies_before_it_is_gathered_is_lost_and_not_made_again(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its function has ended, and must not start a second time for it."""
    path = str(tmp_path / "starts")
    gather = ClusterClient.gather

    async def late(self: ClusterClient, futures: Any) -> list[Any]:
        os.kill(work.starts(path)[0], signal.SIGKILL)
        return await gather(self, futures)

    monkeypatch.setattr(ClusterClient, "gather", late)
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=ja.DaskRunner(client)).submit(work.mark_and_return, path, 10**6)
        error = await raised_by(job)
        assert isinstance(error, ja.WorkerDied)
        assert "before the result was here" in str(error)
        assert len(work.starts(path)) == 1


async def test_a_retired_workers_job_fails_and_is_not_begun_elsewhere(
    client: Any, tmp_path: Path
) -> None:
    """As a cluster that shrinks by itself does it."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=ja.DaskRunner(client)).submit(work.until_stopped, path)
        await until(lambda: work.starts(path))
        await blocking(client.retire_workers, [job.snapshot().where])
        assert isinstance(await raised_by(job), ja.WorkerDied)
        assert len(work.starts(path)) == 1
    # Its nanny does not start it again, and the cluster still counts it.
    await blocking(client.cluster.scale, 0)
    await until(lambda: not client.cluster.workers)
    await blocking(client.cluster.scale, 3)


async def test_a_function_that_does_not_end_goes_with_its_workers_process(
    client: Any, tmp_path: Path
) -> None:
    """With kill_workers, after its grace; the row says so."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        runner = ja.DaskRunner(client, kill_workers=True)
        job = jobs.options(runner=runner, grace=0.2).submit(
            work.until_file, path, str(tmp_path / "never")
        )
        await until(lambda: work.starts(path))
        job.cancel("enough")
        assert (await job.wait()).state == "cancelled"
        where = job.snapshot().where
        assert f"its worker {where} was restarted" in job.snapshot().explanation
        assert len(work.starts(path)) == 1


async def test_jobs_outlive_a_cluster_that_is_scaled_to_nothing_and_back(
    client: Any, tmp_path: Path
) -> None:
    """What ran has failed; what waits goes on waiting, and says for what."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        on = jobs.options(runner=ja.DaskRunner(client))
        job = on.submit(work.until_stopped, path)
        await until(lambda: work.starts(path))
        await blocking(client.cluster.scale, 0)
        assert isinstance(await raised_by(job), ja.WorkerDied)
        await until(lambda: not client.scheduler_info()["workers"])
        waiting = on.submit(work.add, 1)
        await until(lambda: "the cluster has no workers yet" in str(waiting.logs()))
        assert waiting.snapshot().waiting == "cluster"
        await blocking(client.cluster.scale, 3)
        assert await waiting == 1


async def test_a_restart_of_the_cluster_by_its_user_hangs_no_job(
    client: Any, tmp_path: Path
) -> None:
    """``client.restart()`` forgets all tasks; the next job runs."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        on = jobs.options(runner=ja.DaskRunner(client))
        job = on.submit(work.until_stopped, path)
        await until(lambda: work.starts(path))
        await blocking(partial(client.restart, wait_for_workers=False))
        assert isinstance(await raised_by(job), ja.WorkerDied)
        assert await on.submit(work.add, 1) == 1
        assert len(work.starts(path)) == 1


# --- one work in parts ---------------------------------------------------------------------------


async def test_ten_parts_on_three_workers_of_which_two_are_killed_make_the_same_whole(
    client: Any, tmp_path: Path
) -> None:
    """A part that dies goes on from its checkpoint, alone; nothing is in the whole twice."""
    ja.job("test dask parts")(work.write_part)
    total, whole = 200, tmp_path / "whole.txt"
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        on = jobs.options(
            runner=ja.DaskRunner(client, shared_folder=tmp_path),
            retry=ja.Retry(max=5, base=0.001, on=(ja.WorkerDied,)),
            subject="numbers",
        )
        pids = tmp_path / "pids"
        inputs = [{"part": part, "pids": str(pids)} for part in ja.ranges(total, 10)]
        parts = on.map("test dask parts", inputs)
        killed = set[int]()
        with trio.fail_after(120):
            while len(killed) < 2:
                await trio.sleep(0.05)
                at_work = [pid for pid in work.starts(str(pids)) if pid not in killed]
                if at_work:
                    killed.add(at_work[-1])
                    os.kill(at_work[-1], signal.SIGKILL)
                    await trio.sleep(0.5)
        assert sorted([await job async for job in parts]) == [20] * 10
        jobs.merge("test dask parts", "numbers", into=whole)
    assert whole.read_text().split() == [str(number) for number in range(total)]


# --- a cluster that is lost ---------------------------------------------------------------------


@pytest.mark.parametrize("is_ours", [True, False])
async def test_jobs_go_on_elsewhere_after_their_cluster_was_closed(
    client: Any, tmp_path: Path, is_ours: bool
) -> None:
    """With a store they are interrupted: running, and waiting ones.

    Its workers go first, and only a cluster of this program says that it is closing.
    """
    paths = [str(tmp_path / f"{i}") for i in range(2)]
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        with (
            cluster(workers=1, processes=True) as owner,
            Client(owner.cluster.scheduler_address, set_as_default=False) as remote,
        ):
            on = jobs.options(runner=ja.DaskRunner(owner if is_ours else remote))
            both = [on.options(subject="a").submit(work.save_and_go_on, paths[0], 10)]
            await until(lambda: both[0].snapshot().progress.done == 6)
            both.append(on.options(subject="b").submit(work.save_and_go_on, paths[1], 10))
            await until(lambda: both[1].snapshot().waiting == "cluster")
            await blocking(owner.cluster.close)
            for job in both:
                assert (await job.wait()).state == "interrupted"
                assert "is out of reach" in str(job.snapshot().reason)
        jobs.options(runner=ja.DaskRunner(client))
        both[0].resume()
        assert await both[0] == [6, 10]
        both[1].discard()


# --- workers that cannot serve ------------------------------------------------------------------


async def test_a_worker_with_another_version_is_named_as_the_reason(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its frames have another version than ours."""
    monkeypatch.setattr(dask_wire, "WIRE", 99)
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        error = await raised_by(jobs.options(runner=ja.DaskRunner(client)).submit(work.add, 1))
        assert "another version of jobactors" in str(error)


async def test_workers_without_jobactors_are_named_with_the_cure(tmp_path: Path) -> None:
    """Nor does the job stay queued, or its worker go down with it."""
    hides = tmp_path / "hides.py"
    hides.write_text(work.HIDES_JOBACTORS)
    with cluster(workers=1, processes=True, preload=[str(hides)]) as bare:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            error = await raised_by(jobs.options(runner=ja.DaskRunner(bare)).submit(work.add, 1))
            assert isinstance(error, ModuleNotFoundError)
            assert 'PipInstall(["jobactors"])' in str(error)
