"""Errors of SQLite and the operating system, translated into errors of ours with a cure."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING, Final

from jobactors.model.errors import StoreDamaged, StoreFailed

if TYPE_CHECKING:
    from jobactors.model.errors import StoreError

SqliteTrouble: Final = (
    sqlite3.Error,
    sqlite3.Warning,
    OverflowError,
    MemoryError,
    UnicodeDecodeError,
)
"""Errors that Python's sqlite3 raises; the last where a message or a name in a file is no text."""

_ELSEWHERE: Final = "or open a file on another disk"
_FULL: Final = (
    "the disk is full",
    f"make room there (deleting old jobs and vacuum() help), {_ELSEWHERE}",
)
_READ_ONLY: Final = ("the file or its disk is read-only", f"make it writable, {_ELSEWHERE}")
_LOCKED: Final = ("another program has locked it", "close whatever else has opened the file")
_NO_ENTRY: Final = (
    "it cannot be opened",
    "see that its folder exists and may be written, or open a file elsewhere",
)
_TOO_LARGE: Final = (
    "a value is too large",
    "let the job write large results to a file, and return its path",
)
_NO_MEMORY: Final = ("there is not enough memory", "end what needs it, and try again")
_OTHER_NAME: Final = (
    "if it is in use under another name (a hard link, a mount), open it by that name; else restore "
    "a copy of it, or open another file"
)
_SHORT: Final = ("a part of it is missing", _OTHER_NAME)
_CHANGED: Final = (
    "another program has changed its tables",
    "close that program, and open the file again",
)

_WHY: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_CANTOPEN: _NO_ENTRY,
    sqlite3.SQLITE_TOOBIG: _TOO_LARGE,
    sqlite3.SQLITE_NOMEM: _NO_MEMORY,
    sqlite3.SQLITE_SCHEMA: _CHANGED,
}
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_CORRUPT_DISK: Final = sqlite3.SQLITE_IOERR | 33 << 8  # SQLITE_IOERR_CORRUPTFS

_NO_LOCKS: Final = (
    "its file system cannot lock",
    "open a file on a local disk: a network file system may need a lock service",
)
_OS_WHY: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.ENOLCK: _NO_LOCKS,
    errno.EOPNOTSUPP: _NO_LOCKS,
}


def from_sqlite(name: str, exc: BaseException) -> StoreError:
    """Return the error of ours that means the same, with a cure.

    Args:
        name: The store's name.
        exc: One of ``SqliteTrouble``.
    """
    code = getattr(exc, "sqlite_errorcode", 0)
    base = code & 0xFF
    if base in _DAMAGE or code == _CORRUPT_DISK or isinstance(exc, UnicodeDecodeError):
        return StoreDamaged(name, message_of(exc))
    if base == sqlite3.SQLITE_ERROR and str(exc).startswith("no such "):
        return StoreFailed(name, *_CHANGED)
    if code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return StoreFailed(name, *_SHORT)
    if base == sqlite3.SQLITE_IOERR:
        detail = getattr(exc, "sqlite_errorname", "SQLITE_IOERR")
        return StoreFailed(
            name, f"the disk reports {detail}", f"look after that disk, {_ELSEWHERE}"
        )
    if base in _WHY:
        return StoreFailed(name, *_WHY[base])
    if isinstance(exc, MemoryError):
        return StoreFailed(name, *_NO_MEMORY)
    if is_about_a_value(exc):
        return StoreFailed(name, *value_trouble(exc))
    return StoreFailed(name, message_of(exc), "read that message, or open another file")


def value_trouble(exc: BaseException) -> tuple[str, str]:
    """Return what is wrong with a value that was refused, and the cure."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if isinstance(exc, sqlite3.DataError | OverflowError) or code == sqlite3.SQLITE_TOOBIG:
        return _TOO_LARGE
    return message_of(exc), "report texts, and numbers that are finite"


def is_about_a_value(exc: BaseException) -> bool:
    """Whether SQLite, or Python's module for it, has refused a value: another one would do."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    return (
        isinstance(exc, sqlite3.DataError | sqlite3.InterfaceError | OverflowError)
        or code in {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT}
        or (isinstance(exc, sqlite3.ProgrammingError) and "binding" in str(exc))
    )


def from_os(name: str, exc: OSError) -> StoreFailed:
    """Return the error of ours that means the same, with a cure."""
    why, cure = _OS_WHY.get(exc.errno or 0, (message_of(exc), _NO_ENTRY[1]))
    return StoreFailed(name, why, cure)


def message_of(exc: BaseException) -> str:
    """Return an error's message as one short, printable line; a hostile file may have shaped it."""
    return one_line(str(exc), 200) or type(exc).__name__


def one_line(text: str, at_most: int) -> str:
    """Return the text without anything a terminal would obey, cut to ``at_most`` characters."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: at_most * 4])
    return " ".join(shown.split())[:at_most]
