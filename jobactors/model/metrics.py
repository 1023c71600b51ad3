"""``Metrics``: what ended jobs have taken, as rows for people, tables and monitoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, overload

from msgspec import Struct
from msgspec.structs import asdict

from .exposition import exposition
from .field_docs import documented
from .states import JobState

if TYPE_CHECKING:
    from .duration_sketch import DurationSketch
    from .exposition import Gauges
    from .tally import Tally

MetricsBy = Literal["type", "hour", "day", "all"]


@documented
class Durations(Struct, frozen=True):
    """The distribution of some durations, in seconds; quantiles are right within 3.2 %."""

    count: int = 0
    """The number of durations."""
    total: float = 0.0
    """Their sum."""
    p50: float | None = None
    """The median; None if there is none."""
    p90: float | None = None
    """Nine of ten are no longer; None if there is none."""
    p99: float | None = None
    """99 of 100 are no longer; None if there is none."""
    longest: float = 0.0
    """The longest."""

    @classmethod
    def _of(cls, sketch: DurationSketch) -> Durations:
        p50, p90, p99 = map(sketch.quantile, (0.5, 0.9, 0.99))
        return cls(sketch.count, sketch.total, p50, p90, p99, sketch.longest)


@documented
class JobMetrics(Struct, frozen=True):
    """Counts and times of the ended jobs of one type, hour or day."""

    of: str
    """The job type, or the hour or day in local time, or "all"."""
    succeeded: int
    """Jobs that returned a result."""
    failed: int
    """Jobs that ended with an error."""
    cancelled: int
    """Jobs that were cancelled."""
    attempts: int
    """Their attempts in all."""
    retries: int
    """The attempts that followed a failed or interrupted one."""
    items: float
    """The units of progress that they have done."""
    run: Durations
    """Seconds at work, of each job that has started; waits and pauses left out."""
    paused: Durations
    """Seconds paused, of each job that was."""
    waits: Mapping[str, Durations]
    """By reason, such as "slot" or "resource", the seconds that each job has waited for it."""

    @property
    def ended(self) -> int:
        """Jobs that have ended, in any way."""
        return self.succeeded + self.failed + self.cancelled

    @property
    def success_rate(self) -> float | None:
        """The share of those not cancelled that succeeded, from 0 to 1; None without any."""
        judged = self.succeeded + self.failed
        return self.succeeded / judged if judged else None

    @property
    def items_per_second(self) -> float | None:
        """Units of progress a second at work; None without any."""
        return self.items / self.run.total if self.items and self.run.total else None

    def to_dict(self) -> dict[str, object]:
        """Return all of it as one flat dictionary of values that JSON has."""
        flat: dict[str, object] = {
            "of": self.of,
            "ended": self.ended,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "success_rate": self.success_rate,
            "attempts": self.attempts,
            "retries": self.retries,
            "items": self.items,
            "items_per_second": self.items_per_second,
        }
        named = {"run": self.run, "paused": self.paused}
        named |= {f"wait_{reason.replace(' ', '_')}": found for reason, found in self.waits.items()}
        for name, durations in named.items():
            flat |= {f"{name}_{field}": value for field, value in asdict(durations).items()}
        return flat


class Metrics(Sequence[JobMetrics]):
    """The metrics of a job system, one :class:`JobMetrics` a row; returned by ``jobs.metrics()``.

    A notebook shows them as a table.  ``pandas.DataFrame(jobs.metrics().to_dict())`` is a frame.
    """

    def __init__(
        self,
        rows: Callable[[], list[JobMetrics]],
        totals: Callable[[], Mapping[str, Tally]],
        now: Gauges,
    ) -> None:
        self._add_up = rows
        self._totals = totals
        self._now = now

    @cached_property
    def _rows(self) -> list[JobMetrics]:
        """The rows, added up at the first look: monitoring reads the totals alone."""
        return self._add_up()

    def to_dict(self) -> list[dict[str, object]]:
        """Return a flat dictionary of plain values a row, each with the same keys."""
        plain = [row.to_dict() for row in self._rows]
        names = list(dict.fromkeys(name for row in plain for name in row))
        return [{name: row.get(name) for name in names} for row in plain]

    def to_csv(self) -> str:
        """Return the rows as CSV with a head line; what is not known is empty."""
        import csv  # for an export alone

        rows = self.to_dict()
        lines = _Lines()
        writer = csv.DictWriter(lines, list(rows[0]) if rows else ["of"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return "".join(lines)

    def prometheus(self) -> str:
        """Return all job types in Prometheus' text format, and the present state of the system.

        By type always, whatever ``by`` and ``since`` were: an hour or a day is no label, for each
        would be a series of its own for ever.  Counters never sink while the system is open.  A
        job's name and subject are no labels, and types beyond the first hundred are one: "other".
        """
        return exposition(self._totals(), self._now)

    @overload
    def __getitem__(self, index: int) -> JobMetrics: ...
    @overload
    def __getitem__(self, index: slice) -> list[JobMetrics]: ...
    def __getitem__(self, index: int | slice) -> JobMetrics | list[JobMetrics]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[JobMetrics]:
        return iter(self._rows)

    def __repr__(self) -> str:
        if not self._rows:
            return "<Metrics: no job has ended>"
        table = [_HEAD, *map(_cells, self._rows)]
        widths = [max(len(row[place]) for row in table) for place in range(len(_HEAD))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        )

    def _repr_html_(self) -> str:
        from html import escape  # for a notebook alone

        if not self._rows:
            return "<p>No job has ended.</p>"
        head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in _HEAD)
        body = "".join(
            "<tr><th scope='row' style='text-align:left'>"
            + escape(first)
            + "</th>"
            + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
            + "</tr>"
            for first, *rest in map(_cells, self._rows)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def row_of(of: str, tally: Tally) -> JobMetrics:
    """Return the row of a tally."""
    ends = tally.ends
    return JobMetrics(
        of=of,
        succeeded=ends.get(JobState.SUCCEEDED, 0),
        failed=ends.get(JobState.FAILED, 0),
        cancelled=ends.get(JobState.CANCELLED, 0),
        attempts=tally.attempts,
        retries=max(0, tally.attempts - tally.run.count),
        items=tally.items,
        run=Durations._of(tally.run),
        paused=Durations._of(tally.paused),
        waits={reason: Durations._of(sketch) for reason, sketch in sorted(tally.waits.items())},
    )


_HEAD: Final = (
    *("", "ended", "succeeded", "failed", "cancelled", "retries"),
    *("run p50", "run p90", "run p99", "longest", "waited"),
)


class _Lines(list[str]):
    """A file for the csv module, which only writes lines."""

    write = list[str].append


_MINUTE: Final = 60


def _cells(row: JobMetrics) -> tuple[str, ...]:
    waited = sum(wait.total for wait in row.waits.values())
    run = row.run
    return (
        row.of,
        *(f"{n:,}" for n in (row.ended, row.succeeded, row.failed, row.cancelled, row.retries)),
        *(_seconds(value) for value in (run.p50, run.p90, run.p99, run.longest, waited)),
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.3g} ms"
    if value < _MINUTE:
        return f"{value:.3g} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
