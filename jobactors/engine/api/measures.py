"""The part of ``Jobs`` that measures: ``jobs.metrics()`` and ``jobs.timeline()``."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Final, Literal

from jobactors.engine.system.job_system import JobSystem
from jobactors.engine.system.metrics_table import SERVERS
from jobactors.model.checks import as_moment, check_count, check_moment, shown
from jobactors.model.exposition import Gauges
from jobactors.model.metrics import Metrics, row_of
from jobactors.model.states import JobState
from jobactors.model.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobactors.engine.system.metrics_table import Counted
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.metrics import JobMetrics
    from jobactors.model.timeline import Timeline
    from jobactors.model.timeline_bars import LanesBy

MetricsBy = Literal["type", "hour", "day", "all"]
Since = datetime | timedelta | float | int
_HOUR: Final = 3600
_DAY: Final = 86400


class Measures:
    """The part of :class:`~jobactors.Jobs` that measures."""

    _system: JobSystem

    def metrics(self, by: MetricsBy = "type", *, since: Since | None = None) -> Metrics:
        """Return how many jobs have ended, how, and how long they ran, waited and paused.

        With a store, those of earlier processes count as well, for 90 days, also after their jobs
        have been removed.  What a job took counts in the hour of its end.  The server of
        :meth:`serve` does no work of its own, and is not counted.

        Args:
            by: A row for each job ``"type"`` (the default), ``"hour"`` or ``"day"`` of local time,
                or one for ``"all"``.
            since: Only jobs that ended in this hour or later: a datetime (without a time zone it is
                local), seconds since the epoch, or a timedelta before now; default: all there are.

        Raises:
            ValueError, TypeError: for another ``by``, or for what is no point in time.

        Example::

            jobs.metrics(since=timedelta(days=1))  # a table in a notebook
            pandas.DataFrame(jobs.metrics(by="day").to_dict())
        """
        if by not in _LABELS:
            raise ValueError(f"metrics are by {', '.join(map(repr, _LABELS))}, not {shown(by)}")
        first = _hour_of(since, self._system.core.clock.now())
        asked = time.perf_counter()
        counted, now = self._system.parts.portal.look(self._look, asked)
        return metrics_from(counted, now, by, first)

    def timeline(
        self,
        by: LanesBy = "slot",
        *,
        since: Since | None = None,
        type: TypeOrFunction | None = None,
        limit: int = 2000,
    ) -> Timeline:
        """Return when each job was queued, at work, paused and at rest, as bars in lanes.

        A notebook draws it, and goes on as jobs do: with the wheel after a click, or + and -, it is
        zoomed, arrow keys go along the bars.  A saved notebook has a still drawing, as
        :meth:`Timeline.html`.  With a store, the jobs of
        earlier processes are among them; of those, the reasons for which they waited are not known.

        Args:
            by: A lane for each ``"slot"`` (the default: the fewest rows in which no two jobs are at
                work at once, without the time in the queue), ``"type"``, ``"subject"``, or
                ``"resource"`` that a job needs.
            since: Only jobs that ended after this moment, or have not ended: a datetime, seconds
                since the epoch, or a timedelta before now; default: a day ago.
            type: Only jobs of this type, by its name or its function.
            limit: The newest so many jobs, at most.

        Raises:
            ValueError, TypeError: for another ``by``, for what is no point in time or no number.
            StoreError: if the store cannot be read.

        Example::

            jobs.timeline(since=timedelta(hours=1))
            Path("night.html").write_text(jobs.timeline("type").html())
        """
        from jobactors.model.timeline_bars import LANES_BY  # for a drawing alone

        from .live_drawings import LiveTimeline
        from .past_lives import lives_in

        if by not in LANES_BY:
            raise ValueError(f"lanes are by {', '.join(map(repr, LANES_BY))}, not {shown(by)}")
        check_count("limit", limit)
        now = self._system.core.clock.now()
        begin = now - _DAY if since is None else _moment_of(since, now)
        bars, left_out = lives_in(self._system, by, begin, now, type, limit)
        again = partial(self.timeline, by, since=since, type=type, limit=limit)
        return LiveTimeline(bars, now, left_out, self, again)

    def _look(self, asked: float) -> tuple[Counted, Gauges]:
        lag = time.perf_counter() - asked
        core, table = self._system.core, self._system.core.ended.metrics
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
        resources = self._system.parts.queue.resources.states()
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


def _hour_of(since: Since | None, now: float) -> int:
    return 0 if since is None else int(_moment_of(since, now) // _HOUR)


def _moment_of(since: Since, now: float) -> float:
    moment = now - since.total_seconds() if isinstance(since, timedelta) else as_moment(since)
    check_moment("since", moment)
    return moment or 0.0


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
