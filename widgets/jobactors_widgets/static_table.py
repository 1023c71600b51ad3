"""Renders jobs as a plain table, for places where no widget runs: GitHub, nbviewer, nbconvert.

It is saved with the notebook, so it shows no arguments, no logs, no results, and of an error only
the type's name.  Text that runs from right to left is isolated by characters, not by elements,
which some of these places take away.
"""

from __future__ import annotations

import re
import time
from html import escape
from typing import TYPE_CHECKING, Final

import jobactors as ja

from .wire import LONGEST_MESSAGE, LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

Shown = ja.JobSnapshot | ja.BatchSnapshot
"""The kinds of thing that have a row."""
MOST_ROWS: Final = 50
_ISOLATE: Final = "\u2068"
_END: Final = "\u2069"
_STEERS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")  # reorders the text around it
_RIGHT_TO_LEFT: Final = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
HEADINGS: Final = ("job", "state", "progress", "elapsed", "message")


def html_table(snapshots: Sequence[Shown], now: float) -> str:
    """Return the newest fifty of ``snapshots`` as one escaped HTML table without script."""
    shown = snapshots[-MOST_ROWS:]
    head = "".join(f'<th style="text-align:left">{heading}</th>' for heading in HEADINGS)
    body = "".join(_html_row(_cells(snapshot, now)) for snapshot in shown)
    caption = escape(_caption(snapshots, len(shown), now))
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def text_table(snapshots: Sequence[Shown], now: float) -> str:
    """Return the same table as plain text, its columns aligned."""
    shown = snapshots[-MOST_ROWS:]
    rows = [[_one_line(cell) for cell in _cells(snapshot, now)] for snapshot in shown]
    widths = [max(map(_width, column)) for column in zip(HEADINGS, *rows, strict=True)]
    lines = (
        "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True))
        for row in [list(HEADINGS), *rows]
    )
    return "\n".join([_caption(snapshots, len(shown), now), *map(str.rstrip, lines)])


def _html_row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _caption(snapshots: Sequence[Shown], shown: int, now: float) -> str:
    jobs = ja.lowlevel.summary(snapshots) or "No jobs"
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    newest = "" if shown == len(snapshots) else f", the newest {shown} shown"
    return f"{jobs}, at {at}{newest}"


def _cells(shown: Shown, now: float) -> tuple[str, ...]:
    percent = shown.progress.percent
    name = shown.name if isinstance(shown, ja.BatchSnapshot) else shown.info.label_to_save
    label = (_isolated(text, LONGEST_NAME) for text in (name, shown.subject) if text)
    return (
        " · ".join(label),
        _state(shown),
        "" if percent is None else f"{percent} %",
        _duration(shown.elapsed(now)),
        _isolated(_message(shown), LONGEST_MESSAGE),
    )


def _message(shown: Shown) -> str:
    if isinstance(shown, ja.JobSnapshot):
        return shown.progress.message
    unwell = (ja.JobState.FAILED, ja.JobState.CANCELLED, ja.JobState.INTERRUPTED)
    counts = [f"{shown.by_state[state]} {state}" for state in unwell if shown.by_state[state]]
    return " · ".join(filter(None, [shown.counted, *counts, shown.cut_off]))


def _state(snapshot: Shown) -> str:
    if isinstance(snapshot, ja.BatchSnapshot):
        error = snapshot.error
        failed = "" if error is None else f" ({_isolated(error.type, LONGEST_NAME)})"
        return f"{snapshot.state}{failed}"
    state = "stuck" if snapshot.stuck else snapshot.state.value
    if snapshot.error is not None:
        return f"{state} ({_isolated(snapshot.error.type, LONGEST_NAME)})"
    if snapshot.waits_for:
        turn = "its turn at " if snapshot.waiting is ja.Waiting.RATE else ""
        names = _isolated(", ".join(snapshot.waits_for), LONGEST_NAME)
        return f"{state} (waits for {turn}{names})"
    return f"{state} ({snapshot.waiting.value})" if snapshot.waiting else state


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _isolated(text: str, longest: int) -> str:
    """Return a text of a job, of either direction, so that the text around it stays in order."""
    safe = safe_text(text, longest)
    plain = _STEERS.sub("\N{REPLACEMENT CHARACTER}", safe)
    return f"{_ISOLATE}{plain}{_END}" if _RIGHT_TO_LEFT.search(plain) else plain


def _width(text: str) -> int:
    return len(text) - text.count(_ISOLATE) - text.count(_END)


def _one_line(text: str) -> str:
    return " ".join(text.split())
