"""Spans of jobs for OpenTelemetry, in a program that has imported ``opentelemetry`` itself.

A job is one span, from its submit to its end or rest.  Its parent is the span in which it was
submitted, of a job or of anything else; its code, and the jobs that it submits, have the job's span
for their parent.  A run of a schedule has no parent: the span in which the schedule was declared is
long over, and is linked, as are unfinished jobs that a job comes after.  Attempts and stages are
events of the span.

A span that is not sampled is held all the same: what the job's code begins is not sampled either.

The API is looked up in ``sys.modules``, never imported.  Spans and their processors are the code of
others: an error in them costs a job its span, and nothing else.  How the span reaches the code of
other processes is in :mod:`jobactors.inside.context.own_trace`.
"""

from __future__ import annotations

import contextvars
import sys
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.context.own_trace import API
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.events import (
    JobFinished,
    JobPaused,
    JobProgressed,
    JobRequested,
    JobResumed,
    JobRetried,
    JobStarted,
    JobStopped,
    JobStuck,
)
from jobactors.model.spans import label_of
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobactors.engine.records.record import Record
    from jobactors.model.events import Event
    from jobactors.model.outcome import Outcome
    from jobactors.model.snapshot import JobSnapshot

_BILLION: Final = 1_000_000_000
_PREFIX: Final = "jobactors.job"


def begin_span(record: Record, at: float) -> None:
    """Begin the span of a job, if this program uses OpenTelemetry.

    Args:
        record: The job, which has been submitted, or goes on.
        at: The moment, in seconds since the epoch.
    """
    trace: Any = sys.modules.get(API)
    if trace is None:
        return
    try:
        record.span = _begun(trace, record, at)
    except Exception:
        LOG.exception("job %s has no span", record.id)


def note_in_span(record: Record, event: Event, before: JobSnapshot) -> None:
    """Note an event in the span of its job, which ends with the job."""
    try:
        if record.span.is_recording():
            name, attributes = _told(event, before)
            if name:
                record.span.add_event(name, attributes, _nanoseconds(event.at))
        if isinstance(event, (JobFinished, JobStopped)):
            span, record.span = record.span, None
            _finish(span, event.outcome, record.snapshot)
            span.end(_nanoseconds(event.at))
    except Exception:
        record.span = None
        LOG.exception("the span of job %s is lost", record.id)


def context_in_span(record: Record) -> contextvars.Context | None:
    """Return the context for an attempt of a job: its own, with its span as the present one."""
    if record.span is None:
        return record.context
    context = contextvars.Context() if record.context is None else record.context.copy()
    try:
        context.run(_enter, record.span)
    except Exception:
        LOG.exception("the code of job %s does not run in its span", record.id)
        return record.context
    return context


def enter_span(record: Record) -> object:
    """Make a job's span the present one, for code that goes on as the job; return how to leave."""
    try:
        return None if record.span is None else _enter(record.span)
    except Exception:
        LOG.exception("the code of job %s does not run in its span", record.id)
        return None


def leave_span(entered: object) -> None:
    """Leave the span of a job, in the context in which it was entered."""
    if entered is not None:
        sys.modules["opentelemetry.context"].detach(entered)


def _begun(trace: Any, record: Record, at: float) -> Any:
    info = record.snapshot.info
    submitter = (contextvars.Context() if record.context is None else record.context).copy()
    around = submitter.run(trace.get_current_span).get_span_context()
    before = [edge.upstream.span for edge in record.edges.values()]
    linked = [span.get_span_context() for span in before if span is not None]
    parent: Any = None
    if around.is_valid and info.schedule:
        linked.append(around)
    elif around.is_valid:
        parent = trace.set_span_in_context(trace.NonRecordingSpan(around))
    # An empty context, or the loop's own present span would be the parent.
    parent = sys.modules["opentelemetry.context"].Context() if parent is None else parent
    span = trace.get_tracer("jobactors").start_span(
        f"job {info.type}",
        context=parent,
        attributes=_attributes_of(record),
        links=[trace.Link(one) for one in linked],
        start_time=_nanoseconds(at),
    )
    return span if span.get_span_context().is_valid else None


def _attributes_of(record: Record) -> dict[str, str]:
    info = record.snapshot.info
    known = {
        "id": info.id,
        "name": info.name,
        "type": info.type,
        "subject": info.subject,
        "runner": record.runner.name,
        "schedule": info.schedule,
        "continues": info.continues or "",
    }
    return {f"{_PREFIX}.{name}": text for name, text in known.items() if text}


def _told(event: Event, before: JobSnapshot) -> tuple[str, Mapping[str, Any]]:
    """Return the name and attributes of an event in a span; no name if it is not told."""
    match event:
        case JobStarted():
            where = {"where": event.where} if event.where else {}
            return "attempt", {"attempt": event.attempt, "runner": event.runner, **where}
        case JobRetried():
            error = "" if event.error is None else str(event.error)
            return "retry", {"after": max(0.0, event.due - event.at), "error": error[:1000]}
        case JobProgressed() if event.progress.stages not in {before.progress.stages, ()}:
            return "stage", {"stage": label_of(event.progress.stages)}
        case JobRequested() if event.request is not None:
            return f"{event.request} requested", {"reason": event.reason or ""}
        case JobPaused() | JobResumed() | JobStuck():
            return type(event).__name__.removeprefix("Job").lower(), {}
        case _:
            return "", {}


def _finish(span: Any, outcome: Outcome, snapshot: JobSnapshot) -> None:
    span.set_attribute(f"{_PREFIX}.state", str(outcome.state))
    span.set_attribute(f"{_PREFIX}.attempts", snapshot.attempt)
    if outcome.reason:
        span.set_attribute(f"{_PREFIX}.reason", outcome.reason)
    trace: Any = sys.modules[API]
    if outcome.state is JobState.SUCCEEDED:
        span.set_status(trace.StatusCode.OK)
    elif outcome.state is JobState.FAILED:
        error = outcome.error
        span.set_status(trace.StatusCode.ERROR, str(error or outcome.reason or "")[:1000])
        if error is not None:
            told = {"type": error.type, "message": error.message, "stacktrace": error.traceback}
            span.add_event("exception", {f"exception.{name}": text for name, text in told.items()})


def _enter(span: Any) -> object:
    trace: Any = sys.modules[API]
    token: object = sys.modules["opentelemetry.context"].attach(trace.set_span_in_context(span))
    return token


def _nanoseconds(at: float) -> int:
    return int(at * _BILLION)
