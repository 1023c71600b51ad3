"""The contents of a store: rows of plain columns, and the writes to them.

A store knows neither snapshots nor functions.  The engine turns a job into a row and back; between
the two there is only text, JSON where stated, which is never executed.

Rows and writes are made by the thousand and hold nothing that could lead back to them, so the
garbage collector passes them by (``gc=False``).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from .field_docs import documented
from .states import JobState


@documented
class JobRow(Struct, frozen=True, gc=False):
    """One job in a store."""

    id: str
    """Its id; a store has one row an id."""
    type: str
    """The registered job type, or the function's name."""
    subject: str
    """The subject of the job; may be empty."""
    state: JobState
    """The state of the job."""
    submitted_at: float
    """Seconds since the epoch."""
    changed_at: float
    """When its state was entered, in seconds since the epoch."""
    finished_at: float | None
    """When it reached its terminal state; None before."""
    read: bool
    """Whether its outcome has been read."""
    spec: str
    """JSON: labels, options and arguments; written at submit, and when they are updated."""
    status: str
    """JSON: the rest of its snapshot, without the result."""
    result: str | None = None
    """JSON: its result, if JSON can hold that exactly."""
    after: tuple[str, ...] = ()
    """The ids of the jobs it comes after: these stay for as long as it is unfinished."""


@documented
class EventRow(Struct, frozen=True, gc=False):
    """One line of a job's event log."""

    job_id: str
    """The id of the job."""
    at: float
    """Seconds since the epoch."""
    kind: str
    """The name of the event's class."""
    detail: str = "{}"
    """JSON: its other fields, in short."""


@documented
class CheckpointRow(Struct, frozen=True, gc=False):
    """The last checkpoint of one part of a (type, subject)."""

    type: str
    subject: str
    part: str
    """Empty for a job of one piece; a phase's or a range's own name otherwise."""
    job_id: str
    """The job that saved it."""
    attempt: int
    """In which attempt of it."""
    value: str
    """JSON: what was saved."""
    items: float
    """The number of items done when it was saved."""
    fraction: float | None
    """The progress of the job, from 0 to 1; None if it had reported none."""
    created_at: float
    """When the first checkpoint of this part was saved, in seconds since the epoch."""
    saved_at: float
    """When this one was."""


SCHEDULES: Final = "schedule"
"""The kind of the documents that hold schedules."""
TEMPLATES: Final = "template"
"""The kind of the documents that hold templates."""


@documented
class DocumentRow(Struct, frozen=True, gc=False):
    """A named value beside the jobs: a schedule, a template, the starts that a rate has counted."""

    kind: str
    """Its kind: "schedule", "template" or "rate"."""
    name: str
    """Its name, unique among those of its kind."""
    value: str
    """JSON: what it is."""
    changed_at: float
    """When it was written last, in seconds since the epoch."""


@documented
class OccurrenceRow(Struct, frozen=True, gc=False):
    """The fate of one occurrence of a schedule; a store has one row a schedule and moment."""

    schedule: str
    """The name of the schedule."""
    at: float
    """The moment at which it was due, in seconds since the epoch."""
    kind: str
    """"submitted", "skipped", "missed" or "manual"."""
    job_id: str = ""
    """The job that was submitted, or the one that stood in its way; may be empty."""
    detail: str = ""
    """The reason, in words; may be empty."""
    count: int = 1
    """The number of occurrences that it stands for: missed ones, of which this is the last."""


class PutJob(Struct, frozen=True, gc=False):
    """Write a job, whole: a new row, or the present one replaced."""

    row: JobRow


class SetStatus(Struct, frozen=True, gc=False):
    """Change the status of a stored job; nothing happens if it is not stored (any more)."""

    id: str
    state: JobState
    changed_at: float
    finished_at: float | None
    read: bool
    status: str
    result: str | None = None
    """JSON: its result; None leaves the stored one."""


class AddEvent(Struct, frozen=True, gc=False):
    """Append a line to a job's event log."""

    row: EventRow


class PutCheckpoint(Struct, frozen=True, gc=False):
    """Write a checkpoint in place of the earlier one of its part; ``created_at`` stays."""

    row: CheckpointRow


class DropCheckpoints(Struct, frozen=True, gc=False):
    """Forget the checkpoints of a (type, subject): one part's, or all of them."""

    type: str
    subject: str
    part: str | None = None


class DeleteJobs(Struct, frozen=True, gc=False):
    """Forget jobs with their event logs; ids that are not stored are left out."""

    ids: tuple[str, ...]


class PutDocument(Struct, frozen=True, gc=False):
    """Write a document, in place of an earlier one of its kind and name."""

    row: DocumentRow


class DropDocument(Struct, frozen=True, gc=False):
    """Forget a document; one that is not stored is left out."""

    kind: str
    name: str


class AddOccurrence(Struct, frozen=True, gc=False):
    """Add an occurrence; a store refuses a second one of the same schedule and moment."""

    row: OccurrenceRow


class DropOccurrences(Struct, frozen=True, gc=False):
    """Forget all occurrences of a schedule."""

    schedule: str


NamedWrite = PutDocument | DropDocument | AddOccurrence | DropOccurrences
Write = PutJob | SetStatus | AddEvent | PutCheckpoint | DropCheckpoints | DeleteJobs | NamedWrite


def column(text: str) -> str:
    """Return a text that every database takes: half a surrogate is written out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
