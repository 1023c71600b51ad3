"""The grouping of writes into few statements with many rows each.

A commit of many changes is cheap if its statements are few.  So writes are gathered in lanes, one
a kind, and only where the order between two kinds can be seen afterwards the lanes are emptied
first.  Within a lane, a later write to the same row takes the place of the earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never, final

from jobactors.model.stored_rows import (
    AddEvent,
    AddOccurrence,
    DeleteJobs,
    DropCheckpoints,
    DropDocument,
    DropOccurrences,
    PutCheckpoint,
    PutDocument,
    PutJob,
    SetStatus,
)

from .rows import (
    all_bindable,
    checkpoint_values,
    document_values,
    job_values,
    occurrence_values,
    state_text,
)
from .statements import (
    ADD_EVENT,
    ADD_OCCURRENCE,
    DELETE_EVENTS,
    DELETE_JOBS,
    DROP_CHECKPOINTS,
    DROP_DOCUMENT,
    DROP_OCCURRENCES,
    DROP_PART,
    PUT_CHECKPOINT,
    PUT_DOCUMENT,
    PUT_JOB,
    SET_STATUS,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from jobactors.model.stored_rows import NamedWrite, Write

    from .rows import Values
    from .statements import Statement


_Key = str | tuple[str, ...]


@final
class RowBatch:
    """Turns writes into statements with the same effect."""

    def __init__(self, writes: Iterable[Write]) -> None:
        self.logged: set[str] = set()
        """The jobs whose event log grows."""
        self._steps: list[tuple[Statement, Sequence[Values]]] = []
        self._puts: dict[_Key, Values] = {}
        self._statuses: dict[_Key, Values] = {}
        self._events: list[Values] = []
        self._with_events: set[str] = set()
        self._checkpoints: dict[_Key, Values] = {}
        self._documents: dict[_Key, Values] = {}
        self._occurrences: list[Values] = []
        self._deleted: list[Values] = []
        for write in writes:
            self._add(write)
        self._empty()

    def run(self, connection: sqlite3.Connection) -> None:
        """Execute all of it, inside the transaction that is open."""
        for statement, rows in self._steps:
            statement.run(connection, rows)

    def make_bindable(self) -> None:
        """Turn texts with lone surrogates into bytes; needed only after SQLite has refused one."""
        self._steps = [(statement, all_bindable(rows)) for statement, rows in self._steps]

    def _add(self, write: Write) -> None:
        if self._deleted and not isinstance(write, DeleteJobs):
            self._empty()
        # These three come by the thousand: as cases of a match they would be twice as slow.
        if isinstance(write, AddEvent):
            row = write.row
            self._events.append((row.at, row.kind, row.detail, row.job_id))
            self._with_events.add(row.job_id)
        elif isinstance(write, SetStatus):
            self._set_status(write)
        elif isinstance(write, PutJob):
            self._put(write)
        else:
            self._add_other(write)

    def _add_other(self, write: PutCheckpoint | DropCheckpoints | DeleteJobs | NamedWrite) -> None:
        match write:
            case PutCheckpoint():
                self._put_checkpoint(write)
            case DropCheckpoints(type, subject, part):
                self._empty()
                if part is None:
                    self._steps.append((DROP_CHECKPOINTS, [(type, subject)]))
                else:
                    self._steps.append((DROP_PART, [(type, subject, part)]))
            case DeleteJobs(ids):
                if not self._deleted:
                    self._empty()
                self._deleted += [(job_id,) for job_id in ids]
            case _:
                self._add_named(write)

    def _add_named(self, write: NamedWrite) -> None:
        match write:
            case PutDocument(row):
                self._documents[row.kind, row.name] = document_values(row)
            case AddOccurrence(row):
                self._occurrences.append(occurrence_values(row))
            case DropDocument(kind, name):
                self._empty()
                self._steps.append((DROP_DOCUMENT, [(kind, name)]))
            case DropOccurrences(schedule):
                self._empty()
                self._steps.append((DROP_OCCURRENCES, [(schedule,)]))
            case _:
                assert_never(write)

    def _put(self, write: PutJob) -> None:
        row = write.row
        if row.id in self._with_events and row.id not in self._puts:
            self._empty()  # those events may be older than the job's row
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
        """Turn the lanes into steps."""
        if self._puts:
            self._steps.append((PUT_JOB, [*self._puts.values()]))
            self._puts = {}
        if self._statuses:
            self._steps.append((SET_STATUS, [*self._statuses.values()]))
            self._statuses = {}
        if self._events:
            self._steps.append((ADD_EVENT, self._events))
            self.logged |= self._with_events
            self._events, self._with_events = [], set()
        if self._checkpoints:
            self._steps.append((PUT_CHECKPOINT, [*self._checkpoints.values()]))
            self._checkpoints = {}
        if self._documents:
            self._steps.append((PUT_DOCUMENT, [*self._documents.values()]))
            self._documents = {}
        if self._occurrences:
            self._steps.append((ADD_OCCURRENCE, self._occurrences))
            self._occurrences = []
        if self._deleted:
            self._steps += [(DELETE_EVENTS, self._deleted), (DELETE_JOBS, self._deleted)]
            self._deleted = []
