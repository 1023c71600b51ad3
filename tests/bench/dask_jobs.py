"""Jobs on a Dask cluster, beside its own ``Client.submit``; both with two workers of one thread.

Of what is measured many times, the best of five rounds: Dask's own times differ by half.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.runners.dask_cluster import cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 5
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


def best(size: int, once: Callable[[], object]) -> float:
    """Return the least of some rounds, in milliseconds."""
    times = list[float]()
    for _ in range(ROUNDS if size >= SMALL else 1):
        start = time.perf_counter()
        once()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def bare(size: int) -> Numbers:
    """Dask's own futures."""
    with workers(size) as client:

        def many() -> None:
            client.gather([client.submit(nothing, i, pure=False) for i in range(size)])

        each = best(size, many) / size
        one = best(size, lambda: client.submit(nothing, 1, pure=False).result())
        return {"once": each, "restarts": each, "latency": one}


def jobactors(size: int) -> Numbers:
    """The same as jobs; and what Dask's own tasks do not have."""
    with workers(size) as client:
        jobs = ja.start()
        once = jobs.options(runner=ja.DaskRunner(client))
        restarts = jobs.options(runner=ja.DaskRunner(client, allow_restart=True))
        once.submit(nothing, 1).result()
        restarts.submit(nothing, 1).result()

        def many(on: Any) -> Callable[[], None]:
            def run() -> None:
                for job in [on.submit(nothing, i) for i in range(size)]:
                    job.result()

            return run

        numbers = {
            "once": best(size, many(once)) / size,
            "restarts": best(size, many(restarts)) / size,
            "latency": best(size, lambda: once.submit(nothing, 1).result()),
            "progress": _p95(_delays(once, 20 if size >= SMALL else 2)),
            "cancel": _p95([_cancel(once) for _ in range(20 if size >= SMALL else 1)]),
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
        Measure("once", "ms", at_most=4),
        Measure("restarts", "ms", at_most=2),
        Measure("latency", "ms", at_most=2),
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
)
