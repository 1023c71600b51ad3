"""The part of ``Jobs`` that measures: ``jobs.metrics()`` and ``jobs.timeline()``."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from jobactors.engine.system.job_system import JobSystem
from jobactors.model.checks import as_moment, check_count, check_moment, shown

if TYPE_CHECKING:
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.metrics import Metrics, MetricsBy
    from jobactors.model.timeline import Timeline
    from jobactors.model.timeline_bars import LanesBy

Since = datetime | timedelta | float | int
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
        from .metrics_rows import metrics_of

        begin = None if since is None else _moment_of(since, self._system.core.clock.now())
        return metrics_of(self._system, by, begin)

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


def _moment_of(since: Since, now: float) -> float:
    moment = now - since.total_seconds() if isinstance(since, timedelta) else as_moment(since)
    check_moment("since", moment)
    return moment or 0.0
