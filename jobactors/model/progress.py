"""The progress of a job: levels folded into one fraction, and the speed between samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from .field_docs import documented

NO_COUNTERS: Final[Mapping[str, float]] = {}


class Level(Struct, frozen=True):
    """One level of nested progress: the job itself, a stage, or a tracked loop."""

    done: float = 0
    """Units done at this level."""
    total: float | None = None
    """Units there are: None when that is not known, 0 when there is nothing to do."""
    worth: float = 1
    """Units of the enclosing level that this level makes up while it is open."""
    label: str = ""
    """The stage's or loop's name, or an empty string."""
    unit: str = ""
    """The name of a unit: "rows", "B"; an empty string when none was given."""
    counts: bool = True
    """False for a pure stage: its ``done`` is the weight of the stages within it, or nothing."""


# Thousands are made a second and live until the next: tracked by the garbage collector, they would
# make it run all the time, and cost as much again.  Numbers and texts hold no cycle.
@documented
class Progress(Struct, frozen=True, gc=False):
    """The progress of a job, as last sampled."""

    done: float = 0
    """Units done, of the outermost level that counts anything."""
    total: float | None = None
    """Units there are; None when unknown.  An empty list is known: 0 done of 0."""
    fraction: float | None = None
    """All levels folded into one number from 0 to 1; None when it cannot be known."""
    unit: str = ""
    """The name of a unit: "rows", "B"; may be empty."""
    message: str = ""
    """The last message the job gave."""
    counters: Mapping[str, float] = NO_COUNTERS
    """Named counters the job publishes beside ``done``."""
    stages: tuple[str, ...] = ()
    """The labels of the open levels, outermost first."""
    rate: float | None = None
    """Units of ``done`` a second, smoothed; None until two samples exist."""
    time_left: float | None = None
    """Seconds to the end at the present speed; None when it cannot be known."""
    pausable: bool = False
    """Whether the job has been seen to pass a point where it could pause."""

    def _at_speed(self, rate: float | None, time_left: float | None) -> Progress:
        """Return the same with another speed; each sample of each running job passes here."""
        return Progress(
            self.done,
            self.total,
            self.fraction,
            self.unit,
            self.message,
            self.counters,
            self.stages,
            rate,
            time_left,
            self.pausable,
        )

    @property
    def percent(self) -> int | None:
        """``fraction`` as whole percent, rounded down so that 100 means done."""
        return None if self.fraction is None else int(self.fraction * 100)


NO_PROGRESS: Final = Progress()


def fraction_of(levels: Sequence[Level]) -> float | None:
    """Fold nested levels, outermost first, into one fraction.

    Each level adds the share it is worth of the level around it.  A level whose total is unknown
    hides what is inside it, unless it only holds stages.  An empty list is complete, not unknown.
    """
    inner: float | None = None
    worth = 0.0
    for level in reversed(levels):
        if level.total is not None and level.total >= 0:
            inner = part_of(level.done, level.total, 0.0 if inner is None else worth * inner)
        elif level.counts:
            inner = None
        worth = level.worth
    return inner


def part_of(done: float, total: float, inside: float = 0.0) -> float:
    """Return the part of ``total`` that is done, from 0 to 1, and ``inside`` the present unit."""
    if total == 0:
        return 1.0
    part = (done + inside) / total
    return part if 0.0 <= part <= 1.0 else float(part > 1.0)


def shown_level(levels: Sequence[Level]) -> Level:
    """Return the level whose numbers a person wants to read: the outermost that counts."""
    for level in levels:
        if level.counts and (level.total is not None or level.done):
            return level
    return levels[-1]


MEMORY: Final = 15.0
"""Seconds after which old samples of a speed have faded."""


class Speed(Struct, frozen=True):
    """A smoothed speed over samples ``(value, at)``; each sample makes the next ``Speed``.

    The weight of a sample grows with the time it stands for, so that ten quick samples and one slow
    one over the same second weigh the same.  A value that went backwards starts anew.
    """

    value: float = 0
    """The last sampled value."""
    at: float = 0
    """When it was sampled, in seconds."""
    per_second: float | None = None
    """The smoothed speed; None until two samples with time between them exist."""
    age: float = 0
    """Seconds over which the speed was observed, at most :data:`MEMORY`."""

    def sample(self, value: float, at: float) -> Speed:
        """Return the speed after seeing ``value`` at the time ``at``."""
        elapsed = at - self.at
        if value < self.value:
            return Speed(value, at)
        if elapsed <= 0:
            return self
        speed = (value - self.value) / elapsed
        age = self.age + elapsed
        age = min(age, MEMORY)
        if self.per_second is not None and elapsed < age:
            speed = self.per_second + elapsed / age * (speed - self.per_second)
        return Speed(value, at, speed, age)

    def resumed(self, at: float) -> Speed:
        """Return the speed after a pause that ended at ``at``: the time between does not count."""
        return replace(self, at=at)

    def time_to(self, goal: float) -> float | None:
        """Seconds until ``value`` reaches ``goal``; None when that cannot be known."""
        if not self.per_second or self.per_second < 0:
            return None
        return (goal - self.value) / self.per_second if self.value < goal else 0.0
