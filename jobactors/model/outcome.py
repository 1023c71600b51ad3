"""How an attempt ended, what that makes of the job, and what a waiter gets.

Three small steps, each a pure function over the one before::

    Ending (returned, raised, stopped) ──judge(request)─► Outcome ──unwrap─► value or exception

The judgement, for every way an attempt can end:

=====================  ================  ================  ================  ================
the attempt            nothing asked     cancel asked      timed out         interrupt asked
=====================  ================  ================  ================  ================
returned a value       succeeded         succeeded         succeeded         succeeded
returned cancelled(x)  cancelled, x      cancelled, x      cancelled, x      cancelled, x
raised an Exception    failed            cancelled         failed, timed out interrupted
raised anything else   failed            cancelled         failed, timed out interrupted
stopped by its scope   cancelled         cancelled         failed, timed out interrupted
=====================  ================  ================  ================  ================

A pause or resume that was asked for is nothing asked.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from msgspec import Struct

from .errors import JobCancelled, JobFailed, JobInterrupted, JobTimedOut, ResultNotKept
from .field_docs import documented
from .states import JobState, Request

if TYPE_CHECKING:
    from types import TracebackType

LONGEST_MESSAGE: Final = 10_000
LONGEST_TRACEBACK: Final = 200_000
OWNER_CANCELLED: Final = "its owner was cancelled"
_STOPPING: Final = frozenset({Request.CANCEL, Request.TIME_OUT, Request.INTERRUPT})


def shorten(text: str, longest: int) -> str:
    """Cut ``text`` to ``longest`` characters, in the middle, with a mark that says how much."""
    if len(text) <= longest:
        return text
    kept = max(0, longest - len(_cut_mark(len(text))))
    head = kept * 2 // 3
    return text[:head] + _cut_mark(len(text) - kept) + text[len(text) - (kept - head) :]


def _cut_mark(characters: int) -> str:
    return f"\n… {characters} characters cut …\n"


@documented
class ErrorText(Struct, frozen=True):
    """An exception as text, which outlives its frames and its process."""

    type: str
    """The name of the exception's class, with its module unless that is ``builtins``."""
    message: str
    """``str(exception)``, at most 10,000 characters."""
    traceback: str
    """The formatted traceback, at most 200,000 characters."""

    @classmethod
    def of(cls, exc: BaseException) -> ErrorText:
        """Describe ``exc``; an exception whose ``__str__`` raises is described all the same."""
        kind = type(exc)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        try:
            message = str(exc)
        except BaseException as broken:  # its __str__ is the job's code: it may raise anything
            message = f"<its __str__ raised {type(broken).__name__}>"
        try:
            lines = traceback.format_exception(kind, exc, _job_frames(exc.__traceback__))
        except Exception as broken:  # a hostile attribute, or groups nested without end
            lines = [f"<the traceback cannot be shown: {type(broken).__name__}>\n"]
        formatted = "".join(lines)
        return cls(
            f"{module}{kind.__qualname__}",
            shorten(message, LONGEST_MESSAGE),
            shorten(formatted, LONGEST_TRACEBACK),
        )

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


_PLUMBING: Final = ("jobactors.", "trio.", "outcome.")


def _job_frames(frames: TracebackType | None) -> TracebackType | None:
    """Skip the frames that lead to the job's own code; a person looks for what comes after them."""
    first = frames
    while first is not None:
        module = first.tb_frame.f_globals.get("__name__", "")
        if not f"{module}.".startswith(_PLUMBING):
            return first
        first = first.tb_next
    return frames


class Partial(Struct, frozen=True):
    """What a job function returns to say "I was cancelled, and this is what I have"."""

    value: object


@documented
class NotKept(Struct, frozen=True):
    """Stands for a result of an earlier process that JSON could not hold."""

    type: str
    """The name of the result's type, with its module."""

    def __repr__(self) -> str:
        return f"<NotKept {self.type}>"


class Returned(Struct, frozen=True):
    """The attempt returned ``value``."""

    value: object


class Raised(Struct, frozen=True):
    """The attempt raised ``exception``; ``text`` was taken while its frames were alive."""

    exception: BaseException
    text: ErrorText


class RaisedElsewhere(BaseException):
    """Raised by a runner whose attempt raised in another process: it brings the ending along."""

    def __init__(self, exception: BaseException, text: ErrorText) -> None:
        super().__init__(str(text))
        self.ending: Raised = Raised(exception, text)


class Stopped(Struct, frozen=True):
    """The attempt unwound in answer to its own cancel scope or stop signal."""


Ending = Returned | Raised | Stopped


@documented
class Outcome(Struct, frozen=True):
    """What a job ended with, or came to rest with."""

    state: JobState
    """A terminal state, or ``interrupted``."""
    value: object = None
    """The result; for a cancelled job, the partial result it kept."""
    exception: BaseException | None = None
    """The exception itself, its frames let go; None when only its text is known."""
    error: ErrorText | None = None
    """The same as text."""
    reason: str | None = None
    """Why it was cancelled, interrupted or timed out."""

    def __repr__(self) -> str:
        # The value stays out: it may be huge, and it may hold what must not stand in a log.
        what = (
            self.error
            or self.reason
            or (type(self.value).__name__ if self.value is not None else "")
        )
        return f"<Outcome {self.state}{f': {what}' if what else ''}>"


def ending_of(exc: BaseException) -> Raised:
    """Keep ``exc`` as an ending: take its text, then let go of all frames it holds."""
    if isinstance(exc, RaisedElsewhere):
        return exc.ending
    text = ErrorText.of(exc)
    release_frames(exc)
    return Raised(exc, text)


def is_success(ending: Ending) -> bool:
    """Whether a job that ends so has succeeded, whatever was asked of it."""
    return isinstance(ending, Returned) and not isinstance(ending.value, Partial)


def judge(ending: Ending, request: Request | None, reason: str | None) -> Outcome:
    """Decide what an attempt's ending makes of its job; the module's table, row by row."""
    match ending:
        case Returned(Partial(value)):
            return Outcome(JobState.CANCELLED, value, reason=reason)
        case Returned(value):
            return Outcome(JobState.SUCCEEDED, value)
        case Raised(exception, text):
            return _judge_unfinished(request, reason, exception, text)
        case Stopped():
            if request in _STOPPING:
                return _judge_unfinished(request, reason, None, None)
            return Outcome(JobState.CANCELLED, reason=reason or OWNER_CANCELLED)


def _judge_unfinished(
    request: Request | None,
    reason: str | None,
    exception: BaseException | None,
    text: ErrorText | None,
) -> Outcome:
    match request:
        case Request.CANCEL:
            return Outcome(JobState.CANCELLED, None, exception, text, reason)
        case Request.INTERRUPT:
            return Outcome(JobState.INTERRUPTED, None, exception, text, reason)
        case Request.TIME_OUT:
            reason = reason or "it ran out of time"
            timed_out = ErrorText(f"{JobTimedOut.__module__}.JobTimedOut", reason, "")
            return Outcome(JobState.FAILED, None, exception, text or timed_out, reason)
        case _:
            return Outcome(JobState.FAILED, None, exception, text)


def unwrap(job_id: str, outcome: Outcome) -> Any:
    """Return the job's result, or raise what a waiter gets: see :func:`error_for_waiter`."""
    error = error_for_waiter(job_id, outcome)
    if error is None:
        return outcome.value
    try:
        raise error.with_traceback(None)  # a fresh one: kept frames would grow with every waiter
    finally:
        del error


def error_for_waiter(job_id: str, outcome: Outcome) -> Exception | None:
    """Return the exception a waiter gets for ``outcome``, or None if the job succeeded.

    * a result of an earlier process of which only the type is known: :class:`ResultNotKept`.
    * ``failed``: the job's own :class:`Exception`; anything else arrives as ``JobFailed from`` it.
    * timed out: :class:`JobTimedOut`.
    * ``cancelled``: :class:`JobCancelled`; ``interrupted``: :class:`JobInterrupted`.

    Never the cancellation of trio or asyncio, nor anything else that would end the waiter's own
    loop, generator or process.
    """
    match outcome.state:
        case JobState.SUCCEEDED:
            if isinstance(outcome.value, NotKept):
                return ResultNotKept(job_id, outcome.value.type)
            return None
        case JobState.CANCELLED:
            return JobCancelled(job_id, outcome.reason, outcome.value)
        case JobState.INTERRUPTED:
            return JobInterrupted(job_id, outcome.reason)
        case _:
            return _failure(job_id, outcome)


def _failure(job_id: str, outcome: Outcome) -> Exception:
    exc, text = outcome.exception, outcome.error
    if outcome.reason is not None:
        return _caused_by(JobTimedOut(job_id, outcome.reason), exc)
    if isinstance(exc, Exception) and not isinstance(exc, StopIteration | StopAsyncIteration):
        _annotate(exc, job_id, text)
        return exc
    return _caused_by(JobFailed(job_id, str(text) if text else "no reason is known"), exc)


def _caused_by(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


def _annotate(exc: Exception, job_id: str, text: ErrorText | None) -> None:
    heading = f"raised in job {job_id}:"
    with suppress(Exception):  # frozen, or with notes that are none: it does without
        notes: list[str] = getattr(exc, "__notes__", [])
        if text is not None and not any(note.startswith(heading) for note in notes):
            exc.add_note(f"{heading}\n{text.traceback}")


def is_group(exc: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    """Whether this is a group of exceptions.

    After a plain ``isinstance``, what is in it would be *unknown* to a type checker.
    """
    return isinstance(exc, BaseExceptionGroup)


def release_frames(exc: BaseException) -> None:
    """Drop the tracebacks of ``exc`` and of all it is chained to, so that no frame stays alive."""
    pending, seen = [exc], set[int]()
    while pending:
        error = pending.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        error.with_traceback(None)  # an assignment would fail on a frozen dataclass
        pending += [e for e in (error.__cause__, error.__context__) if e is not None]
        if is_group(error):
            pending += error.exceptions
