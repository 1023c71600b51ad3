"""Jobs on a Dask cluster, in turns with its own ``Client.submit`` on the same two workers.

Of what is measured many times, the best of five rounds: Dask's own times differ by half.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.runners.dask_cluster import cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 5
REPORTS = 20
SMALL = 20
"""The size below which the workers are in this process."""


def nothing(number: int) -> int:
    """Do nothing, on a worker."""
    return number


def ticking(times: int) -> None:
    """Report the time, a few times a second."""
    for _ in ja.track(range(times)):
        ja.progress(message=repr(time.time()))
        time.sleep(0.15)


@contextmanager
def workers(size: int) -> Iterator[Any]:
    """Yield the client of a cluster that has run something already."""
    with cluster(workers=2, processes=size >= SMALL) as client:
        client.gather(client.map(nothing, range(SMALL), pure=False))
        yield client


def best(size: int, *works: Callable[[], object]) -> list[float]:
    """Return the least time of each work in some rounds, in which they take turns."""
    least = [float("inf")] * len(works)
    for _ in range(ROUNDS if size >= SMALL else 1):
        for place, work in enumerate(works):
            start = time.perf_counter()
            work()
            least[place] = min(least[place], time.perf_counter() - start)
    return least


def bare(_size: int) -> Numbers:
    """Return nothing: Dask's own futures are measured beside the jobs, on their cluster."""
    return {}


def jobactors(size: int) -> Numbers:
    """Return what jobs take beside Dask's own tasks; and what those do not have."""
    with workers(size) as client:
        jobs = ja.start()
        once = jobs.options(runner=ja.DaskRunner(client))
        restarts = jobs.options(runner=ja.DaskRunner(client, allow_restart=True))
        once.submit(nothing, 1).result()
        restarts.submit(nothing, 1).result()

        def dask(count: int) -> None:
            client.gather([client.submit(nothing, i, pure=False) for i in range(count)])

        def many(on: Any, count: int) -> None:
            for job in [on.submit(nothing, i) for i in range(count)]:
                job.result()

        ways = partial(dask), partial(many, once), partial(many, restarts)
        floor, fenced, free = best(size, *(partial(way, size) for way in ways))
        lone, latency, _ = best(size, *(partial(way, 1) for way in ways))
        numbers = {
            "task of Dask": floor / size * 1e3,
            "once": fenced / floor,
            "restarts": free / floor,
            "latency": latency / lone,
            "progress": _p95(_delays(once, REPORTS if size >= SMALL else 2)),
            "cancel": _p95([_cancel(once) for _ in range(REPORTS if size >= SMALL else 1)]),
        }
        for i in range(size):
            once.submit(ticking, 10_000 + i)
        start = time.perf_counter()
        ja.stop(0)
        return {**numbers, "close": time.perf_counter() - start}


def _delays(on: Any, times: int) -> list[float]:
    """Return how old each report is when it is in the snapshot, in milliseconds."""
    job = on.submit(ticking, times)
    delays, last = list[float](), ""
    while not job.state.is_terminal:
        message = job.snapshot().progress.message
        if message and message != last:
            last = message
            delays.append((time.time() - float(message)) * 1e3)
        time.sleep(0.001)
    return delays


def _cancel(on: Any) -> float:
    """Return how long a running job takes to be cancelled, in milliseconds."""
    job = on.submit(ticking_fast)
    while job.state != "running":
        time.sleep(0.001)
    time.sleep(0.05)
    start = time.perf_counter()
    job.cancel()
    job.wait().result()
    return (time.perf_counter() - start) * 1e3


def ticking_fast() -> None:
    """Go on until it is cancelled."""
    for _ in ja.track(range(10**9)):
        time.sleep(0.001)


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


PROGRAM = Program(
    title="jobs on a Dask cluster",
    measures=(
        Measure("task of Dask", "ms"),
        Measure("once", "× that", at_most=4, absolute=True),
        Measure("restarts", "× that", at_most=2, absolute=True),
        Measure("latency", "× that of Dask", at_most=2, absolute=True),
        Measure("progress", "ms", at_most=250, absolute=True),
        Measure("cancel", "ms", at_most=150, absolute=True),
        Measure("close", "s", at_most=3, absolute=True),
    ),
    variants=(
        Variant("Client.submit", bare),
        Variant("jobactors", jobactors),
    ),
    size=1_000,
    smoke_size=2,
    rounds=1,
)
