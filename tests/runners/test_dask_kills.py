"""Many random kills and retirements of Dask workers: no attempt is started twice."""

from __future__ import annotations

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
from .dask_cluster import cluster

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
RETIRED = 0.3
"""The share of the deaths in which Dask sends a worker away, as a cluster that shrinks does."""
PATIENCE = 240.0


async def blocking(call: Any, *args: Any) -> Any:
    """Call something of the client's that blocks, in a thread."""
    return await trio.to_thread.run_sync(call, *args)


def found(client: Any, job: ja.Job[Any]) -> str:
    """Return what both sides know of a job that does not end."""
    here = link_of(client)._tasks.items()
    ours = {key: (task.begun, task.where) for key, task in here if job.id in key}
    there = client.cluster.scheduler.tasks.values()
    theirs = [f"{task} on {task.processing_on}" for task in there if job.id in task.key]
    return f"{job.snapshot()!r} {job.logs()}; here {ours}; there {theirs}"


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
        self._gone: set[str] = set()

    async def run(self) -> None:
        """Run until there were enough."""
        while self.count.total() < DEATHS:
            await trio.sleep(self._random.uniform(0.05, 0.5))
            alive = self._alive()
            await self._call_for_more()
            if len(alive) < WORKERS - 1:
                continue
            if self.count.total() % 20 == 0:
                print(dict(self.count), flush=True)
            where = self._random.choice(sorted(alive))
            self._gone.add(where)
            if self._random.random() < RETIRED:
                self.count["retired"] += 1
                await blocking(self._client.retire_workers, [where])
            else:
                self.count["killed"] += 1
                os.kill(alive[where], signal.SIGKILL)

    def _alive(self) -> dict[str, int]:
        """Return the workers that serve, and their processes, as their nannies know them."""
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        nannies = list(self._client.cluster.workers.values())
        pids = {nanny.worker_address: nanny.pid for nanny in nannies}
        return {w: pids[w] for w in known if w not in self._gone and pids.get(w)}

    async def _call_for_more(self) -> None:
        """Start one more worker for each that was retired: its nanny has ended with it."""
        local = self._client.cluster
        nannies = list(local.workers.values())
        if sum(nanny.status.name in {"init", "running", "starting"} for nanny in nannies) < WORKERS:
            await blocking(local.scale, len(local.worker_spec) + 1)


async def test_no_attempt_starts_twice_under_many_random_kills_and_retirements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every job ends, by its function or by its worker's death, and every attempt starts once."""
    ended = Counter[str]()
    attempts: dict[str, int] = {}
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
                    with trio.move_on_after(PATIENCE) as patience:
                        await job.wait()
                    snapshot = job.snapshot()
                    assert not patience.cancelled_caught, found(client, job)
                    error = job.exception()
                    assert error is None or isinstance(error, ja.WorkerDied), repr(error)
                    ended[str(snapshot.state)] += 1
                    attempts[job.id] = snapshot.attempt

            nursery.start_soon(deaths.run)
            for _ in range(AT_ONCE):
                nursery.start_soon(one_after_another)
    starts = work.counted(str(tmp_path))
    told = Counter(
        starts.get(f"{job_id} {number}", 0)
        for job_id, count in attempts.items()
        for number in range(1, count + 1)
    )
    with capsys.disabled():
        print(
            f"\n{deaths.count['killed']} kills, {deaths.count['retired']} retirements in "
            f"{trio.current_time() - began:.0f} s; {ended.total()} jobs: {dict(ended)}; "
            f"{sum(attempts.values())} attempts, by their number of starts: {dict(told)}"
        )
    assert max(starts.values()) == 1
    assert set(told) <= {0, 1}
    assert told[0] <= 2 + DEATHS / 10  # its worker died between the grant and the function
    assert sum(attempts.values()) > len(attempts) or ended["failed"]  # jobs were hit
