"""Writes the text of many jobs to one stream, without two of them on one line.

A ``print`` writes its text and its line end one after the other, and jobs that print at once would
join their lines.  So the text of a job is held back until its line is complete, as a terminal holds
back what is typed; a ``flush`` writes the beginning of a line, and so does the end of the job.  If
another one writes then, that line is ended first.
"""

from __future__ import annotations

import threading
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM: Final = ""
"""The program outside of jobs: its text is passed on at once."""


class WholeLines:
    """Writes to one stream, from any thread.

    Args:
        stream: Returns the stream, which may be replaced; its own errors are raised to the speaker.
    """

    def __init__(self, stream: Callable[[], IO[str]]) -> None:
        self._stream = stream
        # Reentrant: a finalizer of the user's may print in the middle of a print.
        self._lock = threading.RLock()
        self._rests: dict[str, str] = {}
        """The beginnings of lines that are held back, by speaker."""
        self._in_line_of: str | None = None
        """Whose line is not complete on the stream."""

    def write(self, speaker: str, text: str) -> None:
        """Write the lines that are complete now, and the rest later.

        Args:
            speaker: A job's id, or :data:`PROGRAM`.
            text: Any text.
        """
        with self._lock:
            if speaker != PROGRAM:
                lines, end, rest = f"{self._rests.pop(speaker, '')}{text}".rpartition("\n")
                if rest:
                    self._rests[speaker] = rest
                text = lines + end
            self._put(speaker, text)

    def flush(self, speaker: str) -> None:
        """Write the beginning of the speaker's line."""
        if speaker in self._rests:
            with self._lock:
                self._put(speaker, self._rests.pop(speaker, ""))

    def _put(self, speaker: str, text: str) -> None:
        if not text:
            return
        stream = self._stream()
        if self._in_line_of not in {None, speaker}:
            self._in_line_of = None
            stream.write("\n")
        stream.write(text)
        self._in_line_of = None if text.endswith("\n") else speaker
