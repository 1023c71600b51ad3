"""The delay after which a job whose attempt has raised is run again, by its retry or a snooze."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from jobactors.model.outcome import ending_of
from jobactors.model.snooze import Snooze

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.records.record import Record
    from jobactors.model.outcome import Raised

LONGEST_DELAY: Final = 10 * 365 * 86400.0
"""Seconds: a longer delay was meant as a moment, or in milliseconds."""


def delay_after(
    record: Record, ending: Raised, check_start: Callable[[], None]
) -> tuple[float | None, Raised]:
    """Return the delay until another attempt, or None, and the ending.

    It may depend on the user's own code: a class in ``Retry.on``, an attribute of a ``Snooze``.  If
    that raises, its error is the ending, and there is no other attempt; so it is for one that
    could never start.  A snooze is counted in the record.

    Args:
        record: The job.
        ending: The error that its attempt has raised.
        check_start: Raises if the job could never start again.
    """
    try:
        delay = _delay(record, ending.exception)
        if delay is not None:
            check_start()
        return delay, ending
    except Exception as exc:
        exc.__cause__ = ending.exception
        return None, ending_of(exc)


def _delay(record: Record, exception: BaseException) -> float | None:
    if issubclass(type(exception), Snooze):
        snoozed = _checked(exception.delay)  # type: ignore[attr-defined]
        record.snoozes += 1
        return snoozed
    retry = record.options.retry
    if retry is None:
        return None
    # Jitter spreads load; it needs no secret.
    chance = random.random()  # noqa: S311
    failures = record.snapshot.attempt - record.snoozes
    delay = retry.delay_after(failures, exception, chance)
    return None if delay is None else _checked(delay)


def _checked(delay: object) -> float:
    """Return the delay that a job, or its ``Retry``, asks for.

    Raises:
        ValueError: for one that no clock could wait for.
    """
    if type(delay) in {int, float} and 0 <= delay <= LONGEST_DELAY:  # type: ignore[operator]
        return float(delay)  # type: ignore[arg-type]
    raise ValueError(
        f"the delay until the next attempt is a number of seconds from 0 to {LONGEST_DELAY:.0f}, "
        f"not {_shown(delay)}"
    )


def _shown(value: object) -> str:
    try:
        return f"{value!r:.100}"
    except Exception:  # its __repr__ is the user's
        return f"a {type(value).__name__}"
