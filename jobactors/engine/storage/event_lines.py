"""Events as lines of the event logs in a store, in short."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from jobactors.model.events import (
    JobCancelling,
    JobFinished,
    JobLogged,
    JobPaused,
    JobProgressed,
    JobQueued,
    JobRead,
    JobRequested,
    JobRequeued,
    JobResumed,
    JobRetried,
    JobStarted,
    JobStopped,
    JobStuck,
    JobUpdated,
)
from jobactors.model.plain_values import LONGEST_LABEL, LONGEST_MESSAGE, plain_text
from jobactors.model.spans import MOST_TURNS, label_of
from jobactors.model.stored_rows import EventRow

from .row_structs import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.records.record import Record
    from jobactors.model.error_text import ErrorText
    from jobactors.model.events import Event
    from jobactors.model.outcome import Outcome
    from jobactors.model.states import JobState

_LONGEST_ERROR: Final = 500
"""Characters of an error in an event log; all of it is in the job's status."""
LEFT_OUT: Final = "LeftOut"
"""The kind of a line about a part of a job that could not be stored."""

LOGGED: Final[frozenset[type[Event]]] = frozenset(
    (
        *(JobQueued, JobStarted, JobRequested, JobCancelling, JobPaused, JobResumed, JobRetried),
        *(JobStuck, JobStopped, JobRequeued, JobFinished, JobUpdated),
    )
)
"""The events that are written into a job's log: all but log lines and reads, and of its progress
only the changes of its stages."""
SAMPLED: Final[frozenset[type[Event]]] = frozenset({JobProgressed, JobLogged})
"""The events of which one is written every few seconds."""
LINGERS: Final[dict[type[Event], float]] = {
    JobFinished: 0.01,
    **dict.fromkeys((*SAMPLED, JobRead), 0.05),
}
"""Seconds for which an event waits for others to be written with, where nothing waits for it."""


def changes_stages(record: Record, event: Event) -> bool:
    """Whether a stage begins or ends with a report of progress that a job has just made."""
    turns = record.stages
    if type(event) is not JobProgressed or turns is None:
        return False
    return turns[-1].at == event.at and len(turns) < MOST_TURNS


def event_row(event: Event) -> EventRow:
    """Return the line of an event in its job's log."""
    kind = type(event)
    describe = _DETAILS.get(kind)
    try:
        detail = "{}" if describe is None else describe(event)
    except Exception:  # a value of the user's that JSON cannot hold
        detail = "{}"
    return EventRow(event.job_id, event.at, kind.__name__, detail)


def left_out_row(job_id: str, at: float, why: str) -> EventRow:
    """Return the line about a part of a job that could not be stored."""
    return EventRow(job_id, at, LEFT_OUT, encode({"why": plain_text(why, LONGEST_LABEL)}))


@lru_cache(maxsize=64)
def _start_detail(attempt: int, runner: str, where: str) -> str:
    detail: dict[str, Any] = {"attempt": attempt, "runner": runner}
    return encode({**detail, "where": where} if where else detail)


def _end_detail(outcome: Outcome) -> str:
    if outcome.reason is None and outcome.error is None and outcome.answer is None:
        return _plain_end_detail(outcome.state)
    detail: dict[str, Any] = {"state": outcome.state}
    if outcome.reason is not None:
        detail["reason"] = _shown(outcome.reason)
    if outcome.error is not None:
        detail["error"] = _shortened(outcome.error)
    if outcome.answer is not None:
        detail["answer"] = outcome.answer
    return encode(detail)


@cache
def _plain_end_detail(state: JobState) -> str:
    return encode({"state": state})


def _retry_detail(event: JobRetried) -> str:
    return encode({"due": event.due, "error": _shortened(event.error)})


def _shown(reason: str | None) -> str | None:
    return None if reason is None else plain_text(reason, LONGEST_MESSAGE)


def _shortened(error: ErrorText | None) -> str:
    return str(error or "")[:_LONGEST_ERROR]


_DETAILS: Final[dict[type[Event], Callable[[Any], str]]] = {
    JobStarted: lambda event: _start_detail(event.attempt, event.runner, event.where),
    JobFinished: lambda event: _end_detail(event.outcome),
    JobStopped: lambda event: _end_detail(event.outcome),
    JobRequested: lambda event: encode({"request": event.request, "reason": _shown(event.reason)}),
    JobCancelling: lambda event: encode({"reason": _shown(event.reason)}),
    JobRetried: _retry_detail,
    JobProgressed: lambda event: encode(
        {"stages": plain_text(label_of(event.progress.stages), LONGEST_LABEL)}
    ),
    JobUpdated: lambda event: encode(
        {"name": plain_text(event.info.name, LONGEST_LABEL), "priority": event.info.priority}
    ),
}
