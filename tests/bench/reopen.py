"""What each of many kept jobs costs when their store is opened again: flat, however many."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import trio

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant


@ja.job("double")
def double(n: int) -> int:
    """A job that waits in the store."""
    return 2 * n


async def _keep(store: Path, count: int) -> None:
    async with ja.open_jobs(store=store) as jobs:
        jobs.hold_dispatch()
        for n in range(count):
            jobs.submit(double, n)
        await jobs.close()


async def _reopen(store: Path, count: int, found: Numbers) -> None:
    start = time.perf_counter()
    async with ja.open_jobs(store=store) as jobs:
        found["open"] = (time.perf_counter() - start) / count * 1e6
        start = time.perf_counter()
        assert len(jobs.resumable()) == count
        found["list what can go on"] = (time.perf_counter() - start) / count * 1e6


def cost(times: int, size: int) -> Numbers:
    """Microseconds a job, with ``times * size`` of them kept."""
    found: Numbers = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        trio.run(_keep, store, times * size)
        trio.run(_reopen, store, times * size, found)
        found["on disk"] = store.stat().st_size / (times * size)
    return found


PROGRAM = Program(
    title="reopening (floor: 1,000 kept jobs; jobactors: 100,000)",
    measures=(
        Measure("open", "µs a job", at_most=1.2),
        Measure("list what can go on", "µs a job", at_most=1.2),
        Measure("on disk", "bytes a job", at_most=1.2),
    ),
    variants=(
        Variant("1,000 kept", partial(cost, 1)),
        Variant("100,000 kept", partial(cost, 100)),
        Variant("10,000 kept", partial(cost, 10)),
    ),
    size=1_000,
    smoke_size=2,
    rounds=3,
)
