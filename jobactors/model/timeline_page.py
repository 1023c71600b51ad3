"""The drawing of a timeline: one SVG and one table, as HTML without a script.

A saved notebook shows it as it is.  All text in it is escaped; colours follow the notebook's theme
where it has one, and a letter in each bar stands for the state as well as its colour does.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from .states import JobState
from .timeline_bars import critical_path, lanes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .spans import Span
    from .timeline_bars import Bar

_WIDTH: Final = 960
_LABELS: Final = 140
_ROW: Final = 20
_BAR: Final = 14
_TOP: Final = 24
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY: Final = 86400
_MOST_TICKS: Final = 8
_LONGEST_LABEL: Final = 20
_LETTERS: Final = {
    JobState.SUCCEEDED: "✓",
    JobState.FAILED: "✗",
    JobState.CANCELLED: "–",
    JobState.INTERRUPTED: "!",
}
_STYLE: Final = """
.ja-timeline { font: 12px system-ui, sans-serif; color: var(--jp-ui-font-color1, CanvasText); }
.ja-timeline svg { display: block; width: 100%; min-width: 480px; height: auto; }
.ja-timeline .ja-scroll { overflow-x: auto; }
.ja-timeline text { fill: currentColor; font-size: 11px; }
.ja-timeline .ja-axis { stroke: currentColor; opacity: .18; }
.ja-timeline .ja-now { stroke: currentColor; opacity: .6; stroke-dasharray: 2 2; }
.ja-timeline .ja-wait { fill: url(#ja-hatch); opacity: .75; }
.ja-timeline .ja-run { fill: #3b82c4; }
.ja-timeline .ja-paused { fill: #b58900; }
.ja-timeline .ja-cancelling { fill: #8a8a8a; }
.ja-timeline .ja-interrupted { fill: none; stroke: #b58900; stroke-dasharray: 3 2; }
.ja-timeline .ja-succeeded .ja-run { fill: #4a9960; }
.ja-timeline .ja-failed .ja-run { fill: #c4453b; }
.ja-timeline .ja-cancelled .ja-run { fill: #8a8a8a; }
.ja-timeline g:focus rect { stroke: currentColor; stroke-width: 1.5; }
.ja-timeline g:focus { outline: none; }
.ja-timeline .ja-letter { fill: #fff; font-size: 10px; }
.ja-timeline .ja-stage { fill: #000; opacity: .28; }
.ja-timeline .ja-stage.ja-odd { opacity: .12; }
.ja-timeline .ja-critical rect:not(.ja-stage) { stroke: currentColor; stroke-width: 2; }
.ja-timeline .ja-path { fill: none; stroke: currentColor; stroke-width: 1.6; opacity: .7; }
.ja-timeline .ja-wait + .ja-letter { fill: currentColor; }
.ja-timeline table { border-collapse: collapse; }
.ja-timeline td, .ja-timeline th { text-align: left; padding: 1px 8px; }
"""
_HATCH: Final = (
    "<defs><pattern id='ja-hatch' width='6' height='6' patternUnits='userSpaceOnUse' "
    "patternTransform='rotate(45)'><rect width='6' height='6' fill='#888' opacity='.18'/>"
    "<line x1='0' y1='0' x2='0' y2='6' stroke='#888' stroke-width='2'/></pattern></defs>"
)


def page_of(bars: Sequence[Bar], now: float, left_out: int) -> str:
    """Return the drawing and the table.

    Args:
        bars: The bars, with their places.
        now: The end of what goes on, in seconds since the epoch.
        left_out: The number of older jobs that are not shown.
    """
    if not bars:
        return "<p>No job was at work.</p>"
    caption = caption_of(bars, left_out)
    return (
        f"<div class='ja-timeline'><style>{_STYLE}</style><div class='ja-scroll' tabindex='0' "
        f"role='group' aria-label='{escape(caption)}'>{_drawing(bars, now, caption)}</div>"
        f"<details><summary>{escape(caption)}</summary>{_table(bars)}</details></div>"
    )


def caption_of(bars: Sequence[Bar], left_out: int) -> str:
    """Return how many jobs there are, and when."""
    if not bars:
        return "no job was at work"
    text = "1 job" if len(bars) == 1 else f"{len(bars):,} jobs"
    failed = sum(bar.state is JobState.FAILED for bar in bars)
    text += f", {failed:,} failed" if failed else ""
    text += f"; {left_out:,} older ones are left out" if left_out else ""
    first, last = min(bar.start for bar in bars), max(bar.end for bar in bars)
    return f"{text}: {_moment(first)} to {_moment(last)}"


class _Scale:
    """Places moments on the drawing."""

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, max(last, first + 0.001)
        self._per_second = (_WIDTH - _LABELS - 8) / (self.last - self.first)

    def x(self, at: float) -> float:
        return round(_LABELS + (at - self.first) * self._per_second, 2)

    def ticks(self) -> list[float]:
        """Return the moments of the axis, on whole local seconds, minutes or hours."""
        length = self.last - self.first
        step = next((step for step in _STEPS if length / step <= _MOST_TICKS), None)
        if step is None:
            step = _DAY * max(1, round(length / _DAY / _MOST_TICKS))
        offset = datetime.fromtimestamp(self.first).astimezone().utcoffset()
        shift = 0.0 if offset is None else offset.total_seconds()
        tick = (self.first + shift) // step * step - shift + step
        found: list[float] = []
        while tick <= self.last:
            found.append(tick)
            tick += step
        return found


def _drawing(bars: Sequence[Bar], now: float, caption: str) -> str:
    scale = _Scale(min(bar.start for bar in bars), max(bar.end for bar in bars))
    tops: dict[str, int] = {}
    top = _TOP
    parts: list[str] = []
    for lane, rows in lanes_of(bars).items():
        tops[lane] = top
        label = lane if len(lane) <= _LONGEST_LABEL else lane[: _LONGEST_LABEL - 1] + "…"
        parts.append(f"<text x='4' y='{top + 14}'>{escape(label) or '(none)'}</text>")
        top += rows * _ROW
        parts.append(f"<line class='ja-axis' x1='0' x2='{_WIDTH}' y1='{top}' y2='{top}'/>")
    for tick in scale.ticks():
        x = scale.x(tick)
        parts.append(f"<line class='ja-axis' x1='{x}' x2='{x}' y1='16' y2='{top}'/>")
        parts.append(f"<text x='{x}' y='12' text-anchor='middle'>{_tick_text(tick, scale)}</text>")
    if any(not bar.state.is_terminal for bar in bars):
        x = scale.x(now)
        parts.append(f"<line class='ja-now' x1='{x}' x2='{x}' y1='16' y2='{top}'/>")
    path = critical_path(bars)
    placed = [(bar, tops[bar.lane] + bar.row * _ROW + 3) for bar in bars]
    parts += (_bar(bar, top, scale, is_critical=bar.job_id in path) for bar, top in placed)
    corners = {bar.job_id: (bar, top) for bar, top in placed}
    begun = (pair for pair in pairwise(path) if corners[pair[1]][0].started is not None)
    parts += (_arrow(corners[one], corners[other], scale) for one, other in begun)
    return (
        f"<svg viewBox='0 0 {_WIDTH} {top + 4}' role='img' aria-label='{escape(caption)}'>"
        f"{_HATCH}{''.join(parts)}</svg>"
    )


def _arrow(one: tuple[Bar, int], other: tuple[Bar, int], scale: _Scale) -> str:
    x, y = scale.x(one[0].end), one[1] + _BAR // 2
    to_x, to_y = scale.x(other[0].started or other[0].start), other[1] + _BAR // 2
    bend = round(min(12.0, max(0.0, to_x - x) / 2), 2)
    curve = f"C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"
    return f"<path class='ja-path' d='M{x} {y} {curve}'/>"


def _bar(bar: Bar, top: int, scale: _Scale, *, is_critical: bool) -> str:
    rects = "".join(
        f"<rect class='{_class_of(span)}' x='{scale.x(span.start)}' y='{top}' height='{_BAR}' "
        f"width='{max(1.0, round(scale.x(span.end) - scale.x(span.start), 2))}' rx='2'/>"
        for span in bar.spans
    )
    rects += "".join(
        f"<rect class='ja-stage{' ja-odd' if number % 2 else ''}' x='{scale.x(stage.start)}' "
        f"y='{top + _BAR - 5}' height='5' "
        f"width='{max(0.5, round(scale.x(stage.end) - scale.x(stage.start), 2))}'/>"
        for number, stage in enumerate(bar.stages)
    )
    letter = _LETTERS.get(bar.state, "")
    if letter and scale.x(bar.end) - scale.x(bar.start) > _BAR:
        at = scale.x(bar.end) - 10
        rects += (
            f"<text class='ja-letter' aria-hidden='true' x='{at}' y='{top + 11}'>{letter}</text>"
        )
    kind = f"ja-{bar.state}" + (" ja-critical" if is_critical else "")
    return f"<g class='{kind}' tabindex='0'><title>{escape(_words(bar))}</title>{rects}</g>"


def _class_of(span: Span) -> str:
    if span.state is JobState.QUEUED or span.waiting is not None:
        return "ja-wait"
    return "ja-run" if span.state is JobState.RUNNING else f"ja-{span.state}"


def _words(bar: Bar) -> str:
    label = f"{bar.name} · {bar.subject}" if bar.subject else bar.name
    spans = ", ".join(f"{_span_words(span)} {_duration(span.seconds)}" for span in bar.spans)
    stages = ", ".join(f"{one.label} {_duration(one.end - one.start)}" for one in bar.stages)
    return f"{label}: {bar.state} ({spans}{'; stages: ' if stages else ''}{stages})"


def _span_words(span: Span) -> str:
    return str(span.state) if span.waiting is None else f"{span.state} for {span.waiting}"


def _table(bars: Sequence[Bar]) -> str:
    head = "".join(f"<th scope='col'>{h}</th>" for h in ("lane", "job", "state", "from", "spans"))
    rows = "".join(
        f"<tr><td>{escape(bar.lane)}</td><td>{escape(bar.name)}</td><td>{bar.state}</td>"
        f"<td>{_moment(bar.start)}</td><td>{escape(_words(bar).partition(': ')[2])}</td></tr>"
        for bar in bars
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}"


def _tick_text(at: float, scale: _Scale) -> str:
    local = datetime.fromtimestamp(at).astimezone()
    length = scale.last - scale.first
    if length > _DAY * 2:
        return f"{local:%d %b}"
    return f"{local:%H:%M:%S}" if length < _STEPS[8] * 2 else f"{local:%H:%M}"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"
