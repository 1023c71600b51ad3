"""The ending of an attempt, the outcome it gives the job, and the error a waiter gets.

Three small steps, each a pure function over the one before::

    Ending (returned, raised, stopped) ──judge(request)─► Outcome ──unwrap─► value or exception

The judgement, for every way an attempt can end:

=====================  ================  ================  ================  ================
the attempt            nothing asked     cancel asked      timed out         interrupt asked
=====================  ================  ================  ================  ================
returned a value       succeeded         succeeded         succeeded         succeeded
notified, returned x   succeeded, x      cancelled, x      failed, timed out interrupted
returned cancelled(x)  cancelled, x      cancelled, x      cancelled, x      cancelled, x
returned succeeded(x)  succeeded, x      succeeded, x      succeeded, x      succeeded, x
raised an Exception    failed            cancelled         failed, timed out interrupted
raised anything else   failed            cancelled         failed, timed out interrupted
stopped by its scope   cancelled         cancelled         failed, timed out interrupted
=====================  ================  ================  ================  ================

A pause or resume that was asked for is nothing asked.

*Notified* is an attempt whose own code has received the request: it asked, and the answer was yes,
or a cancellation was raised in it.  A function that then saves its work and returns has stopped,
and has not succeeded: its checkpoint is needed, and its phase of a chain is not done.  One that has
never looked has done its work; and one that was notified and has finished all the same can state
it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from .chain_result import ChainResult
from .checks import class_name_of
from .error_text import ErrorText, is_soon_described
from .errors import (
    ChainFailed,
    JobCancelled,
    JobFailed,
    JobInterrupted,
    JobTimedOut,
    ResultNotKept,
)
from .exception_tree import add_note, is_a, notes_of, release_frames, without_traceback
from .field_docs import documented
from .last_references import drop_elsewhere, is_plain
from .snooze import Snooze, asked_delay
from .states import JobState, Request

OWNER_CANCELLED: Final = "its owner was cancelled"
STOPPING: Final = frozenset({Request.CANCEL, Request.TIME_OUT, Request.INTERRUPT})
"""The requests to end."""


class Partial(Struct, frozen=True):
    """The return value of a job function that was cancelled, and has a partial result."""

    value: object


class Succeeded(Struct, frozen=True):
    """The return value of a job function that has finished although it was notified of a cancel."""

    value: object


class Answer(StrEnum):
    """The answer of a job's code to the request to end, where it returned after one."""

    STOPPED = "stopped"
    """It was notified of the request, and stopped: its value is a partial result."""
    FINISHED = "finished"
    """It was notified, and has stated by ``ja.succeeded`` that it has finished all the same."""
    UNHEARD = "unheard"
    """It has never looked, and came to its end."""


@documented
class NotKept(Struct, frozen=True):
    """Stands for a result of an earlier process that JSON could not hold."""

    type: str
    """The name of the result's type, with its module."""

    def __repr__(self) -> str:
        return f"<NotKept {self.type}>"


class Returned(Struct, frozen=True):
    """The attempt returned ``value``, perhaps after it was notified of the request to end."""

    value: object
    told: bool = False


class Raised(Struct, frozen=True):
    """The attempt raised ``exception``; ``text`` was taken while its frames were alive."""

    exception: BaseException
    text: ErrorText
    delay: float | ValueError | None = None
    """The seconds for which a :class:`Snooze` asks, or the reason why these cannot be."""

    @classmethod
    def of(cls, exception: BaseException, text: ErrorText) -> Raised:
        """Read what an exception asks for, which runs its own code."""
        return cls(exception, text, asked_delay(exception) if is_a(exception, Snooze) else None)


class RaisedElsewhere(BaseException):
    """Raised by a runner whose attempt raised in another process: it brings the ending along."""

    def __init__(self, ending: Raised) -> None:
        super().__init__(str(ending.text))
        self.ending = ending


class Stopped(Struct, frozen=True):
    """The attempt unwound in answer to its own cancel scope or stop signal."""


Ending = Returned | Raised | Stopped


@documented
class Outcome(Struct, frozen=True):
    """The end of a job, or its rest."""

    state: JobState
    """A terminal state, or ``interrupted``."""
    value: object = None
    """The result; for a cancelled job, its partial result; for a chain that failed, its result so
    far."""
    exception: BaseException | None = None
    """The exception itself, its frames let go; None when only its text is known."""
    error: ErrorText | None = None
    """The same exception as text; None if there was none."""
    reason: str | None = None
    """The reason why it was cancelled, interrupted or timed out; None for no reason."""
    cause_id: str | None = None
    """The id of the job whose end cancelled this one, and whose the error is; None if none did."""
    answer: Answer | None = None
    """The answer of its code to the request to end; None if there was none, or if its code did not
    return after it."""

    def __repr__(self) -> str:
        # The value stays out: it may be huge, and it may hold what must not stand in a log.
        what = (
            self.error
            or self.reason
            or (class_name_of(self.value) if self.value is not None else "")
        )
        return f"<Outcome {self.state}{f': {what}' if what else ''}>"

    # The defaults, because the interpreter's end may come before the end of this.
    def __del__(
        self,
        _is_plain: Callable[[object], bool] = is_plain,
        _drop: Callable[[object], None] = drop_elsewhere,
    ) -> None:
        value, exception = self.value, self.exception
        if exception is not None or not (value is None or _is_plain(value)):
            _drop((value, exception))


def ending_of(exc: BaseException) -> Raised:
    """Make ``exc`` an ending: take its text, then release all frames it holds.

    This runs the exception's own code, and may take long: for one of another thread's job it is
    done in a thread.  Nothing escapes; one whose code fails is described by its name alone.
    """
    if type(exc) is RaisedElsewhere:
        return exc.ending
    try:
        text = ErrorText.of(exc)
        release_frames(exc)
        return Raised.of(exc, text)
    except BaseException:  # its __str__ or __setattr__ is the job's code: it may raise anything
        return unshown(exc)


def as_the_function_raised(exc: BaseException) -> BaseException:
    """Return the StopIteration that Python has wrapped, since it left a coroutine; else ``exc``.

    Which coroutine that was depends on the runner, and a job's error must not.
    """
    if type(exc) is not RuntimeError or exc.args != ("coroutine raised StopIteration",):
        return exc
    cause = exc.__cause__
    return cause if cause is not None and is_a(cause, StopIteration) else exc


def runs_no_code(exc: BaseException) -> bool:
    """Whether :func:`ending_of` runs no code of an exception's class, and takes no time."""
    if is_a(exc, Snooze):
        return type(exc) is Snooze  # a derived one may compute its delay
    return type(exc) is RaisedElsewhere or is_soon_described(exc)


def unshown(exc: BaseException) -> Raised:
    """Return the ending by an exception of which only the name is shown."""
    name = class_name_of(exc)
    return Raised(RuntimeError(f"{name}, which cannot be shown"), ErrorText(name, "", ""))


def is_success(ending: Ending) -> bool:
    """Whether a job that ends so has succeeded, whatever was asked of it."""
    if not isinstance(ending, Returned):
        return False
    kind = type(ending.value)
    return kind is Succeeded or not (ending.told or kind is Partial)


def judge(ending: Ending, request: Request | None, reason: str | None) -> Outcome:
    """Decide what an attempt's ending makes of its job; the module's table, row by row."""
    if type(ending) is Returned:  # a match takes longer, and most attempts end so
        return _judge_return(ending.value, ending.told, request, reason)
    match ending:
        case Raised(exception, text):
            return _judge_unfinished(request, reason, exception, text)
        case _:
            if request in STOPPING:
                return _judge_unfinished(request, reason, None, None)
            return Outcome(JobState.CANCELLED, reason=reason or OWNER_CANCELLED)


def _judge_return(
    value: object, told: bool, request: Request | None, reason: str | None
) -> Outcome:
    was_asked = request in STOPPING
    stopped = Answer.STOPPED if was_asked else None
    if type(value) is Partial:  # not isinstance: it asks the value for its __class__
        return Outcome(JobState.CANCELLED, value.value, reason=reason, answer=stopped)
    if type(value) is Succeeded:
        finished = Answer.FINISHED if was_asked else None
        return Outcome(JobState.SUCCEEDED, value.value, answer=finished)
    if not (was_asked and told):
        return Outcome(JobState.SUCCEEDED, value, answer=Answer.UNHEARD if was_asked else None)
    outcome = _judge_unfinished(request, reason, None, None)
    partial = value if outcome.state is JobState.CANCELLED else None
    return replace(outcome, value=partial, answer=stopped)


def _judge_unfinished(
    request: Request | None,
    reason: str | None,
    exception: BaseException | None,
    text: ErrorText | None,
) -> Outcome:
    # The exception itself does not outlive the process, and neither would its details.
    value = exception.result if type(exception) is ChainFailed else None
    match request:
        case Request.CANCEL:
            return Outcome(JobState.CANCELLED, value, exception, text, reason)
        case Request.INTERRUPT:
            return Outcome(JobState.INTERRUPTED, None, exception, text, reason)
        case Request.TIME_OUT:
            reason = reason or "it ran out of time"
            timed_out = ErrorText(f"{JobTimedOut.__module__}.JobTimedOut", reason, "")
            return Outcome(JobState.FAILED, value, exception, text or timed_out, reason)
        case _:
            return Outcome(JobState.FAILED, value, exception, text)


def unwrap(job_id: str, outcome: Outcome) -> Any:
    """Return the job's result, or raise what a waiter gets: see :func:`error_for_waiter`."""
    error = error_for_waiter(job_id, outcome)
    if error is None:
        return outcome.value
    without_traceback(error)  # a fresh one: the frames would grow with every waiter
    try:
        raise error
    finally:
        del error


def error_for_waiter(job_id: str, outcome: Outcome) -> Exception | None:
    """Return the exception a waiter gets for ``outcome``, or None if the job succeeded.

    * a result of an earlier process of which only the type is known: :class:`ResultNotKept`.
    * ``failed``: the job's own :class:`Exception`; anything else arrives as ``JobFailed from`` it.
      Of an earlier process it is :class:`ChainFailed` for a chain, and else :class:`JobFailed`.
    * timed out: :class:`JobTimedOut`.
    * ``cancelled``: :class:`JobCancelled`, ``from`` the error of its own or of the job that it
      comes after, if there was one; ``interrupted``: :class:`JobInterrupted`.

    Never the cancellation of trio or asyncio, nor anything else that would end the waiter's own
    loop, generator or process.
    """
    match outcome.state:
        case JobState.SUCCEEDED:
            value = outcome.value
            return ResultNotKept(job_id, value.type) if type(value) is NotKept else None
        case JobState.CANCELLED:
            return _cancellation(job_id, outcome)
        case JobState.INTERRUPTED:
            return JobInterrupted(job_id, outcome.reason)
        case _:
            return _failure(job_id, outcome)


_LOOP_ENDING: Final = (StopIteration, StopAsyncIteration)


def _failure(job_id: str, outcome: Outcome) -> Exception:
    exc, text = outcome.exception, outcome.error
    if exc is None and type(outcome.value) is ChainResult:
        exc = ChainFailed(outcome.value)
    if outcome.reason is not None:
        return _caused_by(JobTimedOut(job_id, outcome.reason), exc)
    if exc is not None and is_a(exc, Exception) and not is_a(exc, *_LOOP_ENDING):
        _annotate(exc, job_id, text)
        return cast("Exception", exc)
    return _caused_by(JobFailed(job_id, str(text) if text else "no reason is known"), exc)


def _cancellation(job_id: str, outcome: Outcome) -> Exception:
    error = JobCancelled(job_id, outcome.reason, outcome.value)
    cause, text, whose = outcome.exception, outcome.error, outcome.cause_id
    if cause is None and whose is not None:  # of an earlier process, or it was only cancelled
        cause = JobCancelled(whose, None) if text is None else JobFailed(whose, str(text))
    if cause is not None:
        _annotate(cause, whose or job_id, text)
    return _caused_by(error, cause)


def _caused_by(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


def _annotate(exc: BaseException, job_id: str, text: ErrorText | None) -> None:
    """Add the job's traceback as a note, once."""
    heading = f"raised in job {job_id}:"
    if text is not None and not any(note.startswith(heading) for note in notes_of(exc)):
        add_note(exc, f"{heading}\n{text.traceback}")
