"""Jobs on a cluster without a task of their own: what wakes them, and what gives them one."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing

import jobactors as ja
from jobactors.engine.storage.durable_latch import DurableLatch
from jobactors.runners import dask_link
from jobactors.runners.dask_begun import BegunClusterCall
from jobactors.runners.dask_client import Order, TaskEnd
from jobactors.runners.dask_link import ClusterLink, _Task
from jobactors.runners.process_wire import Kind, pack_result
from tests.bench.scripted_cluster import BEGUN, ScriptedCluster, ScriptedRunner

from . import dask_work as work
from .dask_cluster import raised_by, until
from .test_dask import calls_of

HERE, THERE = "tcp://here", "tcp://there"


async def waiting(
    jobs: ja.Jobs, *, allow_restart: bool = False, retry: ja.Retry | None = None
) -> tuple[ja.Job[Any], BegunClusterCall]:
    """Return a job that waits on a cluster whose only worker is taken, and its attempt."""
    cluster = ScriptedCluster(1, ends=False)
    on = jobs.options(runner=ScriptedRunner(cluster, allow_restart=allow_restart))
    first = on.submit(work.add, 1)
    await until(lambda: first.state == "running")
    job = on.options(retry=retry).submit(work.add, 2)
    await until(lambda: job.snapshot().waiting == "cluster")
    (call,) = calls_of([job])
    assert isinstance(call, BegunClusterCall)
    return job, call


async def test_jobs_that_wait_on_a_cluster_or_run_there_have_no_task() -> None:
    """Ten of them run, forty wait; a task for each, with its scope, was half of what they cost."""
    cluster = ScriptedCluster(workers=11, samples=1, ends=False)
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=ScriptedRunner(cluster))
        first = on.submit(work.add, 1)
        await until(lambda: first.state == "running")
        before = trio.lowlevel.current_statistics().tasks_living
        many = [on.submit(work.add, n) for n in range(50)]
        await until(lambda: sum(job.snapshot().progress.done == 1 for job in many) == 10)
        assert sum(job.snapshot().waiting == "cluster" for job in many) == 40
        assert trio.lowlevel.current_statistics().tasks_living == before
        jobs.select(state="unfinished").cancel()


async def test_the_news_that_its_worker_has_left_counts_before_a_run_may_begin() -> None:
    """Both come together where the loop was busy: the run that asks next begins."""
    async with ja.open_jobs() as jobs:
        job, call = await waiting(jobs)
        call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
        call.left(HERE)
        call.frame(THERE, "run-b", Kind.BEGUN, BEGUN)
        await until(lambda: job.state == "running")
        assert (job.snapshot().where, call._fence.run) == (THERE, "run-b")
        jobs.select(state="unfinished").cancel()


def slow_store(jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch) -> DurableLatch:
    """Let starts wait from now on until a latch is set, as if a store had to hold them."""
    latch = DurableLatch(threading.get_ident())
    monkeypatch.setattr(
        jobs._system.core, "until_durable", lambda _: None if latch.is_set else latch
    )
    return latch


async def test_a_run_that_asks_while_the_start_of_another_is_stored_begins_and_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one has left with its worker meanwhile."""
    async with ja.open_jobs() as jobs:
        job, call = await waiting(jobs)
        stored = slow_store(jobs, monkeypatch)
        call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
        await until(lambda: job.snapshot().where == HERE)
        call.left(HERE)
        call.frame(THERE, "run-b", Kind.BEGUN, BEGUN)
        await until(lambda: call._fence.run == "run-b")
        assert not call._fence.is_granted
        stored.set()
        await until(lambda: call._fence.is_granted)
        assert (job.snapshot().where, call._fence.run) == (THERE, "run-b")
        jobs.select(state="unfinished").cancel()


@pytest.mark.parametrize("allow_restart", [False, True])
async def test_a_cancel_while_the_start_is_stored_lets_no_run_begin(
    allow_restart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that asks is refused; one that did not have to ask is told to end."""
    async with ja.open_jobs() as jobs:
        job, call = await waiting(jobs, allow_restart=allow_restart)
        told: list[Kind] = []
        tell = call._link.tell

        def listen(where: str, run: str, kind: Kind, content: bytes = b"") -> None:
            if run == "run-a":
                told.append(kind)
            tell(where, run, kind, content)

        monkeypatch.setattr(call._link, "tell", listen)
        stored = slow_store(jobs, monkeypatch)
        call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
        await until(lambda: job.state == "running")
        job.cancel()
        await until(job.done)
        assert isinstance(await raised_by(job), ja.JobCancelled)
        stored.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (call._is_going, call._fence.is_over) == (False, True)
        await until(lambda: told == [Kind.REFUSE, Kind.CANCEL])
        jobs.select(state="unfinished").cancel()


async def test_a_start_that_the_store_cannot_hold_lets_no_run_begin() -> None:
    """The job fails with the store's error."""
    async with ja.open_jobs() as jobs:
        job, call = await waiting(jobs)
        job._record.refused = ja.StoreError("jobs.db", "the disk is full")
        call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
        assert "the disk is full" in str(await raised_by(job))
        assert not call._fence.is_granted
        jobs.select(state="unfinished").cancel()


async def test_a_run_that_begins_again_where_that_is_allowed_is_shown_at_its_new_worker() -> None:
    """Its log says so; the last run's result is the job's."""
    async with ja.open_jobs() as jobs:
        job, call = await waiting(jobs, allow_restart=True)
        call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
        await until(lambda: job.snapshot().where == HERE)
        call.left(HERE)
        call.frame(THERE, "run-b", Kind.BEGUN, BEGUN)
        await until(lambda: job.snapshot().where == THERE)
        assert f"started again on {THERE}, since {HERE} left" in str(job.logs())
        call.frame(HERE, "run-a", Kind.RETURNED, pack_result("of the first run"))
        call.frame(THERE, "run-b", Kind.RETURNED, pack_result("of the second run"))
        assert await job == "of the second run"
        assert job.snapshot().attempt == 1
        jobs.select(state="unfinished").cancel()


async def test_a_run_that_begins_again_although_its_job_was_cancelled_is_told_to_end() -> None:
    """Its worker was killed in the moment of the cancel; the job ends, and others go on."""
    async with ja.open_jobs() as jobs:
        job, call = await waiting(jobs, allow_restart=True)
        call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
        await until(lambda: job.state == "running")
        job.cancel()
        call.left(HERE)
        call.frame(THERE, "run-b", Kind.BEGUN, BEGUN)
        await trio.testing.wait_all_tasks_blocked()
        call.frame(THERE, "run-b", Kind.STOPPED, b"")
        assert isinstance(await raised_by(job), ja.JobCancelled)
        assert await jobs.submit(work.plus, 1, 2) == 3
        jobs.select(state="unfinished").cancel()


@pytest.mark.parametrize("begins", [False, True])
async def test_a_job_whose_scheduler_is_out_of_reach_is_lost_whether_it_has_begun(
    begins: bool,
) -> None:
    """Dask cancels its future then, with that as the reason."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job, call = await waiting(jobs)
        if begins:
            call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
            await until(lambda: job.state == "running")
        call.gone(TaskEnd("cancelled", None, is_connection_lost=True))
        assert isinstance(await raised_by(job), ja.ClusterLost)
        jobs.select(state="unfinished").cancel()


SAVED = {"part": "", "items": 1, "fraction": None, "value": "1", "dropped": False, "now": False}


@pytest.mark.parametrize(
    ("retry", "saves", "advice"),
    [
        (None, True, "give it retry=ja.Retry(on=(ja.WorkerDied,)), which goes on from its last"),
        (None, False, "which begins anew, since it had saved no checkpoint"),
        (ja.Retry(on=(OSError,)), True, "give it retry=ja.Retry(on=(ja.WorkerDied,)), which goes"),
        (ja.Retry(max=2), True, ": its next attempt goes on from its last checkpoint"),
        (ja.Retry(max=2), False, ": its next attempt begins anew, since it had saved no"),
        (ja.Retry(max=1), True, ": it was attempt 1, the last that its retry= allows; another one"),
    ],
)
async def test_a_job_whose_worker_has_left_is_given_the_advice_that_fits_it(
    retry: ja.Retry | None, saves: bool, advice: str
) -> None:
    """By whether it has a retry for that, and has saved a checkpoint."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job, call = await waiting(jobs, retry=retry)
        call.frame(HERE, "run-a", Kind.BEGUN, BEGUN)
        await until(lambda: job.state == "running")
        if saves:
            saved = json.dumps({"files": [], "lasting": [], **SAVED})
            call.frame(HERE, "run-a", Kind.SAVED, saved.encode())
        call.left(HERE)
        await until(lambda: job.snapshot().error)
        assert advice in str(job.snapshot().error)
        jobs.select(state="unfinished").cancel()


async def test_why_none_begins_is_looked_for_once_for_all_that_want_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else twenty thousand tasks would each look at ten thousand workers."""
    asked = list[tuple[Any, ...]]()

    def reason(*wanted: Any) -> str:
        asked.append(wanted)
        return "it has no such worker"

    class Listener:
        def unbegun(self, why: str) -> None:
            told.append(why)

    told = list[str]()
    monkeypatch.setattr(dask_link, "why_none_begins", reason)
    client: Any = ScriptedCluster(1)
    link, listener = ClusterLink(client), Listener()
    for number in range(10):
        order = Order(f"task-{number}", b"", b"", workers=("a",) if number % 2 else ())
        task: Any = _Task(order, listener)  # type: ignore[arg-type]
        link._tasks[order.key] = task
    link._explain(link._tasks.values(), {"a": {}})
    assert len(told) == 10
    assert [wanted[1] for wanted in asked] == [(), ("a",)]
    link._explain(link._tasks.values(), {"a": {}})
    assert len(told) == 10, "it is told once"
    monkeypatch.setattr(dask_link, "why_none_begins", lambda *_: "")
    link._explain(link._tasks.values(), {"a": {}})
    assert told[10:] == [""] * 10
    assert not any(task.is_unexplained for task in link._tasks.values())
