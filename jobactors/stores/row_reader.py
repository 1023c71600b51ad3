"""Queries on a file, whose rows are checked one by one."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from jobactors.inside.report.guarded_log import LOG

from .failures import one_line
from .rows import (
    CHECKPOINT_COLUMNS,
    DOCUMENT_COLUMNS,
    EVENT_COLUMNS,
    JOB_COLUMNS,
    OCCURRENCE_COLUMNS,
    BadRow,
    bindable,
    read_checkpoint,
    read_document,
    read_event,
    read_job,
    read_occurrence,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from jobactors.model.states import JobState
    from jobactors.model.stored_rows import (
        CheckpointRow,
        DocumentRow,
        EventRow,
        JobRow,
        OccurrenceRow,
    )

    from .rows import Values

_T = TypeVar("_T")
_NAMED_AT_MOST: Final = 10

# Every word of these is ours; values are bound.
_UNFINISHED: Final = "FROM jobs WHERE finished_at IS NULL ORDER BY seq"
_NEWEST_UNFINISHED: Final = "FROM jobs WHERE finished_at IS NULL ORDER BY seq DESC LIMIT ?"
_NEWEST: Final = "ORDER BY finished_at DESC, seq DESC LIMIT ?"
_ONE_JOB: Final = "FROM jobs WHERE id = ?"
_LOG: Final = "FROM events WHERE job = (SELECT seq FROM jobs WHERE id = ?) ORDER BY seq"
_OLDEST: Final = "FROM checkpoints ORDER BY saved_at, seq"
_OF_A_KIND: Final = "FROM documents WHERE kind = ? ORDER BY seq"
_OF_A_SCHEDULE: Final = "FROM occurrences WHERE schedule = ? ORDER BY at DESC LIMIT ?"


@final
class Reader:
    """Reads rows, leaves out those that make no sense, and warns once for each of them.

    Args:
        name: The store's name in warnings.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: set[tuple[str, int]] = set()

    def unfinished(self, connection: sqlite3.Connection) -> list[JobRow]:
        """Return all jobs that have not ended, in the order of submission."""
        return self._rows(connection, "jobs", JOB_COLUMNS, _UNFINISHED, (), read_job)

    def newest_unfinished(self, connection: sqlite3.Connection, limit: int) -> list[JobRow]:
        """Return the newest jobs that have not ended, in the order of submission."""
        rows = self._rows(connection, "jobs", JOB_COLUMNS, _NEWEST_UNFINISHED, (limit,), read_job)
        return rows[::-1]

    def finished(
        self,
        connection: sqlite3.Connection,
        limit: int,
        *,
        since: float | None,
        states: Iterable[JobState] | None,
        type: str | None,
        subject: str | None,
    ) -> list[JobRow]:
        """Return the ended jobs that match all arguments, newest end first."""
        parts: list[str] = ["finished_at IS NOT NULL"]
        values: list[Any] = []
        if since is not None:
            parts.append("finished_at >= ?")
            values.append(since)
        if states is not None:
            wanted = sorted({str(state.value) for state in states})
            parts.append(f"state IN ({', '.join('?' * len(wanted))})")
            values += wanted
        for column, text in (("type", type), ("subject", subject)):
            if text is not None:
                parts.append(f"{column} = ?")
                values.append(bindable(text))
        tail = f"FROM jobs WHERE {' AND '.join(parts)} {_NEWEST}"
        values.append(max(0, limit))
        return self._rows(connection, "jobs", JOB_COLUMNS, tail, values, read_job)

    def get(self, connection: sqlite3.Connection, job_ids: Iterable[str]) -> list[JobRow]:
        """Return the rows of these jobs, each once, in the order of the ids."""
        return [
            row
            for job_id in dict.fromkeys(job_ids)
            for row in self._rows(
                connection, "jobs", JOB_COLUMNS, _ONE_JOB, (bindable(job_id),), read_job
            )
        ]

    def events(self, connection: sqlite3.Connection, job_id: str) -> list[EventRow]:
        """Return a job's event log, oldest first."""

        def read(values: Values) -> EventRow:
            return read_event(job_id, values)

        given = (bindable(job_id),)
        return self._rows(connection, "events", EVENT_COLUMNS, _LOG, given, read)

    def checkpoints(self, connection: sqlite3.Connection) -> list[CheckpointRow]:
        """Return all checkpoints, the one saved longest ago first."""
        return self._rows(
            connection, "checkpoints", CHECKPOINT_COLUMNS, _OLDEST, (), read_checkpoint
        )

    def documents(self, connection: sqlite3.Connection, kind: str) -> list[DocumentRow]:
        """Return all documents of a kind, in the order in which they came."""
        given = (bindable(kind),)
        return self._rows(
            connection, "documents", DOCUMENT_COLUMNS, _OF_A_KIND, given, read_document
        )

    def occurrences(
        self, connection: sqlite3.Connection, schedule: str, limit: int
    ) -> list[OccurrenceRow]:
        """Return the last occurrences of a schedule, the newest first."""
        given = (bindable(schedule), max(0, limit))
        return self._rows(
            connection, "occurrences", OCCURRENCE_COLUMNS, _OF_A_SCHEDULE, given, read_occurrence
        )

    def _rows(
        self,
        connection: sqlite3.Connection,
        table: str,
        columns: str,
        tail: str,
        given: Sequence[Any],
        read: Callable[[Values], _T],
    ) -> list[_T]:
        good: list[_T] = []
        bad: dict[int, str] = {}
        for seq, values in _found(connection, table, columns, tail, given):
            if values is None:
                bad[seq] = "it is too large"
                continue
            try:
                good.append(read(values))
            except BadRow as exc:
                bad[seq] = str(exc)
        self._warn(table, bad)
        return good

    def _warn(self, table: str, bad: dict[int, str]) -> None:
        new = {seq: why for seq, why in bad.items() if (table, seq) not in self._known}
        if not new:
            return
        self._known |= {(table, seq) for seq in new}
        named = [f"row {seq}: {why}" for seq, why in list(new.items())[:_NAMED_AT_MOST]]
        more = ", …" if len(new) > _NAMED_AT_MOST else ""
        text = one_line(", ".join(named), 1_000) + more
        LOG.warning(
            "%s: %d of its %s cannot be read and are left out (%s)",
            self._name,
            len(new),
            table,
            text,
        )


def _found(
    connection: sqlite3.Connection, table: str, columns: str, tail: str, given: Sequence[Any]
) -> Iterator[tuple[int, Values | None]]:
    """Yield each row with its number; None for one that SQLite refuses to read."""
    try:
        sql = f"SELECT {columns}, seq {tail}"
        rows = connection.execute(sql, given).fetchall()
    except sqlite3.DataError:  # one of them is larger than we read
        sql = f"SELECT {columns} FROM {table} WHERE seq = ?"  # noqa: S608
        for (seq,) in connection.execute(f"SELECT seq {tail}", given).fetchall():
            yield seq, _one(connection, sql, seq)
    else:
        for values in rows:
            yield values[-1], values[:-1]


def _one(connection: sqlite3.Connection, sql: str, seq: int) -> Values | None:
    try:
        values: Values | None = connection.execute(sql, (seq,)).fetchone()
    except sqlite3.DataError:
        return None
    return values
