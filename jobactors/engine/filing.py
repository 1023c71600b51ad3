"""A job, and what happens to it, as rows of a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from jobactors.model.events import (
    JobCancelling,
    JobFinished,
    JobQueued,
    JobRequested,
    JobRetried,
    JobStarted,
    JobStopped,
    JobUpdated,
)
from jobactors.model.exact import NotExact, exact_json
from jobactors.model.outcome import NotKept
from jobactors.model.progress import NO_PROGRESS, Progress
from jobactors.model.stored import EventRow, JobRow

from .spec import LARGEST

if TYPE_CHECKING:
    from jobactors.model.events import Event
    from jobactors.model.snapshot import JobInfo, JobSnapshot

    from .spec import Spec

_LARGEST_NOTE: Final = 2**20
"""Characters of JSON: of a longer metadata value only its type's name is kept."""


def row_of(snapshot: JobSnapshot, spec: Spec) -> JobRow:
    """Describe a job whole."""
    status, result = status_of(snapshot)
    info = snapshot.info
    return JobRow(
        id=info.id,
        type=column(info.type),
        subject=column(info.subject),
        state=snapshot.state,
        submitted_at=info.submitted_at,
        changed_at=snapshot.changed_at,
        finished_at=snapshot.finished_at,
        read=snapshot.read,
        spec=_spec_text(info, spec),
        status=status,
        result=result,
        after=tuple(job_id for job_id, _ in spec.after),
    )


def column(text: str) -> str:
    """Make a text one that every database takes: half a surrogate is written out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _spec_text(info: JobInfo, spec: Spec) -> str:
    said: dict[str, Any] = {"name": info.name, "type": info.type, "subject": info.subject}
    for field in ("description", "icon", "priority", "continues"):
        value = getattr(info, field)
        if value:
            said[field] = value
    if info.tags:
        said["tags"] = list(info.tags)
    if info.metadata:
        said["metadata"] = {key: _shown(value) for key, value in info.metadata.items()}
    if info.key is not None:
        said["key"] = _key(info.key)
    said.update(
        arguments=spec.arguments,
        options=spec.options,
        after=spec.after,
        source=spec.source,
        lost=spec.lost,
    )
    return json.dumps(said, default=_type_name)


def _shown(value: object) -> object:
    """A metadata value as it is kept: exactly, or the name of its type."""
    try:
        text = exact_json(value)
    except NotExact:
        return _type_name(value)
    return value if len(text) <= _LARGEST_NOTE else _type_name(value)


def _key(key: object) -> object:
    """A key as JSON: tuples are marked, what cannot be said is no key in the next process."""
    if isinstance(key, tuple):
        parts = [_key(part) for part in key]
        return None if None in parts else {"tuple": parts}
    return key if type(key) in {str, int} else None


def status_of(snapshot: JobSnapshot, *, with_result: bool = True) -> tuple[str, str | None]:
    """Describe how a job stands: JSON of its status, and JSON of its result if it has one."""
    said: dict[str, Any] = {"attempt": snapshot.attempt, "runner": snapshot.runner}
    for field in ("started_at", "waiting", "due", "request", "reason", "stuck", "paused_for"):
        value = getattr(snapshot, field)
        if value:
            said[field] = value
    if snapshot.log_lines:
        said["log"] = [snapshot.log_lines, snapshot.log_cut]
    if snapshot.progress is not NO_PROGRESS:
        said["progress"] = _progress_said(snapshot.progress)
    if snapshot.error is not None:
        error = snapshot.error
        said["error"] = [error.type, error.message, error.traceback]
    result = None
    outcome = snapshot.outcome
    if outcome is not None:
        said["outcome"] = {"reason": outcome.reason, "failed": outcome.error is not None}
        if outcome.value is not None:
            said["outcome"]["type"] = _type_name(outcome.value)
            result = _result_text(outcome.value) if with_result else None
    return json.dumps(said, default=_type_name), result


def _result_text(value: object) -> str | None:
    try:
        text = exact_json(value)
    except (NotExact, RecursionError, MemoryError):
        return None
    return text if len(text) <= LARGEST else None


def _progress_said(progress: Progress) -> dict[str, Any]:
    said = {
        field.name: getattr(progress, field.name)
        for field in attrs.fields(Progress)
        if field.name not in {"rate", "time_left", "counters", "stages"}
    }
    said["counters"] = dict(progress.counters)
    said["stages"] = list(progress.stages)
    return said


def _type_name(value: object) -> str:
    if isinstance(value, NotKept):
        return value.type
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def event_row(event: Event) -> EventRow:
    """Describe an event in short."""
    said: dict[str, Any] = {}
    match event:
        case JobStarted():
            said = {"attempt": event.attempt, "runner": event.runner}
        case JobRequested():
            said = {"request": event.request, "reason": event.reason}
        case JobCancelling():
            said = {"reason": event.reason}
        case JobRetried():
            said = {"due": event.due, "error": str(event.error or "")[:500]}
        case JobFinished() | JobStopped():
            outcome = event.outcome
            said = {"state": outcome.state, "reason": outcome.reason}
            if outcome.error is not None:
                said["error"] = str(outcome.error)[:500]
        case JobQueued() | JobUpdated():
            said = {"name": event.info.name, "priority": event.info.priority}
        case _:
            pass
    return EventRow(event.job_id, event.at, type(event).__name__, json.dumps(said))
