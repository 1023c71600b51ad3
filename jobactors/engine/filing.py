"""A job, and what happens to it, as rows of a store."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from jobactors.model.chain import ChainResult
from jobactors.model.chain_result_json import chain_result_as_json
from jobactors.model.events import (
    JobCancelling,
    JobFinished,
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
    from jobactors.model.outcome import Outcome
    from jobactors.model.snapshot import JobInfo, JobSnapshot
    from jobactors.model.states import JobState, Waiting

    from .spec import Spec

_LONGEST_ERROR: Final = 500
"""Characters of an error in an event log; all of it is in the job's status."""
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
    return _encode(said)


def _encode(said: dict[str, Any]) -> str:
    """Write what a person may have put anything into: what JSON cannot say is named."""
    return _encoder.encode(said)


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
    if snapshot.attempt == 0 and snapshot.outcome is None and snapshot.due is None:
        return _said_before_a_start(snapshot.waiting), None
    said = {name: value for name, value in zip(_STATUS, _status(snapshot), strict=True) if value}
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
        kept: dict[str, Any] = {}
        if outcome.reason is not None:
            kept["reason"] = outcome.reason
        if outcome.error is not None:
            kept["failed"] = True
        if outcome.value is not None:
            kept["type"] = _type_name(outcome.value)
            result = _result_text(outcome.value) if with_result else None
        said["outcome"] = kept
    return _encode(said), result


_STATUS: Final = (
    *("attempt", "runner", "started_at", "waiting", "due"),
    *("request", "reason", "stuck", "paused_for"),
)
_status: Final = attrgetter(*_STATUS)


@cache
def _said_before_a_start(waiting: Waiting | None) -> str:
    """The status of nearly every job that is new."""
    return "{}" if waiting is None else json.dumps({"waiting": waiting})


def _result_text(value: object) -> str | None:
    if isinstance(value, ChainResult):
        value = chain_result_as_json(value)
    try:
        text = exact_json(value)
    except (NotExact, RecursionError, MemoryError):
        return None
    return text if len(text) <= LARGEST else None


def _progress_said(progress: Progress) -> dict[str, Any]:
    said = {
        name: getattr(progress, name)
        for name in Progress.__struct_fields__
        if name not in {"rate", "time_left", "counters", "stages"}
    }
    said["counters"] = dict(progress.counters)
    said["stages"] = list(progress.stages)
    return said


CHAIN_RESULT: Final = f"{ChainResult.__module__}.{ChainResult.__qualname__}"


def _type_name(value: object) -> str:
    if isinstance(value, NotKept):
        return value.type
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def event_row(event: Event) -> EventRow:
    """Describe an event in short."""
    detail = "{}"
    match event:
        case JobStarted():
            detail = _said_of_a_start(event.attempt, event.runner)
        case JobFinished() | JobStopped():
            detail = _said_of_an_end(event.outcome)
        case JobRequested():
            detail = _encode({"request": event.request, "reason": event.reason})
        case JobCancelling():
            detail = _encode({"reason": event.reason})
        case JobRetried():
            detail = _encode({"due": event.due, "error": str(event.error or "")[:_LONGEST_ERROR]})
        case JobUpdated():
            detail = _encode({"name": event.info.name, "priority": event.info.priority})
        case _:
            pass
    return EventRow(event.job_id, event.at, type(event).__name__, detail)


@lru_cache(maxsize=64)
def _said_of_a_start(attempt: int, runner: str) -> str:
    return json.dumps({"attempt": attempt, "runner": runner})


def _said_of_an_end(outcome: Outcome) -> str:
    said: dict[str, Any] = {"state": outcome.state}
    if outcome.reason is not None:
        said["reason"] = outcome.reason
    if outcome.error is not None:
        said["error"] = str(outcome.error)[:_LONGEST_ERROR]
    return _said_of_a_plain_end(outcome.state) if len(said) == 1 else _encode(said)


@cache
def _said_of_a_plain_end(state: JobState) -> str:
    return json.dumps({"state": state})


_encoder: Final = json.JSONEncoder(default=_type_name)
