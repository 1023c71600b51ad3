"""What schedules cost while none is due, and to open them again after a year."""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from pathlib import Path

import trio
import trio.lowlevel

import jobactors as ja
from jobactors.model.stored_rows import DocumentRow, PutDocument
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.idle import watched

YEAR = 365 * 86400.0
GAPS = 50
"""Schedules that were settled a year ago."""


@ja.job("double")
def double(n: int) -> int:
    """The job of each schedule."""
    return 2 * n


async def _declare(jobs: ja.Jobs, count: int) -> None:
    for n in range(count):
        jobs.schedule(f"s {n}", ja.every(days=30, anchor=time.time() + 3600)).submit(double, n)
    await trio.lowlevel.checkpoint()


async def _idle(count: int, tenths: int, found: Numbers) -> None:
    async with ja.open_jobs() as jobs:
        await _declare(jobs, count)
        await trio.sleep(1)  # each is looked at once
        found |= await watched(tenths / 10)


async def _store(path: Path, count: int) -> None:
    async with ja.open_jobs(store=path) as jobs:
        for n in range(count):
            jobs.schedule(f"s {n}", "*/5 * * * *", zone="Europe/Berlin").submit(double, n)


def _a_year_ago(path: Path) -> None:
    """Let all schedules be settled a year ago."""
    store = ja.SqliteStore(path)
    store.open()
    rows: list[DocumentRow] = []
    for row in store.documents("schedule"):
        value = json.loads(row.value)
        value["settled"] -= YEAR
        rows.append(DocumentRow(row.kind, row.name, json.dumps(value), row.changed_at))
    store.apply([PutDocument(row) for row in rows])
    store.close()


async def _reopen(path: Path, found: Numbers) -> None:
    start = time.perf_counter()
    async with ja.open_jobs(store=path) as jobs:
        assert jobs.schedules()[-1].state().missed
        found["a look after a year"] = time.perf_counter() - start
        await jobs.close()
    start = time.perf_counter()
    async with ja.open_jobs(store=path, recover="auto") as jobs:
        while not all(schedule.state().runs for schedule in jobs.schedules()):
            await trio.lowlevel.checkpoint()
        found["first runs after a year"] = time.perf_counter() - start
        await jobs.close()


def cost(count: int, tenths: int) -> Numbers:
    """Seconds and wake-ups with so many schedules."""
    found: Numbers = {}
    trio.run(_idle, count, tenths, found)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.db"
        trio.run(_store, path, GAPS)
        _a_year_ago(path)
        trio.run(_reopen, path, found)
    return found


PROGRAM = Program(
    title="idle schedules (floor: 1; jobactors: 10,000)",
    measures=(
        Measure("wake-ups", "a second", at_most=2, absolute=True),
        Measure("processor", "ms a second", at_most=1, absolute=True),
        Measure("a look after a year", "s", at_most=1, absolute=True),
        Measure("first runs after a year", "s", at_most=1, absolute=True),
    ),
    variants=(
        Variant("1 schedule", partial(cost, 1)),
        Variant("10,000 schedules", partial(cost, 10_000)),
    ),
    size=50,
    smoke_size=1,
    rounds=3,
)
