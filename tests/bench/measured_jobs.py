"""What it costs to measure jobs: a finished one, many as a table, their text, a timeline."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from msgspec.structs import replace

import jobactors as ja
from jobactors.engine.api.metrics_rows import metrics_from
from jobactors.engine.system.metrics_table import MetricsTable
from jobactors.model.exposition import Gauges
from jobactors.model.stored_rows import PutJob
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.store_list import AT_ONCE, patterns

if TYPE_CHECKING:
    from collections.abc import Callable

BARS = 2_000
TYPES = 20
LONG = 88 * 86400.0
"""Seconds over which stored jobs are spread: nearly all for which tallies stay."""


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds of the processor for a call, the least of three."""
    found: list[float] = []
    for _ in range(3):
        begun = time.process_time()
        call()
        found.append(time.process_time() - begun)
    return min(found)


def bare(size: int) -> Numbers:
    """A counter and a list of durations."""
    counts, durations = Counter[str](), list[float]()

    def count() -> None:
        for number in range(size):
            counts["abs"] += 1
            durations.append(number * 0.1)

    return {"a finished job": seconds_of(count) / size * 1e6}


def ours(size: int) -> Numbers:
    """The table of a system, its rows, its text; the lives of ended jobs as bars."""
    jobs = ja.start(display=None)
    ended = [jobs.submit(abs, -number) for number in range(min(size, BARS))]
    for job in ended:
        job.wait().result(60)
    records = [job._record for job in ended]
    table = MetricsTable(time.time)

    def count() -> None:
        for number in range(size):
            table.count(records[number % len(records)])

    numbers: Numbers = {"a finished job": seconds_of(count) / size * 1e6}
    counted = table.counted()
    measured = metrics_from(counted, Gauges())
    numbers["metrics()"] = seconds_of(lambda: len(metrics_from(counted, Gauges()))) * 1e3
    numbers["exposition"] = seconds_of(measured.prometheus) * 1e3
    numbers["timeline of 2,000"] = seconds_of(lambda: jobs.timeline("type")) * 1e3
    ja.stop(0)
    return numbers | stored(size)


def stored(size: int) -> Numbers:
    """The rows of jobs in a file: of many types, over nearly three months."""
    numbers: Numbers = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.db"
        make_store(path, size)
        trio.run(_look_into, path, size, numbers)
    return numbers


def make_store(path: Path, size: int) -> None:
    """Write a store of so many ended jobs."""
    pattern, _ = patterns(path.parent)
    begin, store = time.time() - LONG, ja.SqliteStore(path)
    store.open()
    with contextlib.closing(store):
        for first in range(0, size, AT_ONCE):
            store.apply(
                [
                    PutJob(
                        replace(
                            pattern,
                            id=f"abs-{number}-abcdefghjk",
                            type=f"abs {number % TYPES}",
                            spec=pattern.spec.replace('"abs"', f'"abs {number % TYPES}"'),
                            submitted_at=begin + LONG * number / size,
                            finished_at=begin + LONG * number / size + 1,
                        )
                    )
                    for number in range(first, min(first + AT_ONCE, size))
                ]
            )


async def _look_into(path: Path, size: int, numbers: Numbers) -> None:
    async with ja.open_jobs(store=path) as jobs:
        measured = jobs.metrics()
        assert sum(row.ended for row in measured) == size
        assert len(measured) == min(size, TYPES)
        numbers["metrics() of a store"] = seconds_of(lambda: len(jobs.metrics())) * 1e3
        numbers["by the hour"] = seconds_of(lambda: len(jobs.metrics("hour"))) * 1e3
        numbers["exposition of a store"] = (
            seconds_of(lambda: jobs.metrics("hour").prometheus()) * 1e3
        )
        await jobs.close()


PROGRAM = Program(
    title="100,000 finished jobs measured (floor: a counter and a list)",
    measures=(
        Measure("a finished job", "µs", at_most=2, absolute=True),
        Measure("metrics()", "ms", at_most=150, absolute=True),
        Measure("exposition", "ms", at_most=5, absolute=True),
        Measure("metrics() of a store", "ms", at_most=150, absolute=True),
        Measure("by the hour", "ms", at_most=150, absolute=True),
        Measure("exposition of a store", "ms", at_most=5, absolute=True),
        Measure("timeline of 2,000", "ms", at_most=100, absolute=True),
    ),
    variants=(Variant("bare", bare), Variant("jobactors", ours)),
    size=100_000,
    smoke_size=100,
    rounds=3,
)
