"""The log of a job: lines of text, bounded, with a count of what was cut."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from .field_docs import documented

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_LINE: Final = 10_000


@documented
class LogLine(Struct, frozen=True):
    """One line a job wrote."""

    at: float
    """The time of its completion, in seconds since the epoch."""
    source: str
    """"out", "err", or a logging level such as "WARNING"."""
    text: str
    """The line without its end, at most 10,000 characters."""


class Log:
    """The newest lines of a job, at most ``limit`` bytes of text.

    Output for a terminal is made lines of a log: a carriage return overwrites the line so far, as
    it would on a screen.  Each writer's lines stay in order; a single ``append`` of a deque is all
    that threads share.
    """

    __slots__ = ("_bytes", "_lines", "_partial", "cut", "limit", "total")

    def __init__(self, limit: int) -> None:
        self.limit: int = limit
        self.total: int = 0
        """Lines ever written."""
        self.cut: int = 0
        """Lines that were dropped, oldest first, to stay within the limit."""
        self._lines: deque[LogLine] = deque()
        self._bytes = 0
        self._partial: dict[str, str] = {}

    @property
    def size(self) -> int:
        """Bytes of the text of the lines that are left."""
        return self._bytes

    @property
    def held(self) -> int:
        """The number of lines that are left."""
        return len(self._lines)

    def write(self, text: str, source: str, at: float) -> bool:
        """Add text as it was printed; return whether a line was completed."""
        text = self._partial.pop(source, "") + text
        *lines, rest = text.split("\n")
        if rest:
            self._partial[source] = rest[-LONGEST_LINE:]
        for line in lines:
            self.add(line, source, at)
        return bool(lines)

    def add(self, line: str, source: str, at: float) -> None:
        """Add one line."""
        line = line.rstrip("\r").rsplit("\r", 1)[-1]
        if len(line) > LONGEST_LINE:
            line = f"{line[:LONGEST_LINE]} … {len(line) - LONGEST_LINE} characters cut"
        self._lines.append(LogLine(at, source, line))
        self.total += 1
        self._bytes += len(line) + 1
        while self._bytes > self.limit and self._lines:
            self._bytes -= len(self._lines.popleft().text) + 1
            self.cut += 1

    def finish(self, at: float) -> None:
        """Complete the last lines, which were printed without an end, when the job has ended."""
        for source, rest in list(self._partial.items()):
            self.add(rest, source, at)
        self._partial.clear()

    def lines(self, since: int = 0) -> list[LogLine]:
        """Return the lines that are left, without the first ``since`` of all ever written."""
        kept = list(self._lines)
        first = self.total - len(kept)
        return kept[max(0, since - first) :]


def as_text(lines: Iterable[LogLine]) -> str:
    """Return the lines as one text."""
    return "".join(f"{line.text}\n" for line in lines)
