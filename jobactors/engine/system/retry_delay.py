"""The delay after which a job whose attempt has raised is run again, by its retry or a snooze."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from jobactors.model.exception_tree import add_note
from jobactors.model.outcome import ending_of
from jobactors.model.snooze import Snooze
from jobactors.model.states import JobState, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.records.record import Record
    from jobactors.model.error_text import ErrorText
    from jobactors.model.outcome import Raised
    from jobactors.model.snapshot import JobSnapshot


def delay_after(
    record: Record, ending: Raised, check_start: Callable[[], None]
) -> tuple[float | None, Raised]:
    """Return the delay until another attempt, or None, and the ending.

    If the attempt asks for a delay that cannot be, or no further one could start, the job ends with
    an error that gives this reason.  A snooze is counted in the record.

    Args:
        record: The job.
        ending: The error that its attempt has raised.
        check_start: Raises if the job could never start again.
    """
    try:
        delay = _delay(record, ending)
        if delay is not None:
            check_start()
        return delay, ending
    except Exception as exc:
        exc.__cause__ = ending.exception
        add_note(exc, f"after the attempt had raised:\n{ending.text.traceback}")
        return None, ending_of(exc)


def error_shown(ending: Raised) -> ErrorText | None:
    """Return the error that a job shows until its next attempt; None for a snooze."""
    return None if issubclass(type(ending.exception), Snooze) else ending.text


def is_to_rest(snapshot: JobSnapshot) -> bool:
    """Return whether a job whose attempt has ended was paused, or was to be, by a command.

    Its next attempt is held then, until ``release``: a retry does not undo a pause.  The process or
    the worker of a paused job may die, and another task of a paused trio job may raise.
    """
    if snapshot.state is JobState.PAUSED:
        return snapshot.request is not Request.RESUME
    return snapshot.request is Request.PAUSE


def _delay(record: Record, ending: Raised) -> float | None:
    if isinstance(ending.delay, ValueError):
        raise ending.delay
    if ending.delay is not None:
        record.snoozes += 1
        return ending.delay
    retry = record.options.retry
    if retry is None:
        return None
    # Jitter spreads load; it needs no secret.
    chance = random.random()  # noqa: S311
    failures = record.snapshot.attempt - record.snoozes
    return retry.delay_after(failures, ending.exception, chance)
