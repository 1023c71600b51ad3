"""The delay until another attempt, which the job and its ``Retry`` decide."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from jobactors.model.snooze import Snooze

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record

LONGEST_DELAY: Final = 10 * 365 * 86400.0
"""Seconds: what is longer was meant as a moment, or in milliseconds."""


def next_delay(record: Record, exception: BaseException) -> float | None:
    """Return the seconds until a failed job's next attempt, or None if there is none.

    What decides may be the user's own code: a class in ``Retry.on``, an attribute of a ``Snooze``.

    Raises:
        Exception: what that code does.
        ValueError: for a delay that no clock could wait for.
    """
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
