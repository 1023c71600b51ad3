"""How far one kernel goes with a cluster: a million jobs over 10,000 workers that are a script.

``python -m tests.bench dask_hub`` measures a tenth of that.  ``python -m tests.bench.dask_hub``
plays all of it, and prints how rate and memory go.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import jobactors as ja
from jobactors.runners.dask_client import Order
from jobactors.runners.process_wire import Kind
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.memory_running import resident
from tests.bench.scripted_cluster import ScriptedCluster, ScriptedRunner, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKERS = 10_000
PATIENCE = 600.0
REPORTS = 10
"""Of each worker, one after the other."""


def nothing(number: int) -> None:
    """Stand for the work, which no worker does."""


def many(size: int, *, allow_restart: bool = False) -> Numbers:
    """Return what a job and a report cost in time, and what a job takes of memory."""
    workers = max(2, min(WORKERS, size // 10))
    jobs = ja.start()
    resident()
    numbers = _memory(jobs, workers, allow_restart=allow_restart)  # before the memory is warm
    jobs.select(state="unfinished").cancel()
    _until(lambda: not jobs.list(state="unfinished"))
    cluster = ScriptedCluster(workers)
    numbers["job"] = _job(jobs, cluster, size, allow_restart=allow_restart)
    ja.stop(0)
    return numbers


def _job(jobs: ja.Jobs, cluster: ScriptedCluster, size: int, *, allow_restart: bool) -> float:
    """Return what a job takes of a core from its submit to its end, with all workers busy."""
    runner = ScriptedRunner(cluster, allow_restart=allow_restart)
    start = time.process_time()
    batch = jobs.options(runner=runner).map(nothing, range(size))
    _until(lambda: batch.counts[ja.JobState.SUCCEEDED] == size)
    return (time.process_time() - start) / size * 1e6


def _memory(jobs: ja.Jobs, workers: int, *, allow_restart: bool) -> Numbers:
    """Return the kilobytes of a job that waits on the cluster and of one at work, and a report."""
    cluster = ScriptedCluster(workers, samples=1, ends=False)
    on = jobs.options(runner=ScriptedRunner(cluster, allow_restart=allow_restart))
    before = resident()
    at_work = [on.submit(nothing, n) for n in range(workers)]
    _until(lambda: all(job.snapshot().progress.done for job in at_work[-100:]))
    running = resident()
    waiting = [on.submit(nothing, n) for n in range(workers)]
    _until(lambda: all(job.snapshot().waiting == "cluster" for job in waiting[-100:]))
    both = resident()
    start = time.process_time()
    cluster.report_all([sample(n + 2, 100) for n in range(REPORTS)])
    last = at_work[-1]
    _until(lambda: last.snapshot().progress.done == REPORTS + 1)
    took = time.process_time() - start
    return {
        "at work": (running - before) / workers / 1e3,
        "waiting": (both - running) / workers / 1e3,
        "report": took / workers / REPORTS * 1e6,
    }


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


def alone(size: int) -> Numbers:
    """The floor: the script with a hub that grants at once, and nothing else."""
    workers = max(2, min(WORKERS, size // 10))
    cluster = ScriptedCluster(workers)
    hub = _Granting(cluster, size)
    start = time.process_time()
    cluster.call_soon(hub.begin)
    _until(lambda: hub.ended >= size)
    return {"job": (time.process_time() - start) / size * 1e6}


class _Granting:
    """Submits, grants and counts, in the cluster's own loop."""

    def __init__(self, cluster: ScriptedCluster, size: int) -> None:
        self._cluster = cluster
        self._orders = iter([Order(f"task-{n}", b'{"fenced": true}', b"") for n in range(size)])
        self.ended = 0
        self._grants: set[asyncio.Task[bool]] = set()
        """Kept here: the loop itself holds tasks weakly."""

    def begin(self) -> None:
        """Submit three tasks a worker."""
        self._cluster.listen("", self._hear)
        self._submit(3 * self._cluster.threads)

    def _submit(self, count: int) -> None:
        self._cluster.submit(list(islice(self._orders, count)))

    def _hear(self, message: list[object]) -> None:
        where, frames = message
        for _, run, kind, _ in frames:  # type: ignore[attr-defined]
            if kind == Kind.BEGUN:
                grant = [(run, int(Kind.GRANT), b"")]
                task = asyncio.create_task(self._cluster.command(str(where), grant))
                self._grants.add(task)
                task.add_done_callback(self._grants.discard)
            elif kind == Kind.RETURNED:
                self.ended += 1
                self._submit(1)


PROGRAM = Program(
    title="jobs over 10,000 simulated workers",
    measures=(
        Measure("job", "µs of a core"),
        Measure("report", "µs of a core"),
        Measure("at work", "kB"),
        Measure("waiting", "kB"),
    ),
    variants=(
        Variant("the script", alone),
        Variant("jobactors", many),
        Variant("unfenced", partial(many, allow_restart=True)),
    ),
    size=100_000,
    smoke_size=40,
    rounds=3,
)


def steps(size: int) -> Iterator[int]:
    """Yield the numbers of jobs at which to look."""
    yield from range(size // 10, size + 1, max(1, size // 10))


def main(size: int) -> None:
    """Play it once, and print how it goes."""
    cluster = ScriptedCluster(min(WORKERS, max(2, size // 10)), samples=1)
    jobs = ja.start()
    empty = resident()
    start, used = time.perf_counter(), time.process_time()
    batch = jobs.options(runner=ScriptedRunner(cluster)).map(nothing, range(size))
    for number in steps(size):
        while batch.counts[ja.JobState.SUCCEEDED] < number:
            time.sleep(0.05)
        cpu, kept = time.process_time() - used, (resident() - empty) / 1e6
        print(
            f"{number:>9,} jobs: {time.perf_counter() - start:7,.0f} s, {cpu:6,.0f} s of a core, "
            f"{cpu / number * 1e6:5,.0f} µs a job, {kept:6,.0f} MB",
            flush=True,
        )
    print(f"{cluster.heard:,} frames")
    ja.stop(0)


if __name__ == "__main__":
    # Its work is a module's then: that of a program is packed whole for each job, in a thread.
    from tests.bench.dask_hub import main

    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
