"""SQL statements that take many rows in one step.

Python releases its interpreter lock for each step of a statement, and while the jobs' loop is busy
it gets the lock back milliseconds later.  A row a step, a thousand rows would take seconds then.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, final

from .rows import CHECKPOINT_COLUMNS, DOCUMENT_COLUMNS, JOB_COLUMNS, OCCURRENCE_COLUMNS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from .rows import Values

_AT_ONCE: Final = (64, 16, 4, 3, 2)
"""Rows a step, the largest number that is left; each has its own text, compiled once."""
_WIDEST: Final = len(JOB_COLUMNS.split(", "))
MOST_VALUES: Final = _AT_ONCE[0] * _WIDEST
"""Values of the largest step; every SQLite takes 999."""


@final
class Statement:
    """Executes one SQL text for any number of rows.

    Args:
        sql: Its text; ``:rows`` stands where the rows are.
        width: How many values a row has.
        alone: The same for a single row, quicker than a table of one row.
    """

    def __init__(self, sql: str, width: int, alone: str | None = None) -> None:
        row = f"({', '.join('?' * width)})"
        self._texts = [
            (count, sql.replace(":rows", ", ".join([row] * count))) for count in _AT_ONCE
        ]
        self._alone = alone or sql.replace(":rows", row)

    def run(self, connection: sqlite3.Connection, rows: Sequence[Values]) -> None:
        """Execute it for these rows, in their order."""
        done = self._run_together(connection, rows) if len(rows) >= _AT_ONCE[-1] else 0
        for row in rows[done:]:
            connection.execute(self._alone, row)

    def _run_together(self, connection: sqlite3.Connection, rows: Sequence[Values]) -> int:
        """Execute it for many rows at once, and return the number of those done."""
        done = 0
        for count, sql in self._texts:
            while done + count <= len(rows):
                connection.execute(sql, tuple(chain.from_iterable(rows[done : done + count])))
                done += count
        return done


def _replacing(table: str, columns: str, key: str, fixed: str = "") -> Statement:
    """Return an insert that replaces all columns of a row with the same key, but the fixed ones."""
    names = columns.split(", ")
    unchanged = {*key.split(", "), *fixed.split(", ")}
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in unchanged)
    sql = (  # every word of it is ours
        f"INSERT INTO {table} ({columns}) VALUES :rows "  # noqa: S608
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )
    return Statement(sql, len(names))


PUT_JOB: Final = _replacing("jobs", JOB_COLUMNS, "id")
PUT_CHECKPOINT: Final = _replacing(
    "checkpoints", CHECKPOINT_COLUMNS, "type, subject, part", fixed="created_at"
)
PUT_DOCUMENT: Final = _replacing("documents", DOCUMENT_COLUMNS, "kind, name")
DROP_DOCUMENT: Final = Statement("DELETE FROM documents WHERE (kind, name) IN (VALUES :rows)", 2)
# No replacing: that one is there already means that its job was submitted before.
ADD_OCCURRENCE: Final = Statement(
    f"INSERT INTO occurrences ({OCCURRENCE_COLUMNS}) VALUES :rows",  # noqa: S608 - our words
    len(OCCURRENCE_COLUMNS.split(", ")),
)
DROP_OCCURRENCES: Final = Statement("DELETE FROM occurrences WHERE schedule IN (VALUES :rows)", 1)
# An UPDATE … FROM would be plainer, but needs SQLite 3.33.  Nothing is inserted here: each row that
# is selected is there already, so the empty texts, which only fill columns, are never written.
SET_STATUS: Final = Statement(
    "INSERT INTO jobs (seq, id, type, subject, state, submitted_at, changed_at, finished_at, read, "
    "spec, status, result, after) "
    "SELECT jobs.seq, jobs.id, '', '', new.column1, 0, new.column2, new.column3, new.column4, "
    "'', new.column5, new.column6, '' "
    "FROM (VALUES :rows) AS new CROSS JOIN jobs ON jobs.id = new.column7 WHERE true "
    "ON CONFLICT (seq) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at, "
    "finished_at = excluded.finished_at, read = excluded.read, status = excluded.status, "
    "result = coalesce(excluded.result, result)",
    7,
    "UPDATE jobs SET state = ?, changed_at = ?, finished_at = ?, read = ?, status = ?, "
    "result = coalesce(?, result) WHERE id = ?",
)
# A job that is not stored has no log.  The cross join preserves the order of the lines.
ADD_EVENT: Final = Statement(
    "INSERT INTO events (job, at, kind, detail) "
    "SELECT jobs.seq, new.column1, new.column2, new.column3 "
    "FROM (VALUES :rows) AS new CROSS JOIN jobs ON jobs.id = new.column4",
    4,
    "INSERT INTO events (job, at, kind, detail) SELECT seq, ?, ?, ? FROM jobs WHERE id = ?",
)
DROP_CHECKPOINTS: Final = Statement(
    "DELETE FROM checkpoints WHERE (type, subject) IN (VALUES :rows)", 2
)
DROP_PART: Final = Statement(
    "DELETE FROM checkpoints WHERE (type, subject, part) IN (VALUES :rows)", 3
)
DELETE_EVENTS: Final = Statement(
    "DELETE FROM events WHERE job IN (SELECT seq FROM jobs WHERE id IN (VALUES :rows))", 1
)
DELETE_JOBS: Final = Statement("DELETE FROM jobs WHERE id IN (VALUES :rows)", 1)
