"""Many random kills and retirements of Dask workers: no attempt is started twice.

An attempt starts at most once, and exactly once if its worker lives: the worker may die with the
grant in its hand, before the first line of the function, and nobody can tell whether it has begun.
Such an attempt has failed like any other whose worker died, and is counted here apart.
"""

from __future__ import annotations

import faulthandler
import os
import random
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.runners.dask_link import link_of

from . import dask_work as work
from .dask_cluster import blocking, cluster

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    os.environ.get("JOBACTORS_DASK") != "all", reason="`make dask` runs it: workers die for minutes"
)
DEATHS = int(os.environ.get("JOBACTORS_DASK_DEATHS", "200"))
WORKERS = 4
"""That are alive, or come back."""
AT_ONCE = 12
"""Unfinished jobs, so that some run, and some wait in the line of each worker."""
ALIVE = frozenset({"undefined", "created", "init", "starting", "running", "paused"})
"""The states of a nanny that has a worker, or will have one."""
GOING = 20.0
"""Seconds that a worker which was killed or sent away has to go, until it may be chosen again."""
RETIRED = 0.3
"""The share of the deaths in which Dask sends a worker away, as a cluster that shrinks does."""
OVERTAKEN = 100
"""Jobs that may end between the submit and the end of one, however slow the machine is."""
PATIENCE = 1800.0
"""Seconds of a job, if nothing at all ends any more."""


def found(client: Any, job: ja.Job[Any]) -> str:
    """Return what all sides know of a job that does not end, and where every thread and task is."""
    link, scheduler = link_of(client), client.cluster.scheduler
    ours = {
        key: [not task.is_unexplained, task.where, task.future.status, vars(task.listener)]
        for key, task in link._tasks.items()
        if job.id in key
    }
    told = {key: (ours[key][3]["_fence"].run, ours[key][3]["_fence"].is_granted) for key in ours}
    theirs = [
        f"{task} on {task.processing_on}, {scheduler.story(task.key)}"
        for task in scheduler.tasks.values()
        if job.id in str(task.key)
    ]
    workers = {
        w.address: (w.status.name, [str(task) for task in w.processing])
        for w in scheduler.workers.values()
    }
    nannies = {n.worker_address: (n.pid, n.status.name) for n in client.cluster.workers.values()}
    lines = (link._lines, link._commands, link._departed, link._workers, link._unseen)
    faulthandler.dump_traceback(2)
    return "\n".join(
        [
            f"{job.snapshot()!r} {job.logs()}",
            f"here {ours}",
            f"the fence {told}",
            f"there {theirs}",
            f"workers {workers}, nannies {nannies}",
            f"lines, commands, departed, listened for, unseen: {lines}",
        ]
    )


class Deaths:
    """Kills and retires workers at random, until there were enough.

    Args:
        client: The client of their cluster.
        seed: Of the choice.
    """

    def __init__(self, client: Any, seed: int) -> None:
        self._client = client
        self._random = random.Random(seed)
        self.count: Counter[str] = Counter()
        self._chosen: dict[int, float] = {}
        """When each process was chosen to go; one may live on although Dask says that it goes."""

    async def run(self) -> None:
        """Run until there were enough."""
        while self.count.total() < DEATHS:
            await trio.sleep(self._random.uniform(0.05, 0.5))
            alive = await blocking(self._alive, trio.current_time() - GOING)
            await self._call_for_more()
            if len(alive) < WORKERS - 1:
                continue
            if self.count.total() % 20 == 0:
                print(dict(self.count), flush=True)
            where = self._random.choice(sorted(alive))
            self._chosen[alive[where]] = trio.current_time()
            if self._random.random() < RETIRED:
                went = await blocking(self._client.retire_workers, [where])
                self.count["retired"] += where in went  # else no other one could take its results
            else:
                self.count["killed"] += 1
                os.kill(alive[where], signal.SIGKILL)

    def _alive(self, before: float) -> dict[str, int]:
        """Return the workers that serve, and their processes, as their nannies know them.

        Those that were chosen after ``before`` are on their way out.
        """
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        nannies = list(self._client.cluster.workers.values())
        pids = {nanny.worker_address: nanny.pid for nanny in nannies}
        serving = {w: pid for w in known if (pid := pids.get(w))}
        return {w: pid for w, pid in serving.items() if self._chosen.get(pid, 0.0) <= before}

    async def _call_for_more(self) -> None:
        """Start one more worker for each whose nanny has ended, as that of one that was retired.

        Those that start are counted from the call on: on a loaded machine that takes a minute, and
        as many as there are calls meanwhile would never be ready.
        """
        local = self._client.cluster
        ended = sum(nanny.status.name not in ALIVE for nanny in list(local.workers.values()))
        if len(local.worker_spec) < WORKERS + ended:
            await blocking(local.scale, WORKERS + ended)


async def test_no_attempt_starts_twice_under_many_random_kills_and_retirements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every job ends, by its function or by its worker's death, and every attempt starts once."""
    ended = Counter[str]()
    lived: dict[str, bool] = {}
    """Whether the worker of each attempt has lived until the end of its function."""
    unfinished: dict[ja.Job[Any], int] = {}
    """The jobs that wait or run, and how many had ended before each was submitted."""
    chance = random.Random(1)
    began = trio.current_time()
    with cluster(workers=WORKERS, processes=True) as client:
        deaths = Deaths(client, seed=2)
        async with ja.open_jobs(unread_failures="ignore") as jobs, trio.open_nursery() as nursery:
            on = jobs.options(runner=ja.DaskRunner(client))
            again = on.options(retry=ja.Retry(max=2, base=0.01, on=(ja.WorkerDied,)))

            async def one_after_another() -> None:
                while deaths.count.total() < DEATHS:
                    form = again if chance.random() < 0.5 else on
                    job = form.submit(work.mark_attempt, str(tmp_path), chance.uniform(0, 1.5))
                    unfinished[job] = ended.total()
                    with trio.move_on_after(PATIENCE) as patience:
                        await job.wait()
                    assert not patience.cancelled_caught, found(client, job)
                    snapshot = job.snapshot()
                    del unfinished[job]
                    error = job.exception()
                    assert error is None or isinstance(error, ja.WorkerDied), repr(error)
                    assert snapshot.state in {"succeeded", "failed"}
                    ended[str(snapshot.state)] += 1
                    for number in range(1, snapshot.attempt + 1):  # a retry follows a death alone
                        is_last = number == snapshot.attempt
                        lived[f"{job.id} {number}"] = is_last and error is None
                    for other, before in unfinished.items():
                        assert ended.total() - before <= OVERTAKEN, found(client, other)

            nursery.start_soon(deaths.run)
            for _ in range(AT_ONCE):
                nursery.start_soon(one_after_another)
        assert jobs.list(state="unfinished") == []
    starts = work.counted(str(tmp_path))
    of_living = Counter(starts.get(attempt, 0) for attempt in lived if lived[attempt])
    of_dead = Counter(starts.get(attempt, 0) for attempt in lived if not lived[attempt])
    with capsys.disabled():
        print(
            f"\n{deaths.count['killed']} kills, {deaths.count['retired']} retirements in "
            f"{trio.current_time() - began:.0f} s; {ended.total()} jobs: {dict(ended)}; "
            f"{len(lived)} attempts; their starts if the worker lived: {dict(of_living)}, and if "
            f"it died: {dict(of_dead)}"
        )
    assert starts.keys() <= lived.keys()
    assert set(of_living) == {1}
    assert set(of_dead) <= {0, 1}  # 0: it died with the grant, before the first line
    assert of_dead[1]  # jobs were hit while they ran
