"""The state of a schedule, as displays and programs see it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from .field_docs import documented

Standing = Literal["active", "paused", "resting", "ended"]


@documented
class ScheduleState(Struct, frozen=True):
    """A schedule at one moment.  Frozen: a later state is another one.

    Moments are in seconds since the epoch, so that a display can compute how long they are away.
    """

    name: str
    """Its name, unique in its system."""
    rule: str
    """The rule as it was written: "30 2 * * *", "every 5 minutes"."""
    in_words: str
    """The rule as a sentence: "At 02:30 every day"."""
    zone: str
    """The IANA key of the rule's time zone; empty for a rule of elapsed time."""
    type: str
    """The job type of its jobs, or the function's name."""
    label: str
    """The name of its jobs that a person reads."""
    subject: str
    """The subject of its jobs; may be empty."""
    standing: Standing
    """"active"; "paused" by a person, by failures or because of an obstacle; "resting" since its
    process has ended, until it is resumed; "ended", so that it is never due again."""
    reason: str
    """The reason why it is not active, or could not run the last time; may be empty."""
    next: float | None
    """When it is due next, jitter included; None while it is not active."""
    missed: int
    """The number of occurrences that it has missed while it rests, at most 200, which means as
    many or more."""
    runs: int
    """The number of jobs that it has submitted, those by hand left out."""
    failures: int
    """The number of runs that have failed in a row."""
    unfinished: tuple[str, ...]
    """The ids of its jobs that have not ended."""
    last: str
    """The id of the last job that it has submitted; empty before the first."""
    in_memory: str
    """The reason for which it goes with its process; empty if it is stored."""


def by_next(states: Iterable[ScheduleState]) -> list[ScheduleState]:
    """Return schedules in the order in which they are due, then those that are not, by name."""
    return sorted(
        states,
        key=lambda state: (state.next is None, state.next or 0.0, state.name),
    )
