"""Schedules, templates and metrics as lines of a table, no longer than the terminal is wide.

Below 72 columns each has two lines.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from jobactors.engine.api.schedule import standing_of
from jobactors.hosts.terminal_text import safe, span
from jobactors.model.schedule_state import ScheduleState

from .tables import NARROW, fitted, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Plain = Mapping[str, Any]

_MINUTE: Final = 60.0
_HEAD: Final = ("", "ended", "failed", "cancelled", "run p50", "run p99", "longest", "waited")


def schedule_lines(found: Sequence[Plain], width: int) -> list[str]:
    """Return the lines of schedules, the one that is due next first."""
    states = [msgspec.convert(one, ScheduleState) for one in found]
    rows = [(one.name, _rule(one), standing_of(one)) for one in states]
    return _lines(rows, width) or ["there are no schedules"]


def template_lines(found: Sequence[Plain], width: int) -> list[str]:
    """Return the lines of templates, with their job type and arguments."""
    rows = [(one["name"], _call(one), one["problem"]) for one in found]
    return _lines(rows, width) or ["there are no templates"]


def metric_lines(found: Sequence[Plain], width: int) -> list[str]:
    """Return the lines of metrics, a job type each."""
    if not found:
        return ["no job has ended"]
    rows = [(safe(one["of"]), *_numbers(one)) for one in found]
    if width < NARROW:
        return [
            line for one, row in zip(found, rows, strict=True) for line in _two(one, row, width)
        ]
    table = [_HEAD, *rows]
    widths = [max(width_of(row[place]) for row in table) for place in range(1, len(_HEAD))]
    first = max(
        8, min(width - sum(widths) - 2 * len(widths), max(width_of(row[0]) for row in rows))
    )
    return [
        "  ".join([fitted(row[0], first), *map(str.rjust, row[1:], widths)]).rstrip()
        for row in table
    ]


def _lines(rows: Sequence[tuple[str, str, str]], width: int) -> list[str]:
    shown = [tuple(safe(text) for text in row) for row in rows]
    if width < NARROW:
        pairs = ((name, "; ".join(filter(None, rest))) for name, *rest in shown)
        return [
            line.rstrip()
            for name, rest in pairs
            for line in (fitted(name, width), f"  {fitted(rest, width - 2)}")
        ]
    names = min(max((width_of(row[0]) for row in shown), default=0), width // 3)
    seconds = min(max((width_of(row[1]) for row in shown), default=0), width // 2 - 4)
    rest = width - names - seconds - 4
    return [
        f"{fitted(one, names)}  {fitted(two, seconds)}  {fitted(three, rest)}".rstrip()
        for one, two, three in shown
    ]


def _rule(state: ScheduleState) -> str:
    return f"{state.rule} ({state.zone})" if state.zone else state.rule


def _call(template: Plain) -> str:
    given = template["arguments"].items()
    return f"{template['type']}({', '.join(f'{name}={json.dumps(v)}' for name, v in given)})"


def _numbers(row: Plain) -> tuple[str, ...]:
    waited = sum(
        value
        for name, value in row.items()
        if name.startswith("wait_") and name.endswith("_total") and value
    )
    counts = (f"{row[name]:,}" for name in ("ended", "failed", "cancelled"))
    times = (row["run_p50"], row["run_p99"], row["run_longest"], waited)
    return (*counts, *map(_time, times))


def _two(row: Plain, cells: tuple[str, ...], width: int) -> tuple[str, str]:
    ended, failed, _, middle, slowest, *_ = cells[1:]
    told = f"{ended} ended" + (f", {failed} failed" if row["failed"] else "")
    if row["run_count"]:
        told += f"; {middle}, p99 {slowest}"
    return fitted(cells[0], width).rstrip(), f"  {fitted(told, width - 2)}".rstrip()


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < _MINUTE else span(seconds)
