"""When a failed attempt is followed by another, and after how long."""

from __future__ import annotations

import math

from msgspec import Struct


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Snooze(Exception):
    """Raised by a job to be run again later; it does not count as a failed attempt."""

    def __init__(self, delay: float) -> None:
        if not _is_number(delay) or not 0 <= delay < math.inf:
            raise ValueError(f"Snooze takes a number of seconds of at least 0, not {delay!r}")
        super().__init__(f"snoozed for {delay} s")
        self.delay = delay
        """Seconds until the next attempt, at least 0."""


class Retry(Struct, frozen=True):
    """Try again after a failure, later each time.

    The delay before attempt ``n + 1`` is ``base * factor ** (n - 1)`` seconds, at most ``longest``,
    spread by up to ``jitter`` of itself so that jobs which failed together do not return together
    (after Oban's and AWS's backoff with jitter).  A cancelled job is never retried.

    Example::

        jobs.options(retry=Retry(max=3, on=(ConnectionError,))).submit(fetch, url)
    """

    max: int = 3
    """Attempts in all, the first included; at least 1."""
    base: float = 1.0
    """Seconds before the second attempt."""
    factor: float = 2.0
    """What each further delay is multiplied by."""
    jitter: float = 0.1
    """The part of a delay that is drawn by chance, from 0 to 1."""
    longest: float = 3600.0
    """No delay is longer than this many seconds."""
    on: tuple[type[Exception], ...] = (Exception,)
    """Which exceptions are worth another attempt."""

    def __post_init__(self) -> None:
        if not _is_number(self.max) or not self.max >= 1:
            raise ValueError(
                f"Retry(max=…) counts all attempts and is at least 1, not {self.max!r:.100}"
            )
        if not _is_number(self.jitter) or not 0 <= self.jitter <= 1:
            raise ValueError(f"Retry(jitter=…) is from 0 to 1, not {self.jitter!r:.100}")
        for name in ("base", "factor", "longest"):
            value = getattr(self, name)
            if not _is_number(value) or not value >= 0:
                raise ValueError(f"Retry({name}=…) is a number of at least 0, not {value!r:.100}")
        kinds = self.on if isinstance(self.on, tuple) else (self.on,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise TypeError(f"Retry(on=…) takes exception classes in a tuple, not {self.on!r:.100}")

    def delay_after(self, attempt: int, exc: BaseException | None, chance: float) -> float | None:
        """Seconds until the next attempt, or None if there is none.

        Args:
            attempt: The attempt that failed, from 1.
            exc: What it raised.
            chance: A number from 0 to 1 that decides the jitter.
        """
        if attempt >= self.max or not isinstance(exc, self.on):
            return None
        try:
            delay = min(self.longest, self.base and self.base * self.factor ** (attempt - 1))
        except OverflowError:
            delay = self.longest
        return delay * (1 - self.jitter * chance)
