"""The file and the log that a store has open, compared with those that lie on the disk now.

A store writes for days.  Meanwhile a person may move its file, another program may take the log
away at its end, and a clean-up script may cut either.  SQLite notices none of that: it goes
on with what it has open, and what it writes is lost.  So both are looked at, by their identity and
by the size of the log, which only SQLite itself makes smaller.

A log that has become shorter is not always cut: another program may have written all of it back
into the file, and emptied it.  The index in shared memory has the number of all frames, and of
those that are in the file.
"""

from __future__ import annotations

import os
import struct
import time
from math import inf
from typing import TYPE_CHECKING, Final, final

from jobactors.model.errors import StoreFailed

if TYPE_CHECKING:
    from pathlib import Path

Identity = tuple[int, int]
LOOK_EVERY: Final = 1.0
"""Seconds between two checks that the file is still the one that was opened."""

# Of SQLite's file format: the log's header, and what stands before each page in it.
_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_INDEX: Final = struct.Struct("=14xHI")  # the size of a page, and the number of frames
_WRITTEN_BACK: Final = struct.Struct("=96xI")
_INDEX_SIZE: Final = 100
_descriptors: Final[list[int]] = []
"""Of indices that were read.  Never closed: that would drop SQLite's own locks on them."""


@final
class OpenFiles:
    """The file and the log of one open store.

    Args:
        path: The file, an absolute path.
        name: The store's name in errors.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._path = os.fsencode(path)
        self._log_path = os.fsencode(f"{path}-wal")
        self._index_path = os.fsencode(f"{path}-shm")
        self._file = _identity(self._path)
        self._log: Identity | None = None
        self._log_size = 0
        self._looked_at = -inf
        self.is_cut: bool = False
        """Whether the log was found cut: SQLite must not write it back into the file."""
        self.note_connection()

    def note_connection(self) -> None:
        """Remember the log of a new connection."""
        self._log, self._log_size = _status(self._log_path)

    def note_commit(self) -> None:
        """Remember how long the log is after a commit of our own."""
        self._log_size = _status(self._log_path)[1]

    def is_log_ours(self) -> bool:
        """Whether the log is still the one that the connection has open, and whole.

        Raises:
            StoreFailed: if another program has cut it.
        """
        if self.is_cut:
            raise self._cut()
        log, size = _status(self._log_path)
        if log != self._log:
            return False
        if size >= self._log_size:
            return True
        missing = _missing_frames(self._index_path, size)
        if missing:
            self.is_cut = True
            raise self._cut()
        self._log_size = size
        return missing is not None

    def check_file_now_and_then(self) -> None:
        """Raise if the file is another one than was opened; looks once a second at most.

        Raises:
            StoreFailed: see :meth:`check_file`.
        """
        now = time.monotonic()
        if now - self._looked_at > LOOK_EVERY:
            self.check_file()
            self._looked_at = now

    def check_file(self) -> None:
        """Raise if the file is another one than was opened.

        Raises:
            StoreFailed: the message has the cure.
        """
        if _identity(self._path) != self._file:
            raise StoreFailed(
                self._name,
                "its file was moved, replaced or deleted",
                "put it back, or end this job system and open another one",
            )

    def _cut(self) -> StoreFailed:
        return StoreFailed(
            self._name,
            "its log was cut by another program, and with it the last changes",
            "end this job system and open it again: the changes before the cut are there",
        )


def _missing_frames(index_path: bytes, size: int) -> int | None:
    """Return how many frames both the log and the file lack; None if only the log lacks some."""
    # None: the file has them all, so that a new log may be begun.
    try:
        fd = os.open(index_path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        _descriptors.append(fd)
        index = os.pread(fd, _INDEX_SIZE, 0)
        page, frames = _INDEX.unpack_from(index)
        (written_back,) = _WRITTEN_BACK.unpack_from(index)
    except (OSError, struct.error, AttributeError):  # no index, as on a network's disk
        return 1
    page_size = 65_536 if page == 1 else page
    whole = max(0, size - _LOG_HEADER) // (_FRAME_HEADER + page_size)
    if whole >= frames:
        return 0
    return None if written_back >= frames else int(frames - whole)


def _identity(path: bytes) -> Identity | None:
    return _status(path)[0]


def _status(path: bytes) -> tuple[Identity | None, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - before every change: no Path is made for it
    except OSError:
        return None, 0
    return (status.st_dev, status.st_ino), status.st_size
