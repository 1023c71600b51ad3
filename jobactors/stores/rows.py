"""The codec between the model's rows and the columns of a file of unknown origin.

Each value from a file is checked: a row that makes no sense is left out, and takes none of the
others with it.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, cast

from jobactors.model.states import TERMINAL, JobState
from jobactors.model.stored_rows import (
    CheckpointRow,
    DocumentRow,
    EventRow,
    JobRow,
    OccurrenceRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Values = tuple[Any, ...]
"""The values that SQLite takes and gives for one row."""

JOB_COLUMNS: Final = (
    "id, type, subject, state, submitted_at, changed_at, finished_at, read, spec, status, result, "
    "after"
)
EVENT_COLUMNS: Final = "at, kind, detail"
CHECKPOINT_COLUMNS: Final = (
    "type, subject, part, job_id, attempt, value, items, fraction, created_at, saved_at"
)
DOCUMENT_COLUMNS: Final = "kind, name, value, changed_at"
OCCURRENCE_COLUMNS: Final = "schedule, at, kind, job_id, detail, count"

_STATES: Final = {state.value.encode(): state for state in JobState}
_ENDED: Final = frozenset(str(state.value) for state in TERMINAL)
_FARTHEST: Final = 253_402_300_799.0  # the last second of the year 9999: a datetime's limit


class BadRow(ValueError):
    """Marks a row that no version of this package writes; the message has the reason."""


# -- to a file


def job_values(row: JobRow) -> Values:
    """Return a job's columns, in the order of ``JOB_COLUMNS``.

    Raises:
        ValueError: see ``state_text``.
    """
    return (
        row.id,
        row.type,
        row.subject,
        state_text(row.id, row.state, row.finished_at),
        row.submitted_at,
        row.changed_at,
        row.finished_at,
        1 if row.read else 0,
        row.spec,
        row.status,
        row.result,
        json.dumps(row.after) if row.after else "[]",
    )


def state_text(job_id: str, state: JobState, finished_at: float | None) -> str:
    """Return a state as it is written.

    Raises:
        ValueError: if the job has ended without a time, or has a time without having ended: stores
            recognise ended jobs by that time.
    """
    # The plain str: an enum is hashed in Python code, and SQLite seeks an adapter of a subclass.
    text: str = state._value_
    if (text in _ENDED) is (finished_at is None):
        raise ValueError(f"job {job_id} cannot be {text} with finished_at={finished_at}")
    return text


def checkpoint_values(row: CheckpointRow) -> Values:
    """Return a checkpoint's columns, in the order of ``CHECKPOINT_COLUMNS``."""
    return (
        row.type,
        row.subject,
        row.part,
        row.job_id,
        row.attempt,
        row.value,
        row.items,
        row.fraction,
        row.created_at,
        row.saved_at,
    )


def document_values(row: DocumentRow) -> Values:
    """Return a document's columns, in the order of ``DOCUMENT_COLUMNS``."""
    return row.kind, row.name, row.value, row.changed_at


def occurrence_values(row: OccurrenceRow) -> Values:
    """Return an occurrence's columns, in the order of ``OCCURRENCE_COLUMNS``."""
    return row.schedule, row.at, row.kind, row.job_id, row.detail, row.count


def bindable(text: str) -> str | bytes:
    """Return a text in a form that SQLite takes: as bytes if it has lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def all_bindable(rows: Iterable[Values]) -> list[Values]:
    """Return the rows with every text made bindable."""
    return [
        tuple(bindable(value) if isinstance(value, str) else value for value in row) for row in rows
    ]


# -- from a file, in which every text arrives as bytes


def read_job(values: Values) -> JobRow:
    """Decode a job from a file's columns.

    Raises:
        BadRow: if a value makes no sense.
    """
    state = _STATES.get(values[3])
    if state is None:
        raise BadRow("unknown state")
    finished_at = None if values[6] is None else _time(values[6])
    if (state in TERMINAL) is (finished_at is None):
        raise BadRow("its state and its end do not agree")
    return JobRow(
        id=_text(values[0]),
        type=_text(values[1]),
        subject=_text(values[2]),
        state=state,
        submitted_at=_time(values[4]),
        changed_at=_time(values[5]),
        finished_at=finished_at,
        read=_flag(values[7]),
        spec=_text(values[8]),
        status=_text(values[9]),
        result=None if values[10] is None else _text(values[10]),
        after=() if values[11] == b"[]" else read_ids(values[11]),
    )


def read_event(job_id: str, values: Values) -> EventRow:
    """Decode a line of an event log from a file's columns.

    Raises:
        BadRow: if a value makes no sense.
    """
    at, kind, detail = values
    return EventRow(job_id, _time(at), _text(kind), _text(detail))


def read_checkpoint(values: Values) -> CheckpointRow:
    """Decode a checkpoint from a file's columns.

    Raises:
        BadRow: if a value makes no sense.
    """
    kind, subject, part, job_id, attempt, value, items, fraction, created_at, saved_at = values
    if type(attempt) is not int:
        raise BadRow("attempt is no number")
    return CheckpointRow(
        type=_text(kind),
        subject=_text(subject),
        part=_text(part),
        job_id=_text(job_id),
        attempt=attempt,
        value=_text(value),
        items=_number(items),
        fraction=None if fraction is None else _number(fraction),
        created_at=_time(created_at),
        saved_at=_time(saved_at),
    )


def read_document(values: Values) -> DocumentRow:
    """Decode a document from a file's columns.

    Raises:
        BadRow: if a value makes no sense.
    """
    kind, name, value, changed_at = values
    return DocumentRow(_text(kind), _text(name), _text(value), _time(changed_at))


def read_occurrence(values: Values) -> OccurrenceRow:
    """Decode an occurrence from a file's columns.

    Raises:
        BadRow: if a value makes no sense.
    """
    schedule, at, kind, job_id, detail, count = values
    if type(count) is not int:
        raise BadRow("a count is no number")
    return OccurrenceRow(
        _text(schedule), _time(at), _text(kind), _text(job_id), _text(detail), count
    )


def read_ids(value: Any) -> tuple[str, ...]:
    """Read a JSON list of job ids.

    Raises:
        BadRow: if it is anything else.
    """
    try:
        ids: Any = json.loads(_text(value))
    except (ValueError, RecursionError):
        raise BadRow("what it comes after is no JSON") from None
    if not isinstance(ids, list):
        raise BadRow("what it comes after is no list")
    found = tuple(job_id for job_id in cast("list[object]", ids) if isinstance(job_id, str))
    if len(found) != len(cast("list[object]", ids)):
        raise BadRow("what it comes after are no ids")
    return found


def _text(value: Any) -> str:
    if type(value) is not bytes:
        raise BadRow("a text is missing")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _with_surrogates(value)


def _with_surrogates(value: bytes) -> str:
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise BadRow("a text is not UTF-8") from None


def _number(value: Any) -> float:
    if type(value) not in {int, float} or not isfinite(value):
        raise BadRow("a number is missing")
    return float(value)


def _time(value: Any) -> float:
    if type(value) is float and -_FARTHEST < value < _FARTHEST:
        return value
    number = _number(value)
    if abs(number) > _FARTHEST:
        raise BadRow("a time is out of range")
    return number


def _flag(value: Any) -> bool:
    if value not in (0, 1):
        raise BadRow("a yes or no is missing")
    return bool(value)
