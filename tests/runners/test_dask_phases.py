"""Chains of which one phase runs on a Dask cluster, and the others here."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import jobactors as ja

from . import dask_work as work
from .dask_cluster import cluster, raised_by, until

if TYPE_CHECKING:
    from pathlib import Path


def thread() -> str:
    return threading.current_thread().name


async def test_phases_run_on_the_cluster_and_here_and_pass_their_results_on(
    runner: ja.DaskRunner,
) -> None:
    """Two of them on the cluster in one attempt, each a task of its own."""
    shift = 10
    chain = ja.chain(
        ja.phase("Here", work.plus, {"a": 1}),
        ja.phase("There", work.plus, {"a": ja.result_of("Here"), "b": 2}, runner=runner),
        ja.phase("Of a cell", lambda a: a + shift, {"a": ja.result_of("There")}, runner=runner),
        ja.phase("Last", work.plus, {"a": ja.result_of("Of a cell")}),
    )
    async with ja.open_jobs(max_running=1) as jobs:
        job = jobs.submit(chain)
        assert (await job).results == {"Here": 1, "There": 3, "Of a cell": 13, "Last": 13}
        assert (job.snapshot().runner, job.snapshot().where) == ("trio", "")


async def test_a_job_type_on_the_cluster_is_a_phase_there(runner: ja.DaskRunner) -> None:
    """Its chain runs here, and knows nothing of it."""
    there = ja.job("test dask phase", runner=runner)(work.chat)
    chain = ja.chain(ja.phase("Chat", there, {"lines": 30}), ja.phase("Here", thread))
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        result = await job
        assert result.results["Chat"] == 30
        assert result.results["Here"].startswith("job chain-")
        assert "line 29" in str(job.logs())
        assert job.snapshot().progress.fraction == 1


async def test_a_phase_that_waits_on_the_cluster_says_so_and_can_be_cancelled_there(
    client: Any, tmp_path: Path
) -> None:
    """The one worker that may run it is busy; its chain has no slot meanwhile, and needs none."""
    worker = next(iter(client.scheduler_info()["workers"]))
    runner = ja.DaskRunner(client, workers=worker)
    second = str(tmp_path / "second")
    chain = ja.chain(
        ja.phase("Wait", work.mark, {"path": second}, runner=runner), ja.phase("Never", thread)
    )
    async with ja.open_jobs(max_running=1) as jobs:
        first = jobs.options(runner=runner).submit(work.until_stopped, str(tmp_path / "first"))
        await until(lambda: first.state == "running")
        job = jobs.submit(chain)
        await until(lambda: job.snapshot().waiting == "cluster")
        assert await jobs.submit(work.plus, 1, 2) == 3
        job.cancel()
        assert (await job.wait()).state == "cancelled"
        first.cancel()
        assert await jobs.options(runner=runner).submit(work.plus, 1, 2) == 3
    assert work.starts(second) == []


async def test_a_phase_on_the_cluster_pauses_and_stops(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """At its next point, like any job there, with its worker on its chain's row."""
    path = str(tmp_path / "started")
    chain = ja.chain(
        ja.phase("Stop", work.until_stopped, {"path": path}, runner=runner, weight=20),
        ja.phase("Never", thread, weight=80),
    )
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        await until(lambda: job.snapshot().progress.done > 1)
        shown = job.snapshot()
        assert shown.where
        assert (shown.progress.stages[0], shown.progress.total) == ("Stop", 100_000)
        assert 0 < (shown.progress.fraction or 0) < 0.2
        job.pause()
        await until(lambda: job.state == "paused")
        done = job.snapshot().progress.done
        job.resume()
        await until(lambda: job.snapshot().progress.done > done)
        job.cancel("enough")
        outcome = (await job.wait()).outcome
        assert outcome is not None
        assert isinstance(outcome.value, ja.ChainResult)
        assert (outcome.value.stopped_at, outcome.value.skipped) == ("Stop", ("Never",))
        assert job.snapshot().where == ""
    assert len(work.starts(path)) == 1


async def test_a_phase_on_the_cluster_goes_on_from_its_own_checkpoint_after_the_others(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """In a later system with the same store; the phase before it is not run again."""
    marks, counts = str(tmp_path / "marks"), str(tmp_path / "counts")
    mark, count = ja.job("test phase mark")(work.mark), ja.job("test phase count")
    chain = ja.chain(
        ja.phase("Mark", mark, {"path": marks}),
        ja.phase("Count", count(work.save_and_go_on), {"path": counts, "upto": 10}, runner=runner),
    )
    store = tmp_path / "jobs.db"
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(chain)
        await until(lambda: (job.snapshot().progress.fraction or 0) > 0.7)
        job.cancel()
        assert (await job.wait()).state == "cancelled"
    async with ja.open_jobs(store=store) as jobs:
        result = await jobs.submit(chain)
        assert (result.results["Count"], result.resumed) == ([6, 10], True)
    assert (len(work.starts(marks)), len(work.starts(counts))) == (1, 2)


async def test_a_phase_that_cannot_go_there_or_come_back_fails_with_the_cure(
    runner: ja.DaskRunner,
) -> None:
    """The phases before it are completed all the same."""
    lock = ja.phase("Lock", work.size_of, {"value": threading.Lock()}, runner=runner)
    back = ja.phase("Back", threading.Lock, runner=runner)
    first = ja.phase("First", os.getpid)
    async with ja.open_jobs() as jobs:
        for phase, text in ((lock, 'use runner="thread"'), (back, "return what can be pickled")):
            error = await raised_by(jobs.submit(ja.chain(first, phase)))
            assert isinstance(error, ja.ChainFailed)
            assert text in str(error)
            assert error.result.completed == ("First",)


async def test_a_chain_whose_phase_has_lost_its_cluster_goes_on_on_another(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """It rests meanwhile, since it is stored."""
    path = str(tmp_path / "started")
    phase = ja.job("test phase lost")(work.until_stopped)
    with cluster(workers=1) as other:
        gone = ja.DaskRunner(other)
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            chain = ja.chain(
                ja.phase("Stop", phase, {"path": path, "steps": 500}, runner=gone),
            )
            job = jobs.submit(chain)
            await until(lambda: job.snapshot().progress.done > 1)
            other.close()
            assert (await job.wait()).state == "interrupted"
            jobs.options(runner=runner)
            job.resume()
            assert (await job).results == {"Stop": "done"}
    assert len(work.starts(path)) == 2


async def test_a_stuck_phase_is_left_behind_at_the_end_and_its_row_says_where(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """The end takes no longer than its grace, although a chain itself can be left by nothing."""
    path, release = str(tmp_path / "started"), tmp_path / "release"
    chain = ja.chain(
        ja.phase("Stuck", work.until_file, {"path": path, "release": str(release)}, runner=runner),
        ja.phase("Never", thread),
    )
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(grace=0.1).submit(chain)
        await until(lambda: work.starts(path) and job.snapshot().where)
        where = job.snapshot().where
        await jobs.close()
        release.touch()
        assert (await job.wait()).state == "cancelled"
        assert f"it may still run on {where}" in job.snapshot().explanation
