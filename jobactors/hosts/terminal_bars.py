"""The rows as bars, drawn by rich: loaded only when a terminal is there to draw into.

rich's ``Live`` draws the rows below all printed text.  Three of its habits are left out.  It hides
the cursor, and a program that is killed leaves the terminal so; here the cursor stays.  It restores
``sys.stdout`` even if another library has replaced it meanwhile; here the replacement stays.  And
it interprets ``[red]`` and emoji codes in an unfinished line; here text is text.
"""

from __future__ import annotations

import atexit
import io
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Final, cast

from rich.ansi import AnsiDecoder
from rich.console import Console, ConsoleRenderable, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from jobactors.inside.verbs.output_capture import JobStream

from .terminal_view import MARKS, Line, TerminalRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

STYLES: Final = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "retried": "yellow",
    "stuck": "red",
}

_COLUMNS: Final = (
    "label", "bar", "percent", "state", "count", "rate", "left", "elapsed", "message",
)  # fmt: skip
_DISPENSABLE: Final = ("rate", "count", "message", "left", "elapsed", "bar", "state")
"""Columns that a narrow screen leaves out, in this order."""
_SHORT_BAR: Final = 10
_LONG_BAR: Final = 24
_WIDE: Final = 80
"""Cells from which on a screen has room for a long bar."""
_SHORTEST: Final = {"label": 12, "message": 16}
"""Cells to which a column of text may shrink."""


def line_text(line: Line) -> Text:
    """Return a line with its mark, the mark in colour."""
    text = Text(f"{MARKS[line.kind]} ", style=STYLES.get(line.kind, ""))
    return text.append(line.text, style="none")


def rows_table(rows: Sequence[TerminalRow], width: int, now: float) -> Table:
    """Return the rows as an aligned table of bars, one screen line each; narrow ones show less."""
    bar_width = _SHORT_BAR if width < _WIDE else _LONG_BAR
    cells = [_cells(row, bar_width, now) for row in rows]
    widths = _fit(cells, bar_width, width)
    table = Table.grid(*(_column(name, cut) for name, cut in widths.items()), padding=(0, 1, 0, 0))
    for cells_of in cells:
        table.add_row(*(cells_of[name] or "" for name in widths))
    return table


def _cells(row: TerminalRow, bar_width: int, now: float) -> dict[str, Any]:
    cells: dict[str, Any] = {name: Text(getattr(row, name)) for name in _COLUMNS if name != "bar"}
    cells["bar"] = ProgressBar(
        total=1,
        completed=row.fraction or 0,
        width=bar_width,
        pulse=row.fraction is None and row.moves,
        animation_time=now,
    )
    return cells


def _fit(cells: Sequence[dict[str, Any]], bar_width: int, width: int) -> dict[str, int]:
    """Choose the columns that fit on a screen, and how wide each may be."""
    widths = {
        name: max((cells_of[name].cell_len for cells_of in cells), default=0)
        for name in _COLUMNS
        if name != "bar"
    }
    widths = {name: widths.get(name, bar_width) for name in _COLUMNS}  # in their order
    widths = {name: wide for name, wide in widths.items() if wide}
    leave_out = iter(_DISPENSABLE)
    while _least(widths) > width and (name := next(leave_out, None)):
        widths.pop(name, None)
    spare = width - _least(widths)
    for name in ("label", "message"):
        if name in widths:
            shortest = min(widths[name], _SHORTEST[name])
            wide = min(widths[name], shortest + max(0, spare))
            spare -= wide - shortest
            widths[name] = wide
    return widths


def _least(widths: dict[str, int]) -> int:
    """Return the cells these columns need, the gaps between them included."""
    return sum(min(wide, _SHORTEST.get(name, wide)) + 1 for name, wide in widths.items())


def _column(name: str, width: int) -> Column:
    right = name in {"percent", "count", "rate", "left", "elapsed"}
    return Column(
        justify="right" if right else "left",
        no_wrap=True,
        overflow="ellipsis",
        width=width,
        style=_COLUMN_STYLES.get(name, ""),
    )


_COLUMN_STYLES: Final = {
    "state": "yellow", "rate": "dim", "left": "dim", "elapsed": "dim", "message": "dim",
}  # fmt: skip


class BarScreen:
    """Draws bars on a terminal.  Its methods may be called from any thread.

    ``sys.stdout`` and ``sys.stderr`` are replaced from the beginning, not only while rows are
    drawn: a print that is half done when they are replaced would be torn apart.
    """

    wants_frames = True
    wants_starts = False

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, force_terminal=True, force_jupyter=False)
        self._live: Live | None = None
        self.lock: Any = threading.RLock()
        """Held while the screen is written to, by the thread that prints or paints."""
        self._above: list[tuple[Any, str, _Above]] = []
        for holder, name in (_place_of("stdout"), _place_of("stderr")):
            present = getattr(holder, name)
            if present is not None and not isinstance(present, _Above) and present.isatty():
                above = _Above(present, self)
                self._above.append((holder, name, above))
                setattr(holder, name, above)
        atexit.register(self._end_at_exit)

    @property
    def is_live(self) -> bool:
        """Whether rows are drawn at this moment."""
        return self._live is not None

    @property
    def most_rows(self) -> int:
        """The number of rows that fit, with a line for the footer and one for the cursor."""
        return max(1, self._console.size.height - 2)

    def paint(
        self, lines: Sequence[Line], rows: Sequence[TerminalRow], footer: str, now: float
    ) -> None:
        """Print the lines, and draw the rows anew below them; without rows, draw nothing."""
        with self.lock:
            if rows and self._live is None:
                self._begin()
            for line in lines:
                self._console.print(line_text(line), soft_wrap=True)
            if not rows:
                self._take_rows_off()
            elif self._live is not None:
                self._live.update(self._frame(rows, footer, now), refresh=True)

    def _frame(self, rows: Sequence[TerminalRow], footer: str, now: float) -> ConsoleRenderable:
        table = rows_table(rows, self._console.size.width, now)
        return Group(table, Text(footer, style="dim", no_wrap=True)) if footer else table

    def print_above(self, text: Text) -> None:
        """Print whole lines above the rows."""
        self._console.print(text, soft_wrap=True)

    def end(self) -> None:
        """Take the rows off the screen and give the streams back; what was printed stays."""
        with self.lock:
            self._take_rows_off()
            for holder, name, above in self._above:
                if getattr(holder, name) is above:  # else it was replaced again, on top of us
                    setattr(holder, name, above.stream)
            self._above.clear()
        atexit.unregister(self._end_at_exit)

    def _begin(self) -> None:
        for _, _, above in self._above:
            above.before_rows()
        self._live = Live(
            console=self._console,
            auto_refresh=False,  # no thread of its own
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        self._console.show_cursor(True)

    def _take_rows_off(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.update("")
            live.stop()
            for _, _, above in self._above:
                above.after_rows()

    def _end_at_exit(self) -> None:
        """Leave a clean terminal if the program ends in the middle of a job; never wait for it."""
        # The lock may be held by a thread that runs no more.
        if self.lock.acquire(timeout=1):
            try:
                self.end()
            finally:
                self.lock.release()


def _place_of(name: str) -> tuple[Any, str]:
    """Return the place at which to replace a stream: beneath the capture of jobs' prints."""
    # Otherwise a job's log would hold the rows that are drawn anew for each of its lines.
    stream = getattr(sys, name)
    return (stream, "stream") if isinstance(stream, JobStream) else (sys, name)


class _Above(io.TextIOBase):
    """Replaces ``sys.stdout``: passes text on; while rows are drawn, whole lines go above them.

    A reference that was taken to it stays usable after the end, and passes text on.  Written under
    the screen's lock: two locks could be taken in two orders.
    """

    def __init__(self, stream: TextIO, screen: BarScreen) -> None:
        self.stream = stream
        self._screen = screen
        self._decoder = AnsiDecoder()
        self._rest = ""
        """The beginning of a line, held back while rows are drawn."""
        self._in_line = False
        """Whether the cursor stands behind the beginning of a line."""
        self._torn = False
        """Whether that line was ended for the rows' sake, so that its own end is one too many."""

    def write(self, text: str) -> int:
        """Print; while rows are drawn, the lines that are complete now, and the rest later."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._screen.lock:
            if text and self._torn:
                self._torn, text = False, text.removeprefix("\n")
            if self._screen.is_live:
                *lines, self._rest = f"{self._rest}{text}".split("\n")
                self._print(lines)
            elif text:
                self.stream.write(text)
                self._in_line = not text.endswith("\n")
        return len(text)

    def flush(self) -> None:
        """Show an unfinished line, such as the question of ``input()``."""
        with self._screen.lock:
            if self._screen.is_live and self._rest:
                rest, self._rest = self._rest, ""
                self._print([rest])
        self.stream.flush()

    def _print(self, lines: list[str]) -> None:
        if lines:
            decoded = (self._decoder.decode_line(line) for line in lines)
            self._screen.print_above(Text("\n").join(decoded))

    def before_rows(self) -> None:
        """Prepare for rows: they begin on a line of their own."""
        if self._in_line:
            self.stream.write("\n")
            self._in_line, self._torn = False, True
        self.stream.flush()

    def after_rows(self) -> None:
        """Print an unfinished line in its place, now that no rows are drawn."""
        rest, self._rest = self._rest, ""
        if rest:
            self.stream.write(rest)
            self._in_line = True
        self.stream.flush()

    def fileno(self) -> int:
        """Return the terminal's own descriptor."""
        return self.stream.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal: as the stream below."""
        return self.stream.isatty()

    def writable(self) -> bool:
        """Return True."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The terminal's encoding."""
        return self.stream.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def bar_screen(stream: IO[str]) -> BarScreen:
    """Open a screen on a terminal's stream."""
    return BarScreen(cast("TextIO", stream))
