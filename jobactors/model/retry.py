"""Retries: the attempts after a failed one, and the delays between them."""

from __future__ import annotations

import math
from typing import Final, cast

from attrs import field, frozen

from .checks import TEN_YEARS, Field, Validator, as_seconds, check_delay, is_number, named, shown
from .errors import ChainFailed
from .exception_tree import cause_of, is_a
from .field_docs import documented

Kinds = tuple[type[BaseException], ...]


def _number(says: str, least: float, most: float) -> Validator:
    def check(retry: Retry, field: Field, value: object) -> None:
        if not is_number(value) or not least <= value <= most:
            raise ValueError(f"{named(retry, field)} {says}, not {shown(value)}")

    return check


_at_least_one = _number("counts all attempts and is at least 1", 1, math.inf)


def _attempts(retry: Retry, field: Field, value: float) -> None:
    _at_least_one(retry, field, value)
    if value != math.inf and value != int(value):
        raise ValueError(f"{named(retry, field)} is a whole number, not {shown(value)}")


def _delay(retry: Retry, field: Field, value: object) -> None:
    check_delay(named(retry, field), value)


def _longest(retry: Retry, field: Field, value: object) -> None:
    if value != math.inf:
        check_delay(named(retry, field), value)


def _kinds(value: Kinds | type[BaseException]) -> Kinds:
    """Accept one exception class or a tuple of them."""
    return (value,) if isinstance(value, type) else value


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _exceptions(retry: Retry, field: Field, value: object) -> None:
    del retry, field
    given = cast("Kinds", value)  # what it should be
    if not isinstance(value, tuple) or not all(map(_is_exception, given)):
        raise TypeError(
            f"Retry(on=…) takes exception classes in a tuple, not {shown(given)}: "
            "on=(ConnectionError, TimeoutError)"
        )


_DEEPEST_CHAINS: Final = 100
"""Chains within chains whose phases are looked at."""
_LARGEST: Final = 1e308  # of what a float can be, so that powers are computed without long integers


@documented
@frozen
class Retry:
    """Try again after a failure, later each time.

    The delay before attempt ``n + 1`` is ``base * factor ** (n - 1)`` seconds, at most ``longest``,
    spread by up to ``jitter`` of itself so that jobs which failed together do not return together
    (after Oban's and AWS's backoff with jitter).  A cancelled job is never retried.

    Raises:
        TypeError, ValueError: for a field out of its bounds.

    Example::

        jobs.options(retry=Retry(max=3, on=(ConnectionError,))).submit(fetch, url)
    """

    max: int = field(default=3, validator=_attempts)
    """Attempts in all, the first included; at least 1, ``math.inf`` for no end."""
    base: float = field(default=1.0, converter=as_seconds, validator=_delay)
    """Seconds before the second attempt; at most ten years."""
    factor: float = field(
        default=2.0, validator=_number("is a finite number of at least 0", 0, _LARGEST)
    )
    """The number by which each further delay is multiplied."""
    jitter: float = field(default=0.1, validator=_number("is from 0 to 1", 0, 1))
    """The part of a delay that is drawn by chance, from 0 to 1."""
    longest: float = field(default=3600.0, converter=as_seconds, validator=_longest)
    """Seconds that no delay exceeds; at most ten years, which is also what ``math.inf`` means."""
    on: Kinds = field(default=(Exception,), converter=_kinds, validator=_exceptions)
    """Exceptions that are worth another attempt, matched as an ``except`` clause does; of a chain
    those of its phases as well."""

    def delay_after(self, attempt: int, exc: BaseException | None, chance: float) -> float | None:
        """Return the seconds until the next attempt, or None if there is none.

        Args:
            attempt: The attempt that failed, from 1.
            exc: The exception that it raised.
            chance: A number from 0 to 1 that decides the jitter.
        """
        if attempt >= self.max or not self._is_worth(exc):
            return None
        try:
            delay = float(self.base) and self.base * float(self.factor) ** (attempt - 1)
        except OverflowError:
            delay = math.inf
        return float(min(delay, self.longest, TEN_YEARS) * (1 - self.jitter * chance))

    def _is_worth(self, exc: BaseException | None) -> bool:
        for _ in range(_DEEPEST_CHAINS):
            if exc is None or is_a(exc, *self.on):
                return exc is not None
            if not is_a(exc, ChainFailed):
                return False
            exc = cause_of(exc)  # what its phase has raised
        return False
