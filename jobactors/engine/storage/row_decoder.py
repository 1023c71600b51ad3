"""A row of a store as a job again.  Pure: what a row says is checked, and never executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from jobactors.engine.records.stored_submit import StoredSubmit
from jobactors.model.chain_result_json import chain_result_from_json
from jobactors.model.exact import from_json
from jobactors.model.info import NO_METADATA, JobInfo
from jobactors.model.outcome import ErrorText, NotKept, Outcome
from jobactors.model.progress import NO_PROGRESS, Progress
from jobactors.model.snapshot import JobSnapshot
from jobactors.model.states import JobState, Request, Waiting

from .row_encoder import CHAIN_RESULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobactors.model.stored_rows import JobRow

T = TypeVar("T")
E = TypeVar("E", Request, Waiting)


class UnreadableJob(ValueError):
    """A row says something no job could be."""


def read_row(row: JobRow) -> tuple[JobSnapshot, StoredSubmit]:
    """Return a job's snapshot as it was kept, and its spec.

    Raises:
        UnreadableJob: if the row says something no job could be; the message says what.
    """
    try:
        info, spec = _read_spec(row)
        return _read_status(row, info), spec
    except UnreadableJob:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise UnreadableJob(f"{type(exc).__name__}: {exc}") from None


def _read_spec(row: JobRow) -> tuple[JobInfo, StoredSubmit]:
    said = _object(from_json(row.spec), "spec")
    info = JobInfo(
        id=row.id,
        type=_field(said, "type", str, row.type),
        name=_field(said, "name", str, row.type),
        submitted_at=row.submitted_at,
        description=_field(said, "description", str, ""),
        subject=_field(said, "subject", str, row.subject),
        tags=tuple(_texts(said, "tags")),
        metadata=_object(said.get("metadata", NO_METADATA), "metadata"),
        icon=_field(said, "icon", str, ""),
        priority=_field(said, "priority", int, 0),
        key=_read_key(said.get("key")),
        continues=said["continues"] if isinstance(said.get("continues"), str) else None,
    )
    spec = StoredSubmit(
        arguments=_field(said, "arguments", str, ""),
        options=_field(said, "options", str, "{}"),
        after=tuple(_read_edge(edge) for edge in _field(said, "after", list, [])),
        source=_field(said, "source", str, ""),
        lost=_field(said, "lost", str, ""),
    )
    return info, spec


def _read_status(row: JobRow, info: JobInfo) -> JobSnapshot:
    said = _object(from_json(row.status), "status")
    log = _field(said, "log", list, [0, 0])
    error = _read_error(said.get("error"))
    outcome = _read_outcome(row, said, error)
    settled = row.state.is_terminal or row.state is JobState.INTERRUPTED
    if settled is (outcome is None):
        raise UnreadableJob(
            f"it is {row.state}, and has {'no' if outcome is None else 'an'} outcome"
        )
    return JobSnapshot(
        info=info,
        state=row.state,
        changed_at=row.changed_at,
        attempt=_field(said, "attempt", int, 0),
        runner=_field(said, "runner", str, ""),
        started_at=_number(said, "started_at"),
        finished_at=row.finished_at,
        waiting=_member(Waiting, said.get("waiting")),
        due=_number(said, "due"),
        request=_member(Request, said.get("request")),
        reason=said["reason"] if isinstance(said.get("reason"), str) else None,
        progress=_read_progress(said.get("progress")),
        error=error,
        outcome=outcome,
        stuck=said.get("stuck") is True,
        log_lines=int(log[0]),
        log_cut=int(log[1]),
        paused_for=_number(said, "paused_for") or 0,
        read=row.read,
    )


def _read_outcome(row: JobRow, said: Mapping[str, Any], error: ErrorText | None) -> Outcome | None:
    kept = said.get("outcome")
    if kept is None:
        return None
    kept = _object(kept, "outcome")
    value: object = None
    if row.result is not None:
        value = from_json(row.result)
        if kept.get("type") == CHAIN_RESULT:
            value = chain_result_from_json(value)
    elif isinstance(kept.get("type"), str):
        value = NotKept(kept["type"])
    reason = kept.get("reason")
    return Outcome(
        row.state,
        value,
        error=error if kept.get("failed") is True else None,
        reason=reason if isinstance(reason, str) else None,
    )


def _read_error(said: Any) -> ErrorText | None:
    match said:
        case None:
            return None
        case [str(kind), str(message), str(trace)]:
            return ErrorText(kind, message, trace)
        case _:
            raise UnreadableJob("its error has another form")


def _read_progress(said: Any) -> Progress:
    if said is None:
        return NO_PROGRESS
    said = _object(said, "progress")
    counters = _object(said.get("counters", {}), "counters")
    return Progress(
        done=_number(said, "done") or 0,
        total=_number(said, "total"),
        fraction=_number(said, "fraction"),
        unit=_field(said, "unit", str, ""),
        message=_field(said, "message", str, ""),
        counters={k: v for k, v in counters.items() if isinstance(v, int | float)},
        stages=tuple(_texts(said, "stages")),
        pausable=said.get("pausable") is True,
    )


def _read_key(said: Any) -> object:
    match said:
        case {"tuple": [*parts]}:
            return tuple(_read_key(part) for part in parts)
        case str() | int():
            return said
        case _:
            return None


def _read_edge(said: Any) -> tuple[str, str]:
    match said:
        case [str(job_id), "succeeded" | "finished" as when]:
            return job_id, when
        case _:
            raise UnreadableJob("it comes after something that is no job")


def _object(said: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(said, dict):
        raise UnreadableJob(f"its {name} is {type(said).__name__}, not an object")
    return cast("dict[str, Any]", said)


def _field(said: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    if name not in said:
        return default
    value: Any = said[name]
    if not _is_exactly(kind, value):
        raise UnreadableJob(f"its {name} is {type(value).__name__}, not {kind.__name__}")
    known: T = value
    return known


def _is_exactly(kind: type, value: object) -> bool:
    return type(value) is kind  # True is a number to isinstance, but not to whoever wrote it


def _texts(said: Mapping[str, Any], name: str) -> list[str]:
    words = _field(said, name, list, [])
    if not all(isinstance(word, str) for word in words):
        raise UnreadableJob(f"its {name} are not all texts")
    return words


def _number(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableJob(f"its {name} is {type(value).__name__}, not a number")
    return value


def _member(kind: type[E], value: Any) -> E | None:
    return None if value is None else kind(value)
