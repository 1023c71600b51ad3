"""``DurationSketch``: quantiles of any number of durations, out of a few hundred counts.

Durations are counted in buckets whose bounds grow by a constant factor, so that a quantile has the
same *relative* error whether it is a millisecond or a day (DDSketch, Masson and others, 2019).
Two sketches add up to the sketch of both, which a mean of quantiles never is: an hour's sketches
are those of a day.
"""

from __future__ import annotations

from math import ceil, frexp
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PER_DOUBLING: Final = 16
"""Buckets of equal width from a duration to its double: a quantile is right within 3.2 %."""
_SHORTEST: Final = 1e-6
"""A microsecond: what is shorter counts as nothing."""
_FIRST: Final = -10_000
"""The bucket of what is shorter: below all others."""


class DurationSketch:
    """Counts durations, and returns their quantiles within 3.2 %, their sum and their maximum."""

    __slots__ = ("buckets", "longest", "total")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        """The number of durations in each bucket, see :func:`_bucket_of`."""
        self.total: float = 0.0
        """Their sum, in seconds."""
        self.longest: float = 0.0
        """The longest of them, in seconds."""

    @property
    def count(self) -> int:
        """The number of durations."""
        return sum(self.buckets.values())

    def add(self, seconds: float) -> None:
        """Count a duration; one below zero, as after a clock was set back, counts as zero."""
        if seconds < _SHORTEST:
            bucket = _FIRST
        else:
            # As _bucket_of: each job that ends comes here twice.
            part, exponent = frexp(seconds)
            bucket = exponent * 16 + int(part * 32)
            self.total += seconds
            if seconds > self.longest:  # noqa: PLR1730 - max() is a call
                self.longest = seconds
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1

    def merge(self, other: DurationSketch) -> None:
        """Count all that another sketch has counted."""
        if not other.buckets:
            return
        buckets = self.buckets
        for bucket, count in other.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        self.total += other.total
        if other.longest > self.longest:  # noqa: PLR1730 - as in add: 90 days have many sketches
            self.longest = other.longest

    def quantile(self, share: float) -> float | None:
        """Return the duration that this share of all does not exceed; None if there is none.

        Args:
            share: From 0 to 1: 0.5 for the median.
        """
        count = self.count
        if not count:
            return None
        rank = max(1, ceil(share * count))
        seen = bucket = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                break
        return min(_middle_of(bucket), self.longest)

    def at_most(self, seconds: float) -> int:
        """Return how many durations were no longer than this, within the width of a bucket."""
        last = _bucket_of(seconds)
        return sum(count for bucket, count in self.buckets.items() if bucket <= last)

    def as_plain(self) -> list[object]:
        """Return it as values that JSON has; see :meth:`from_plain`."""
        return [self.total, self.longest, list(self.buckets.items())]

    @classmethod
    def from_plain(
        cls, total: float, longest: float, buckets: Iterable[tuple[int, int]]
    ) -> DurationSketch:
        """Return the sketch of plain values."""
        sketch = cls()
        sketch.buckets = dict(buckets)
        sketch.total, sketch.longest = total, longest
        return sketch


def _bucket_of(seconds: float) -> int:
    """Return the bucket of a duration: 16 between a power of two and the next one."""
    part, exponent = frexp(seconds)  # the part is from 0.5 to 1
    return exponent * _PER_DOUBLING + int(part * 2 * _PER_DOUBLING)


def _middle_of(bucket: int) -> float:
    if bucket == _FIRST:
        return 0.0
    exponent, place = divmod(bucket - _PER_DOUBLING, _PER_DOUBLING)
    middle: float = (place + _PER_DOUBLING + 0.5) / (2 * _PER_DOUBLING) * 2.0**exponent
    return middle


def merged(sketches: Iterable[DurationSketch]) -> DurationSketch:
    """Return one sketch of all that these have counted."""
    whole = DurationSketch()
    for sketch in sketches:
        whole.merge(sketch)
    return whole
