"""One look, ten times a second at most, at all jobs that have news."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import LoopClock

INTERVAL: Final = 0.1
"""Seconds between two ticks, at least."""

_log = logging.getLogger("jobactors")


class Member(Protocol):
    """Who has news now and then."""

    def look(self, now: float) -> None:
        """Take a look; ``now`` is the same for all that are looked at in one round."""
        ...


class SamplingTicks:
    """Looks at whoever has joined the next round, once.  While nobody has, nothing wakes up.

    A thousand jobs that report ten times a second are looked at in ten ticks: an timer for each
    of them cost as much as looking.  A round is held as soon as the loop has finished its present
    step, or when the last one is old enough.

    Written by the loop's thread only, and held by :class:`~.timers.Timers`.  Time between ticks
    is the loop's own, which no step of the system's clock stretches.
    """

    def __init__(self, clock: LoopClock, due_anew: Callable[[], None]) -> None:
        self._clock = clock
        self._due_anew = due_anew
        """Called when a round is wanted after none was."""
        self._next: dict[Member, None] = {}
        self._not_before = -math.inf

    def join(self, member: Member) -> None:
        """Look at ``member`` in the next round; once, however often it joins."""
        if not self._next:
            self._due_anew()
        self._next[member] = None

    def leave(self, member: Member) -> None:
        """Do not look at ``member``, unless it joins again."""
        self._next.pop(member, None)

    @property
    def due(self) -> float:
        """The loop's time at which the next round may be held; never, if nobody has joined."""
        return self._not_before if self._next else math.inf

    def hold_if_due(self) -> None:
        """Look at those who have joined; who joins meanwhile is for the next round."""
        begun = self._clock.loop_time()
        if begun < self.due:
            return
        self._not_before = begun + INTERVAL
        members, self._next = self._next, {}
        now = self._clock.now()
        for member in members:
            try:
                member.look(now)
            except Exception:  # it shall not cost the others their turn
                _log.exception("a look at %r failed", member)
