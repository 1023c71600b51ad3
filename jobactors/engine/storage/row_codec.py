"""Jobs as rows of a store, and rows as jobs again.

Pure: a row that is read is checked, and never executed.  Rows are made in the thread that writes
them, for the snapshots that they describe are frozen.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import UNSET

from jobactors.engine.records.stored_submit import StoredSubmit
from jobactors.model.chain_result import ChainResult
from jobactors.model.chain_result_json import chain_result_as_json, chain_result_from_json
from jobactors.model.error_text import ErrorText
from jobactors.model.exact import NotExact, exact_json, from_json
from jobactors.model.info import NO_METADATA, JobInfo
from jobactors.model.outcome import NotKept, Outcome
from jobactors.model.progress import NO_PROGRESS, Progress
from jobactors.model.snapshot import JobSnapshot
from jobactors.model.states import JobState
from jobactors.model.stored_rows import JobRow, column

from .row_structs import (
    OutcomeJson,
    ProgressJson,
    StatusJson,
    SubmitJson,
    convert,
    decode,
    encode,
    type_name,
)
from .submit_codec import LARGEST

if TYPE_CHECKING:
    from jobactors.model.states import Waiting

_LARGEST_METADATA: Final = 2**20
"""Characters of JSON: of a longer metadata value only the name of its type is stored."""
_CHAIN_RESULT: Final = f"{ChainResult.__module__}.{ChainResult.__qualname__}"


class UnreadableJob(ValueError):
    """No job could have this row."""


# -- from a job to a row


def row_of(snapshot: JobSnapshot, submit: StoredSubmit) -> JobRow:
    """Return the row of a whole job."""
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
        spec=submit_text(info, submit),
        status=status,
        result=result,
        after=tuple(job_id for job_id, _ in submit.after),
    )


def submit_text(info: JobInfo, submit: StoredSubmit) -> str:
    """Return the JSON of a job's labels and submit."""
    metadata = info.metadata
    return encode(
        SubmitJson(
            info.name,
            info.type,
            info.subject,
            submit.arguments,
            submit.options,
            submit.after,  # type: ignore[arg-type]
            submit.source,
            submit.lost,
            info.description,
            info.icon,
            info.priority,
            info.continues,
            info.from_checkpoint,
            info.tags,
            info.schedule,
            info.occurrence,
            {key: _storable(value) for key, value in metadata.items()} if metadata else None,
            _stated_key(info.key),
            info.batch,
            info.index,
            info.batch_size,
            info.item,
        )
    )


def _storable(value: object) -> object:
    """Return a metadata value if JSON holds it exactly, or else the name of its type."""
    try:
        text = exact_json(value)
    except NotExact:
        return type_name(value)
    return value if len(text) <= _LARGEST_METADATA else type_name(value)


def _stated_key(key: object) -> object:
    """Return a key as JSON; nothing is written for a job without one."""
    return UNSET if key is None else _key_json(key)


def _key_json(key: object) -> object:
    """Return a key as JSON, its tuples marked; None for one that the next process cannot have."""
    if isinstance(key, tuple):
        parts = [_key_json(part) for part in cast("tuple[object, ...]", key)]
        return None if None in parts else {"tuple": parts}
    return key if type(key) is str or type(key) is int else None


def status_of(snapshot: JobSnapshot, *, with_result: bool = True) -> tuple[str, str | None]:
    """Return the JSON of a job's status, and that of its result if it has one."""
    outcome = snapshot.outcome
    if snapshot.attempt == 0 and outcome is None and snapshot.due is None:
        return _status_before_a_start(snapshot.waiting), None
    progress, error = snapshot.progress, snapshot.error
    status = StatusJson(
        snapshot.attempt,
        snapshot.runner,
        snapshot.where,
        snapshot.started_at,
        snapshot.waiting,
        snapshot.due,
        snapshot.request,
        snapshot.reason,
        snapshot.stuck,
        snapshot.paused_for,
        (snapshot.log_lines, snapshot.log_cut) if snapshot.log_lines else None,
        None if progress is NO_PROGRESS else _progress_json(progress),
        None if error is None else (error.type, error.message, error.traceback),
        None if outcome is None else _outcome_json(outcome),
    )
    result = None
    if with_result and outcome is not None and outcome.value is not None:
        result = _result_text(outcome.value)
    return encode(status), result


@cache
def _status_before_a_start(waiting: Waiting | None) -> str:
    """Return the status of nearly every new job, made once."""
    return "{}" if waiting is None else encode({"waiting": waiting})


def _result_text(value: object) -> str | None:
    if type(value) is ChainResult:  # not isinstance: it asks the result for its __class__
        value = chain_result_as_json(value)
    try:
        text = exact_json(value)
    except (NotExact, RecursionError, MemoryError):
        return None
    return text if len(text) <= LARGEST else None


def _outcome_json(outcome: Outcome) -> OutcomeJson:
    value = outcome.value
    return OutcomeJson(
        outcome.reason,
        outcome.error is not None,
        None if value is None else type_name(value),
        outcome.cause_id,
        outcome.answer,
    )


def _progress_json(progress: Progress) -> ProgressJson:
    return ProgressJson(
        progress.done,
        progress.total,
        progress.fraction,
        progress.unit,
        progress.message,
        dict(progress.counters),
        progress.stages,
        progress.pausable,
    )


# -- from a row to a job


def read_row(row: JobRow, odd: list[str] | None = None) -> tuple[JobSnapshot, StoredSubmit]:
    """Return the snapshot and the submit of a stored job.

    Args:
        row: Its row.
        odd: Gets the names of parts that make no sense, and are only shown to people: these are
            left out.

    Raises:
        UnreadableJob: if no job could have this row; the message states the reason.
    """
    odd = [] if odd is None else odd
    try:
        info, submit = _read_submit(row, odd)
        return _read_status(row, info, odd), submit
    except UnreadableJob:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise UnreadableJob(f"{type(exc).__name__}: {exc}") from None


def _read_submit(row: JobRow, odd: list[str]) -> tuple[JobInfo, StoredSubmit]:
    read = decode(
        row.spec,
        SubmitJson,
        odd,
        name=row.type,
        type=row.type,
        subject=row.subject,
        arguments="",
        options="{}",
        after=(),
        source="",
        lost="",
    )
    info = JobInfo(
        id=row.id,
        type=read.type,
        name=read.name,
        submitted_at=row.submitted_at,
        description=read.description,
        subject=read.subject,
        tags=read.tags,
        metadata=NO_METADATA if read.metadata is None else read.metadata,
        icon=read.icon,
        priority=read.priority,
        key=_key_from(read.key),
        continues=read.continues,
        from_checkpoint=read.from_checkpoint,
        schedule=read.schedule,
        occurrence=read.occurrence,
        batch=read.batch,
        index=read.index,
        item=read.item,
        batch_size=read.batch_size,
    )
    return info, StoredSubmit(read.arguments, read.options, read.after, read.source, read.lost)


def _read_status(row: JobRow, info: JobInfo, odd: list[str]) -> JobSnapshot:
    read = decode(row.status, StatusJson, odd)
    error = None if read.error is None else ErrorText(*read.error)
    outcome = None if read.outcome is None else _read_outcome(row, read.outcome, error)
    settled = row.state.is_terminal or row.state is JobState.INTERRUPTED
    if settled is (outcome is None):
        raise UnreadableJob(
            f"it is {row.state}, and has {'no' if outcome is None else 'an'} outcome"
        )
    lines, cut = read.log or (0, 0)
    return JobSnapshot(
        info=info,
        state=row.state,
        changed_at=row.changed_at,
        attempt=read.attempt,
        runner=read.runner,
        where=read.where,
        started_at=read.started_at,
        finished_at=row.finished_at,
        waiting=read.waiting,
        due=read.due,
        request=read.request,
        reason=read.reason,
        progress=NO_PROGRESS if read.progress is None else _progress_from(read.progress, odd),
        error=error,
        outcome=outcome,
        stuck=read.stuck,
        log_lines=lines,
        log_cut=cut,
        paused_for=read.paused_for,
        read=row.read,
    )


def _read_outcome(row: JobRow, read: OutcomeJson, error: ErrorText | None) -> Outcome:
    value: object = None
    if row.result is not None:
        value = from_json(row.result)
        if read.type == _CHAIN_RESULT:
            value = chain_result_from_json(value)
    elif read.type is not None:
        value = NotKept(read.type)
    return Outcome(
        row.state,
        value,
        error=error if read.failed else None,
        reason=read.reason,
        cause_id=read.cause,
        answer=read.answer,
    )


def _progress_from(described: object, odd: list[str]) -> Progress:
    try:
        read = convert(described, ProgressJson, odd, **_NO_REPORT)
    except ValueError:
        odd.append("progress")
        return NO_PROGRESS
    counters = {k: v for k, v in read.counters.items() if isinstance(v, int | float)}
    return Progress(
        done=read.done or 0,
        total=read.total,
        fraction=read.fraction,
        unit=read.unit,
        message=read.message,
        counters=counters,
        stages=read.stages,
        pausable=read.pausable,
    )


_NO_REPORT: Final[dict[str, Any]] = {
    "done": None,
    "total": None,
    "fraction": None,
    "unit": "",
    "message": "",
    "counters": {},
    "stages": (),
    "pausable": False,
}


def _key_from(read: object) -> object:
    parts = cast("dict[str, Any]", read).get("tuple") if isinstance(read, dict) else None
    if isinstance(parts, list):
        return tuple(_key_from(part) for part in cast("list[object]", parts))
    return read if isinstance(read, str | int) else None
