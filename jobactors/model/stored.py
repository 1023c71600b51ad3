"""What a store keeps, in its own words: rows of plain columns, and what is to be written.

A store knows neither snapshots nor functions.  The engine turns a job into a row and back; between
the two there is only text, JSON where it says so, which nobody executes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .states import JobState


@attrs.frozen
class JobRow:
    """One job as it is kept."""

    id: str
    """Its id; a store keeps one row an id."""
    type: str
    """The registered job type, or the function's name."""
    subject: str
    """What it is about; may be empty."""
    state: JobState
    """Where it is in its life."""
    submitted_at: float
    """Seconds since the epoch."""
    changed_at: float
    """When its state was entered, in seconds since the epoch."""
    finished_at: float | None
    """When it reached its terminal state; None before."""
    read: bool
    """Whether somebody has read its outcome."""
    spec: str
    """JSON: labels, options and arguments; written at submit, and when they are updated."""
    status: str
    """JSON: the rest of its snapshot, without the result."""
    result: str | None = None
    """JSON: what it returned, if JSON can say that exactly."""
    after: tuple[str, ...] = ()
    """The ids of the jobs it comes after: these are kept for as long as it is unfinished."""


@attrs.frozen
class EventRow:
    """One line of a job's event log."""

    job_id: str
    at: float
    """Seconds since the epoch."""
    kind: str
    """The name of the event's class."""
    detail: str = "{}"
    """JSON: its other fields, in short."""


@attrs.frozen
class CheckpointRow:
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
    """How many items had been done when it was saved."""
    fraction: float | None
    """How far the job was, from 0 to 1; None if it had not said."""
    created_at: float
    """When the first checkpoint of this part was saved, in seconds since the epoch."""
    saved_at: float
    """When this one was."""


@attrs.frozen
class PutJob:
    """Keep a job, whole: a new row, or the present one replaced."""

    row: JobRow


@attrs.frozen
class SetStatus:
    """Change how a kept job stands; nothing happens if it is not kept (any more)."""

    id: str
    state: JobState
    changed_at: float
    finished_at: float | None
    read: bool
    status: str
    result: str | None = None
    """None leaves what is kept."""


@attrs.frozen
class AddEvent:
    """Append a line to a job's event log."""

    row: EventRow


@attrs.frozen
class PutCheckpoint:
    """Keep a checkpoint in place of the earlier one of its part; ``created_at`` stays."""

    row: CheckpointRow


@attrs.frozen
class DropCheckpoints:
    """Forget the checkpoints of a (type, subject): one part's, or all of them."""

    type: str
    subject: str
    part: str | None = None


@attrs.frozen
class DeleteJobs:
    """Forget jobs with their event logs; ids that are not kept are left out."""

    ids: tuple[str, ...]


Write = PutJob | SetStatus | AddEvent | PutCheckpoint | DropCheckpoints | DeleteJobs


@attrs.frozen
class Keep:
    """How long a store keeps ended jobs and checkpoints.

    What is unfinished stays, and what an unfinished job comes after.

    Example::

        ja.open_jobs(store=ja.SqliteStore("jobs.db", keep=ja.Keep(age=30 * 86400)))
    """

    age: float = attrs.field(default=7 * 86400.0)
    """Seconds after its end until a job goes, and after its saving a checkpoint; default: 7 days.
    A checkpoint of an unfinished job stays."""
    jobs: int = attrs.field(default=100_000)
    """How many ended jobs are kept, the newest; default: 100,000."""
    events: int = attrs.field(default=1_000)
    """How many lines of a job's event log are kept, the newest; default: 1,000."""
    by_state: Mapping[str, float] = attrs.field(factory=dict)
    """Other ages for jobs that ended so: ``{"failed": 30 * 86400, "succeeded": 3600}``."""

    def __attrs_post_init__(self) -> None:
        for name in ("age", "jobs", "events"):
            _check_number(f"Keep({name}=…)", getattr(self, name))
        for state, age in self.by_state.items():
            if state not in TERMINAL:
                ends = ", ".join(sorted(TERMINAL))
                raise ValueError(f"Keep(by_state=…) takes {ends}, not {state!r:.100}")
            _check_number(f"Keep(by_state={{{str(state)!r}: …}})", age)

    def age_of(self, state: str) -> float:
        """Seconds for which a job is kept that ended so."""
        return self.by_state.get(state, self.age)

    @property
    def shortest(self) -> float:
        """The least of all ages."""
        return min([self.age, *self.by_state.values()])


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{name} is a number of at least 0, not {value!r:.100}")
