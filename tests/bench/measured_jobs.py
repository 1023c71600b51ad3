"""What it costs to measure jobs: a finished one, many as a table, their text, a timeline."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import jobactors as ja
from jobactors.engine.api.measures import metrics_from
from jobactors.engine.system.metrics_table import MetricsTable
from jobactors.model.exposition import Gauges
from tests.bench.harness import Measure, Numbers, Program, Variant

if TYPE_CHECKING:
    from collections.abc import Callable

BARS = 2_000


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
    tallies = table.tallies()
    measured = metrics_from(tallies, {}, Gauges())
    numbers["metrics()"] = seconds_of(lambda: metrics_from(tallies, {}, Gauges())) * 1e3
    numbers["exposition"] = seconds_of(measured.prometheus) * 1e3
    numbers["timeline of 2,000"] = seconds_of(lambda: jobs.timeline("type")) * 1e3
    ja.stop(0)
    return numbers


PROGRAM = Program(
    title="100,000 finished jobs measured (floor: a counter and a list)",
    measures=(
        Measure("a finished job", "µs", at_most=2, absolute=True),
        Measure("metrics()", "ms", at_most=150, absolute=True),
        Measure("exposition", "ms", at_most=5, absolute=True),
        Measure("timeline of 2,000", "ms", at_most=100, absolute=True),
    ),
    variants=(Variant("bare", bare), Variant("jobactors", ours)),
    size=100_000,
    smoke_size=100,
    rounds=3,
)
