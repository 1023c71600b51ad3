"""A store that fails on command, in the way a real disk does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import jobactors as ja
from jobactors.stores.failures import from_sqlite

if TYPE_CHECKING:
    from pathlib import Path

    from jobactors.model.stored_rows import (
        CheckpointRow,
        DocumentRow,
        EventRow,
        JobRow,
        OccurrenceRow,
        Write,
    )

Fault = Callable[[str], Exception]
"""Makes the error, given the store's name."""


def _fault(code: int, name: str) -> Fault:
    def make(store: str) -> Exception:
        exc = sqlite3.OperationalError(name)
        exc.sqlite_errorcode, exc.sqlite_errorname = code, name
        return from_sqlite(store, exc)

    return make


disk_full = _fault(sqlite3.SQLITE_FULL, "SQLITE_FULL")
locked = _fault(sqlite3.SQLITE_BUSY, "SQLITE_BUSY")
io_error = _fault(sqlite3.SQLITE_IOERR | 3 << 8, "SQLITE_IOERR_WRITE")
read_only = _fault(sqlite3.SQLITE_READONLY, "SQLITE_READONLY")
damaged = _fault(sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT")


class FaultyStore:
    """A store in which some calls of ``apply`` fail, and write nothing.

    Args:
        inner: The store of the rest; default: a MemoryStore.
        faults: The fault of the n-th apply, counted from 1.

    Example::

        store = FaultyStore(faults={3: disk_full})
        store.fault = locked  # from now on, until it is None again
    """

    in_loop: ClassVar[bool] = True

    def __init__(
        self, inner: ja.Store | None = None, faults: Mapping[int, Fault] | None = None
    ) -> None:
        self.inner: ja.Store = inner or ja.MemoryStore()
        self.faults = dict(faults or {})
        self.fault: Fault | None = None
        """The fault of every apply."""
        self.applies = 0
        """The number of calls, those that failed too."""

    @property
    def name(self) -> str:
        """The inner one's."""
        return self.inner.name

    @property
    def work_folder(self) -> Path | None:
        """The inner one's."""
        return self.inner.work_folder

    def open(self, patience: float = 0.0) -> int:
        """Open the inner one."""
        return self.inner.open(patience)

    def close(self) -> None:
        """Close the inner one."""
        self.inner.close()

    def apply(self, writes: Sequence[Write]) -> None:
        """Fail if it is time to, otherwise write."""
        self.applies += 1
        fault = self.faults.get(self.applies, self.fault)
        if fault is not None:
            raise fault(self.name)
        self.inner.apply(writes)

    def unfinished(self) -> list[JobRow]:
        """As the inner store."""
        return self.inner.unfinished()

    def finished(
        self,
        limit: int = 50,
        *,
        since: float | None = None,
        states: Iterable[ja.JobState] | None = None,
        type: str | None = None,
        subject: str | None = None,
    ) -> list[JobRow]:
        """As the inner store."""
        return self.inner.finished(limit, since=since, states=states, type=type, subject=subject)

    def get(self, job_ids: Iterable[str]) -> list[JobRow]:
        """As the inner store."""
        return self.inner.get(job_ids)

    def events(self, job_id: str) -> list[EventRow]:
        """As the inner store."""
        return self.inner.events(job_id)

    def checkpoints(self) -> list[CheckpointRow]:
        """As the inner store."""
        return self.inner.checkpoints()

    def documents(self, kind: str) -> list[DocumentRow]:
        """As the inner store."""
        return self.inner.documents(kind)

    def occurrences(self, schedule: str, limit: int = 50) -> list[OccurrenceRow]:
        """As the inner store."""
        return self.inner.occurrences(schedule, limit)

    def prune(self, now: float, at_most: int = 500) -> int:
        """Prune the inner one."""
        return self.inner.prune(now, at_most)

    def vacuum(self) -> None:
        """Vacuum the inner one."""
        self.inner.vacuum()


class FaultyFile(FaultyStore):
    """The same around a store that takes time."""

    in_loop: ClassVar[bool] = False
