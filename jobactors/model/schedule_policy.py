"""The policy of a schedule: the treatment of occurrences that are late, or meet another run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Literal

from attrs import field, frozen

from .checks import Field, Validator, as_moment, as_seconds, check_moment, check_seconds, shown
from .field_docs import documented

CatchUp = Literal["latest", "none", "all"]
Overlap = Literal["skip", "queue", "replace", "allow"]
MOST_CAUGHT_UP: Final = 100
"""Missed occurrences that ``catch_up="all"`` submits, the newest."""


def _seconds(policy: SchedulePolicy, field: Field, value: Any) -> None:
    del policy
    check_seconds(field.name, value)


def _finite(policy: SchedulePolicy, field: Field, value: float) -> None:
    del policy
    check_seconds(field.name, value)
    if value == math.inf:
        raise ValueError(f"{field.name} is a finite number of seconds")


def _moment(policy: SchedulePolicy, field: Field, value: Any) -> None:
    del policy
    if value is not None:
        check_moment(field.name, value)


def _count(policy: SchedulePolicy, field: Field, value: Any) -> None:
    del policy
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field.name} is a whole number, or None, not {shown(value)}")
    if value < 1:
        raise ValueError(f"{field.name} is a whole number of at least 1, or None, not {value}")


def _one_of(*choices: str) -> Validator:
    def check(policy: SchedulePolicy, field: Field, value: Any) -> None:
        del policy
        if value not in choices:
            names = ", ".join(f'"{choice}"' for choice in choices)
            raise ValueError(f"{field.name} is one of {names}, not {shown(value)}")

    return check


_catch_up: Callable[[Any, Field, CatchUp], None] = _one_of("latest", "none", "all")
_overlap: Callable[[Any, Field, Overlap], None] = _one_of("skip", "queue", "replace", "allow")


@documented
@frozen
class SchedulePolicy:
    """The choices of a schedule where plan and world differ.

    After Temporal's policies for overlaps and catching up, and Kubernetes' deadline for starting.

    Raises:
        TypeError, ValueError: for a value out of its bounds.
    """

    late: float = field(default=300.0, converter=as_seconds, validator=_seconds)
    """Seconds after its moment for which an occurrence still counts as in time; later it is
    missed."""
    catch_up: CatchUp = field(default="latest", validator=_catch_up)
    """The treatment of missed occurrences: "latest" runs one for all of them, "none" none, "all"
    each of the last hundred, oldest first, one after the other."""
    overlap: Overlap = field(default="skip", validator=_overlap)
    """The treatment of an occurrence whose schedule has an unfinished run: "skip" leaves it out,
    "queue" lets one run wait for the end of the present one, "replace" cancels that, "allow" runs
    both.  A run that is paused, stuck or interrupted is unfinished."""
    jitter: float = field(default=0.0, converter=as_seconds, validator=_finite)
    """Seconds by which each occurrence is put off, at most; how much is fixed by the schedule's
    name and its moment, so that it is the same after a restart."""
    until: float | None = field(default=None, converter=as_moment, validator=_moment)
    """The last moment at which it may be due, in seconds since the epoch; default: for ever."""
    runs: int | None = field(default=None, validator=_count)
    """The number of runs after which it has ended, those by hand left out; default: no limit."""
    pause_on_failures: int | None = field(default=None, validator=_count)
    """The number of runs failed in a row after which it pauses; default: never."""
