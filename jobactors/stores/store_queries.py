"""The reading half of a store in a file: what the protocol asks, each as one query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from .row_reader import Reader

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from jobactors.model.states import JobState
    from jobactors.model.stored_rows import (
        CheckpointRow,
        DocumentRow,
        EventRow,
        JobRow,
        OccurrenceRow,
    )

_T = TypeVar("_T")


class StoreQueries(ABC):
    """Reads rows through a connection of the store's own.

    Args:
        name: The store's name in warnings.
    """

    def __init__(self, name: str) -> None:
        self._reader = Reader(name)

    @abstractmethod
    def _read(self, ask: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return what a query finds; errors of SQLite are translated."""

    def unfinished(self) -> list[JobRow]:
        """Return all jobs that have not ended, in the order of submission."""
        return self._read(self._reader.unfinished)

    def finished(
        self,
        limit: int = 50,
        *,
        since: float | None = None,
        states: Iterable[JobState] | None = None,
        type: str | None = None,
        subject: str | None = None,
    ) -> list[JobRow]:
        """Return the ended jobs that match all arguments, newest end first."""
        return self._read(
            lambda connection: self._reader.finished(
                connection, limit, since=since, states=states, type=type, subject=subject
            )
        )

    def get(self, job_ids: Iterable[str]) -> list[JobRow]:
        """Return the rows of these jobs, each once, in the order of the ids."""
        return self._read(lambda connection: self._reader.get(connection, job_ids))

    def events(self, job_id: str) -> list[EventRow]:
        """Return a job's event log, oldest first."""
        return self._read(lambda connection: self._reader.events(connection, job_id))

    def checkpoints(self) -> list[CheckpointRow]:
        """Return all checkpoints, the one saved longest ago first."""
        return self._read(self._reader.checkpoints)

    def documents(self, kind: str) -> list[DocumentRow]:
        """Return all documents of a kind, in the order in which they came."""
        return self._read(lambda connection: self._reader.documents(connection, kind))

    def occurrences(self, schedule: str, limit: int = 50) -> list[OccurrenceRow]:
        """Return the last occurrences of a schedule, the newest first."""
        return self._read(lambda connection: self._reader.occurrences(connection, schedule, limit))
