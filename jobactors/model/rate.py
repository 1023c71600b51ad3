"""Rates: resources of which so many units may be taken in a period."""

from __future__ import annotations

import math
from typing import Any

from attrs import field, frozen

from .checks import TEN_YEARS, Field, as_seconds, is_number, named, shown
from .field_docs import documented


def _count(rate: Rate, field: Field, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{named(rate, field)} is a whole number of starts, not {shown(value)}")
    if value < 1:
        raise ValueError(f"{named(rate, field)} is at least 1, not {shown(value)}")


def _period(rate: Rate, field: Field, value: Any) -> None:
    if not is_number(value):
        raise TypeError(f"{named(rate, field)} is a number of seconds, not {shown(value)}")
    if not 0 < value <= TEN_YEARS or not math.isfinite(value):
        raise ValueError(
            f"{named(rate, field)} is a number of seconds above 0, at most ten years, "
            f"not {shown(value)}"
        )


@documented
@frozen
class Rate:
    """A resource of which at most ``count`` units are taken in any ``per`` seconds.

    Declared where capacities are, and needed as these are: each start of a job, and each
    ``ctx.acquire``, takes units, and nothing gives them back but time.  First come, first served
    within a priority; the requests of running jobs go first.  With a store it counts on across a
    restart.

    Raises:
        TypeError, ValueError: for a field out of its bounds.

    Example::

        async with ja.open_jobs(resources={"gpu": 2, "api": ja.Rate(5, per=1.0)}) as jobs:
            jobs.options(resources="api").map(fetch, urls)
    """

    count: int = field(validator=_count)
    """Units in a period; at least 1."""
    per: float = field(default=1.0, converter=as_seconds, validator=_period)
    """Seconds of a period; default: one."""


class RateWindow:
    """The units of one rate that were taken within the last period.  Pure: the time comes in."""

    __slots__ = ("_taken", "now", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate: Rate = rate
        self.now: float = -math.inf
        """The latest moment that it was told."""
        self._taken: list[float] = []
        """When each unit was taken, in order."""

    def advance(self, now: float) -> bool:
        """Tell it the time; return whether units came back."""
        self.now = now
        before = len(self._taken)
        # After a clock was set back, units count as taken now: no longer than a period.
        self._taken = [min(at, now) for at in self._taken if at > now - self.rate.per]
        return len(self._taken) < before

    def take(self, units: int) -> None:
        """Take units now."""
        self._taken += [self.now] * units

    @property
    def used(self) -> int:
        """The number of units taken within the last period."""
        return len(self._taken)

    @property
    def free(self) -> int:
        """The number of units that may be taken now."""
        return max(0, self.rate.count - len(self._taken))

    def next_return(self) -> float | None:
        """Return when the next unit comes back; None if all are free."""
        return self._taken[0] + self.rate.per if self._taken else None

    def turn_of(self, unit: int) -> float:
        """Return when a unit may be taken: the first one that is asked for is 1."""
        if unit <= self.free or not self._taken:
            return self.now
        rounds, place = divmod(unit - self.free - 1, len(self._taken))
        return self._taken[place] + self.rate.per * (rounds + 1)

    def as_json(self) -> list[float]:
        """Return what is to be stored."""
        return list(self._taken)

    def load(self, taken: list[float]) -> None:
        """Go on from what was stored, the newest units at most."""
        self._taken = sorted(taken)[-self.rate.count :]
