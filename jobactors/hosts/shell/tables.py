"""Jobs as lines of a table for a person, or as JSON for a program.

Nothing that a job says acts on the terminal: its texts go through :func:`safe`.  Below 72 columns
each job has two lines, so that its id can still be copied whole.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from jobactors.hosts.terminal_text import first_line, safe, span
from jobactors.model.states import JobState

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from jobactors.model.snapshot import JobSnapshot

NARROW: Final = 72
"""Columns below which a job has two lines."""
_SIGNS: Final = {
    "queued": "·", "running": "▸", "paused": "⏸", "cancelling": "…", "interrupted": "◦",
    "succeeded": "✓", "failed": "✗", "cancelled": "–",
}  # fmt: skip


def is_for_people(given: argparse.Namespace) -> bool:
    """Whether the output is a table: as was asked for, or else if it goes to a terminal."""
    return given.form == "table" or (given.form is None and sys.stdout.isatty())


def put(text: str = "") -> None:
    """Print one line of the answer; its characters are what the terminal can show."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "replace").decode(encoding)
    print(shown)  # noqa: T201 - a command line's answer


def put_json(value: Mapping[str, object]) -> None:
    """Print one object as a line of JSON."""
    print(json.dumps(value, ensure_ascii=True))  # noqa: T201


def columns() -> int:
    """Return the width of the terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def width_of(text: str) -> int:
    """Return the cells of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def fitted(text: str, width: int) -> str:
    """Return a text cut or filled up to ``width`` cells."""
    if width <= 0:
        return ""
    if width_of(text) > width:
        cut = ""
        for one in text:
            if width_of(cut + one) > width - 1:
                break
            cut += one
        text = f"{cut}…"
    return text + " " * (width - width_of(text))


def job_lines(snapshots: Iterable[JobSnapshot], now: float, width: int) -> list[str]:
    """Return the lines of a table of jobs, no longer than ``width``."""
    shown = [_Cells(snapshot, now) for snapshot in snapshots]
    if width < NARROW:
        return [line for cells in shown for line in cells.two_lines(width)]
    ids = min(max((width_of(cells.id) for cells in shown), default=0), width // 3)
    words = max((width_of(cells.state) for cells in shown), default=0)
    return [cells.one_line(width, ids, words) for cells in shown]


class _Cells:
    """The texts of one row."""

    def __init__(self, snapshot: JobSnapshot, now: float) -> None:
        self.id = safe(snapshot.id)
        self.state = str(snapshot.state)
        self.sign = _SIGNS.get(self.state, "?")
        percent = snapshot.progress.percent
        is_open = not snapshot.state.is_terminal
        self.percent = f"{percent} %" if percent is not None and is_open else ""
        about = f" · {safe(snapshot.subject)}" if snapshot.subject else ""
        self.name = f"{first_line(snapshot.name)}{about}"
        self.more = _more(snapshot)
        self.age = f"{span(max(0.0, now - snapshot.changed_at))} ago"

    def one_line(self, width: int, ids: int, words: int) -> str:
        left = (
            f"{self.sign} {fitted(self.state, words)} {self.percent:>5}  {fitted(self.id, ids)}  "
        )
        rest = width - width_of(left) - 15
        text = f"{self.name}  {self.more}" if self.more else self.name
        return f"{left}{fitted(text, rest)} {self.age:>14}".rstrip()

    def two_lines(self, width: int) -> list[str]:
        head = f"{self.sign} {self.name}"
        tail = " ".join(filter(None, (self.state, self.percent)))
        room = width - width_of(tail) - 1
        return [f"{fitted(head, room)} {tail}"[:width], f"  {fitted(self.id, width - 2)}".rstrip()]


def _more(snapshot: JobSnapshot) -> str:
    if snapshot.error is not None and snapshot.state is JobState.FAILED:
        return first_line(str(snapshot.error))
    if snapshot.state.is_terminal or snapshot.state is JobState.INTERRUPTED:
        return first_line(snapshot.reason or "")
    if snapshot.waiting is not None:
        why = first_line(snapshot._why_none_begins)
        return f"waits: {snapshot.waiting}: {why}" if why else f"waits: {snapshot.waiting}"
    return first_line(snapshot.progress.message)


def fact_lines(facts: Iterable[tuple[str, Any]], width: int) -> list[str]:
    """Return one line for each fact that there is, its name before it; a long text has several."""
    known = [(name, str(value)) for name, value in facts if value not in (None, "", (), [], {})]
    names = max((len(name) for name, _ in known), default=0)
    lines: list[str] = []
    for name, value in known:
        texts = [safe(line) for line in value.splitlines()] or [""]
        if len(texts) == 1:  # a traceback is left as it is, to be copied
            texts = wrapped(texts[0], width - names - 2)
        lines += [
            f"{name if not place else '':<{names}}  {text}" for place, text in enumerate(texts)
        ]
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines of so many cells, broken between words where that is possible."""
    lines = [""]
    for word in re.findall(r"\S+\s*|\s+", text):
        if width_of(lines[-1] + word.rstrip()) <= width:
            lines[-1] += word
            continue
        lines.append("")
        for one in word:
            if width_of(lines[-1] + one) > max(width, 2):
                lines.append("")
            lines[-1] += one
    return [line.rstrip() for line in lines if line] or [""]
