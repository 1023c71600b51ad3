"""``Bar``: the life of one job in a timeline, and its place there.

The layout is pure: which bar lies in which row of which lane.  :mod:`.timeline_page` draws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from .field_docs import documented
from .graph_layout import longest_path
from .spans import Span, StageSpan
from .states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LanesBy = Literal["slot", "type", "subject", "resource"]
LANES_BY: Final = ("slot", "type", "subject", "resource")


@documented
class Bar(Struct, frozen=True):
    """The life of one job."""

    job_id: str
    """The id of the job."""
    name: str
    """Its name."""
    type: str
    """Its job type."""
    subject: str
    """Its subject; may be empty."""
    state: JobState
    """Its state at the end of the timeline."""
    spans: tuple[Span, ...]
    """The stretches of its life, one after the other."""
    stages: tuple[StageSpan, ...] = ()
    """The stretches in which it was in a stage, as sampled."""
    after: tuple[str, ...] = ()
    """The ids of the jobs that it came after."""
    lane: str = ""
    """The lane that it lies in."""
    row: int = 0
    """The row within the lane, from 0: bars that overlap lie in different ones."""

    @property
    def start(self) -> float:
        """The beginning of its first span, in seconds since the epoch."""
        return self.spans[0].start

    @property
    def end(self) -> float:
        """The end of its last span, in seconds since the epoch."""
        return self.spans[-1].end

    @property
    def seconds_at_work(self) -> float:
        """The sum of its spans at work."""
        return sum(span.seconds for span in self.spans if span.state.is_active)

    @property
    def started(self) -> float | None:
        """The beginning of its first span at work; None if it never was."""
        return next((span.start for span in self.spans if span.state.is_active), None)


def critical_path(bars: Iterable[Bar]) -> list[str]:
    """Return the ids of the jobs, one after the other, that were at work longest in sum.

    Empty, if none of them comes after another.
    """
    by_id = {bar.job_id: bar for bar in bars}
    edges = [(one, bar.job_id) for bar in by_id.values() for one in bar.after if one in by_id]
    if not edges:
        return []
    seconds = {job_id: bar.seconds_at_work for job_id, bar in by_id.items()}
    path = longest_path(list(by_id), edges, seconds)
    return path if len(path) > 1 else []


def lanes_of(bars: Iterable[Bar]) -> dict[str, int]:
    """Return the number of rows in each lane, in the order of the lanes."""
    rows: dict[str, int] = {}
    for bar in bars:
        rows[bar.lane] = max(rows.get(bar.lane, 0), bar.row + 1)
    return rows


def lay_out(bars: Iterable[Bar], lane_of: Callable[[Bar], str] | None) -> list[Bar]:
    """Return bars with their lanes and rows: each in the first row that is free at its start.

    Args:
        bars: The bars.
        lane_of: Returns the lane of a bar; None for slots, in which jobs lie from their start to
            their end, and those that never started have none.
    """
    placed: list[Bar] = []
    ends: dict[str, list[float]] = {}
    slots: list[float] = []
    for bar in sorted(bars, key=lambda bar: _begin_of(bar, lane_of)):
        begin = _begin_of(bar, lane_of)
        if lane_of is not None:
            lane = lane_of(bar)
            placed.append(_with(bar, lane, _take_row(ends.setdefault(lane, []), begin, bar.end)))
        elif bar.started is not None:
            spans = tuple(span for span in bar.spans if span.start >= begin)
            lane = str(_take_row(slots, begin, bar.end) + 1)
            placed.append(_with(bar, lane, 0, spans))
    order = {lane: place for place, lane in enumerate(sorted({b.lane for b in placed}, key=_key))}
    return sorted(placed, key=lambda bar: (order[bar.lane], bar.row, bar.start))


def _begin_of(bar: Bar, lane_of: object) -> float:
    started = bar.started
    return bar.start if lane_of is not None or started is None else started


def _take_row(ends: list[float], begin: float, end: float) -> int:
    for row, until in enumerate(ends):
        if until <= begin:
            ends[row] = end
            return row
    ends.append(end)
    return len(ends) - 1


def _with(bar: Bar, lane: str, row: int, spans: tuple[Span, ...] | None = None) -> Bar:
    return replace(bar, lane=lane, row=row, spans=bar.spans if spans is None else spans)


def _key(lane: str) -> tuple[int, str]:
    return (int(lane) if lane.isascii() and lane.isdigit() else 0, lane)
