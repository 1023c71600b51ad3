"""A SQLite connection that kills its process before or after a given statement."""

from __future__ import annotations

import os
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_connect = sqlite3.connect


class Countdown:
    """Counts the statements of this process, and strikes at one of them."""

    def __init__(self) -> None:
        self.strike_at: int | None = None
        self.before = True
        self.count = 0

    def pass_by(self, before: bool) -> None:
        """One more statement begins, or has ended."""
        self.count += before
        if self.count == self.strike_at and before is self.before:
            os.kill(os.getpid(), signal.SIGKILL)


COUNTDOWN = Countdown()


class DeadlyCursor(sqlite3.Cursor):
    """Counts what is executed."""

    def execute(self, *args: Any) -> DeadlyCursor:
        """Strike, execute, strike."""
        COUNTDOWN.pass_by(before=True)
        super().execute(*args)
        COUNTDOWN.pass_by(before=False)
        return self

    def executemany(self, sql: str, rows: Iterable[Any]) -> DeadlyCursor:
        """Strike, execute, strike."""
        COUNTDOWN.pass_by(before=True)
        super().executemany(sql, rows)
        COUNTDOWN.pass_by(before=False)
        return self


class DeadlyConnection(sqlite3.Connection):
    """Counts what is executed on it."""

    def execute(self, *args: Any) -> DeadlyCursor:
        """Execute on a cursor that counts."""
        return self.cursor(DeadlyCursor).execute(*args)

    def executemany(self, sql: str, rows: Iterable[Any]) -> DeadlyCursor:
        """Execute on a cursor that counts."""
        return self.cursor(DeadlyCursor).executemany(sql, rows)


def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
    """Open a connection that counts."""
    return _connect(*args, factory=DeadlyConnection, **kwargs)


def install() -> None:
    """Let every connection of this process count from now on."""
    sqlite3.connect = connect  # type: ignore[assignment]
