"""The metrics of a system: looks at it, and adds up what its hours have counted."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from jobactors.engine.system.metrics_table import SERVERS
from jobactors.model.checks import shown
from jobactors.model.exposition import Gauges
from jobactors.model.metrics import Metrics, row_of
from jobactors.model.states import JobState
from jobactors.model.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobactors.engine.system.job_system import JobSystem
    from jobactors.engine.system.metrics_table import Counted
    from jobactors.model.metrics import JobMetrics, MetricsBy

_HOUR: Final = 3600


def metrics_of(system: JobSystem, by: MetricsBy, since: float | None) -> Metrics:
    """Return the metrics of a system; see :meth:`.Jobs.metrics`.  From any thread.

    Raises:
        ValueError: for another ``by``.
    """
    if by not in _LABELS:
        raise ValueError(f"metrics are by {', '.join(map(repr, _LABELS))}, not {shown(by)}")
    asked = time.perf_counter()
    counted, now = system.parts.portal.look(_look, system, asked)
    return metrics_from(counted, now, by, 0 if since is None else int(since // _HOUR))


def _look(system: JobSystem, asked: float) -> tuple[Counted, Gauges]:
    lag = time.perf_counter() - asked
    core, table = system.core, system.core.ended.metrics
    queued, running, stuck = Counter[str](), 0, 0
    for record in core.at_work.values():
        snapshot = record.snapshot
        if snapshot.runner in SERVERS:
            continue
        stuck += snapshot.stuck
        if snapshot.state is JobState.QUEUED:
            queued[str(snapshot.waiting)] += 1
        elif snapshot.state.is_active and snapshot.state is not JobState.PAUSED:
            running += 1
    resources = system.parts.queue.resources.states()
    held = {state.name: state.capacity - state.free for state in resources}
    return table.counted(), Gauges(running, queued, stuck, held, lag)


def metrics_from(counted: Counted, now: Gauges, by: MetricsBy = "type", first: int = 0) -> Metrics:
    """Return metrics of what was counted; it is added up when it is asked for.

    Args:
        counted: What was counted.
        now: The present state of the system.
        by: One of the groups of :meth:`Measures.metrics`.
        first: The first hour that counts in the rows.
    """

    def rows() -> list[JobMetrics]:
        found = _merged(counted.hours, by, first)
        return [row_of(of, tally) for of, tally in sorted(found.items())]  # times sort as texts

    return Metrics(rows, counted.totals, now)


def _merged(
    tallies: Mapping[tuple[int, str], Tally], by: MetricsBy, first: int
) -> dict[str, Tally]:
    """Return one tally a label, of all hours from the first on."""
    rows: dict[str, Tally] = {}
    of_hour = _LABELS[by]
    label_of = None if of_hour is None else cache(of_hour)
    for (hour, kind), tally in tallies.items():
        if hour < first:
            continue
        label = kind if label_of is None else label_of(hour)
        row = rows.get(label)
        if row is None:
            row = rows[label] = Tally()
        row.merge(tally)
    return rows


def _hour_label(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * _HOUR).astimezone():%Y-%m-%d %H:00}"


def _day_label(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * _HOUR).astimezone():%Y-%m-%d}"


_LABELS: Final[dict[str, Callable[[int], str] | None]] = {
    "type": None,
    "hour": _hour_label,
    "day": _day_label,
    "all": lambda _: "all",
}
"""The label of an hour's row; None where each type has one."""
