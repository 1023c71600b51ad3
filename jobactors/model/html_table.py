"""A small HTML table, for values that are shown by a notebook.  Pure.

Every text is escaped: a job's name is never a part of the page.  Characters that reorder the text
around them are replaced.  The table is saved with the notebook, so no arguments, results, logs and
messages of errors belong into it.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST: Final = 200
"""Characters of a cell."""
MOST_ROWS: Final = 100
_STEERS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def html_table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of escaped texts; of more than a hundred rows the first ones.

    Args:
        caption: The line above it.
        headings: The names of the columns.
        rows: The cells of each row.
    """
    every = list(rows)
    if len(every) > MOST_ROWS:
        caption = f"{caption}, the first {MOST_ROWS} shown"
    lines = [_line("td", row) for row in every[:MOST_ROWS]]
    table = "".join([_line("th", headings), *lines]) if every else ""
    return f"<table><caption>{_cell(caption)}</caption>{table}</table>"


def _line(tag: str, values: Sequence[object]) -> str:
    cells = [f'<{tag} style="text-align:left">{_cell(value)}</{tag}>' for value in values]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(value: object) -> str:
    try:
        text = value if type(value) is str else str(value)
    except Exception:  # a name may be any object of the user's
        text = "?"
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 1]}…"
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return escape(_STEERS.sub("\N{REPLACEMENT CHARACTER}", valid))


def counted(number: int, word: str) -> str:
    """Format "1 job", "3 jobs"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def clock_text(seconds: float | None) -> str:
    """Format a length of time: 0:07, 12:05, 3:00:00; empty for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
