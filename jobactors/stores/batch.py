"""From a sequence of writes to few statements with many rows each.

A commit of many changes is cheap if its statements are few: SQLite goes through ten thousand rows
of one statement in the time of a thousand statements.  So writes are gathered in lanes, one a kind,
and only where the order between two kinds can be seen afterwards the lanes are emptied first.
Within a lane, a later write to the same row takes the place of the earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never, final

from jobactors.model.stored import (
    AddEvent,
    DeleteJobs,
    DropCheckpoints,
    PutCheckpoint,
    PutJob,
    SetStatus,
)

from .rows import (
    CHECKPOINT_COLUMNS,
    JOB_COLUMNS,
    all_bindable,
    checkpoint_values,
    job_values,
    state_text,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from jobactors.model.stored import Write

    from .rows import Values


def _replacing(table: str, columns: str, key: str, kept: str = "") -> str:
    """Return an insert that replaces all columns of a row with the same key, but the kept ones."""
    names = columns.split(", ")
    fixed = {*key.split(", "), *kept.split(", ")}
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in fixed)
    marks = ", ".join("?" * len(names))
    return (  # every word of it is ours
        f"INSERT INTO {table} ({columns}) VALUES ({marks}) "  # noqa: S608
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


_PUT_JOB: Final = _replacing("jobs", JOB_COLUMNS, "id")
_PUT_CHECKPOINT: Final = _replacing(
    "checkpoints", CHECKPOINT_COLUMNS, "type, subject, part", kept="created_at"
)
_SET_STATUS: Final = (
    "UPDATE jobs SET state = ?, changed_at = ?, finished_at = ?, read = ?, status = ?, "
    "result = coalesce(?, result) WHERE id = ?"
)
# Of a job that is not kept there is nothing to log.
_ADD_EVENT: Final = (
    "INSERT INTO events (job, at, kind, detail) SELECT seq, ?, ?, ? FROM jobs WHERE id = ?"
)
_DROP_ALL: Final = "DELETE FROM checkpoints WHERE type = ? AND subject = ?"
_DROP_PART: Final = _DROP_ALL + " AND part = ?"
_DELETE_EVENTS: Final = "DELETE FROM events WHERE job = (SELECT seq FROM jobs WHERE id = ?)"
_DELETE_JOB: Final = "DELETE FROM jobs WHERE id = ?"

_Key = str | tuple[str, str, str]


@final
class Batch:
    """Writes, as statements that leave the same behind."""

    def __init__(self, writes: Iterable[Write]) -> None:
        self.logged: set[str] = set()
        """The jobs whose event log grows."""
        self._steps: list[tuple[str, Sequence[Values]]] = []
        self._puts: dict[_Key, Values] = {}
        self._statuses: dict[_Key, Values] = {}
        self._events: list[Values] = []
        self._with_events: set[str] = set()
        self._checkpoints: dict[_Key, Values] = {}
        for write in writes:
            self._add(write)
        self._empty()

    def run(self, connection: sqlite3.Connection) -> None:
        """Execute all of it, inside the transaction that is open."""
        for sql, rows in self._steps:
            connection.executemany(sql, rows)

    def make_bindable(self) -> None:
        """Turn texts with lone surrogates into bytes; needed only after SQLite has refused one."""
        self._steps = [(sql, all_bindable(rows)) for sql, rows in self._steps]

    def _add(self, write: Write) -> None:
        match write:
            case SetStatus():
                self._set_status(write)
            case AddEvent(row):
                self._events.append((row.at, row.kind, row.detail, row.job_id))
                self._with_events.add(row.job_id)
            case PutJob():
                self._put(write)
            case PutCheckpoint():
                self._put_checkpoint(write)
            case DropCheckpoints(type, subject, part):
                self._empty()
                given = (type, subject) if part is None else (type, subject, part)
                self._steps.append((_DROP_ALL if part is None else _DROP_PART, [given]))
            case DeleteJobs(ids):
                self._empty()
                rows = [(job_id,) for job_id in ids]
                self._steps += [(_DELETE_EVENTS, rows), (_DELETE_JOB, rows)]
            case _:
                assert_never(write)

    def _put(self, write: PutJob) -> None:
        row = write.row
        if row.id in self._with_events and row.id not in self._puts:
            self._empty()  # those events may have been of a job that was not kept yet
        self._statuses.pop(row.id, None)
        self._puts[row.id] = job_values(row)

    def _set_status(self, write: SetStatus) -> None:
        result = write.result
        if result is None and (earlier := self._statuses.get(write.id)) is not None:
            result = earlier[5]
        self._statuses[write.id] = (
            state_text(write.id, write.state, write.finished_at),
            write.changed_at,
            write.finished_at,
            1 if write.read else 0,
            write.status,
            result,
            write.id,
        )

    def _put_checkpoint(self, write: PutCheckpoint) -> None:
        row = write.row
        key = (row.type, row.subject, row.part)
        values = checkpoint_values(row)
        if (earlier := self._checkpoints.get(key)) is not None:
            values = (*values[:8], earlier[8], values[9])  # created_at stays
        self._checkpoints[key] = values

    def _empty(self) -> None:
        """Turn what is in the lanes into steps."""
        if self._puts:
            self._steps.append((_PUT_JOB, [*self._puts.values()]))
            self._puts = {}
        if self._statuses:
            self._steps.append((_SET_STATUS, [*self._statuses.values()]))
            self._statuses = {}
        if self._events:
            self._steps.append((_ADD_EVENT, self._events))
            self.logged |= self._with_events
            self._events, self._with_events = [], set()
        if self._checkpoints:
            self._steps.append((_PUT_CHECKPOINT, [*self._checkpoints.values()]))
            self._checkpoints = {}
