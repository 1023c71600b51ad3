"""The two clocks of a system: one for durations, one for what a calendar says.

``LoopClock`` is the time of timers, timeouts and timestamps.  It advances with the loop, so that no
step of the system's clock makes a duration negative, and takes over such steps when it looks.

``WallClock`` is civil time: what ``time.time()`` says now, steps and all.  A schedule follows it.
A loop cannot sleep until a civil moment in one piece: the clock may be set meanwhile, and the
loop's own clock stands still while the machine sleeps.  So it sleeps in pieces of a minute at most,
and looks again.  In a test, on trio's ``MockClock``, both are virtual, and the wall clock can be
set.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Final

import trio
from msgspec import Struct

_DRIFT: Final = 1.0
_COMPARE_EVERY: Final = 0.05
LONGEST_SLEEP: Final = 60.0
"""Seconds in which a step of the civil clock, or the sleep of the machine, is noticed at latest."""


class LoopClock:
    """Seconds since the epoch, readable from any thread.

    Time advances with the trio loop's clock, so that a test's virtual clock moves every timestamp
    and no step of the system's clock makes a duration negative.  A real loop's clock stands still
    while the machine sleeps; a difference of more than a second to the system's time is taken over.
    """

    def __init__(self) -> None:
        self._clock = trio.lowlevel.current_clock()
        self._offset = time.time() - self._clock.current_time()
        testing = sys.modules.get("trio.testing")
        self.is_virtual = testing is not None and isinstance(self._clock, testing.MockClock)
        self._compare_at = math.inf if self.is_virtual else -math.inf
        self.loop_time = self._clock.current_time

    def now(self) -> float:
        """The present moment."""
        time_of_loop = self.loop_time()
        if time_of_loop >= self._compare_at:
            self._compare(time_of_loop)
        return time_of_loop + self._offset

    def _compare(self, time_of_loop: float) -> None:
        """Take over a step of the system's time; looked for now and then, as it is asked often."""
        behind = time.time() - (time_of_loop + self._offset)
        if abs(behind) > _DRIFT:
            self._offset += behind
        self._compare_at = time_of_loop + _COMPARE_EVERY

    def deadline(self, at: float) -> float:
        """Convert seconds since the epoch to the loop's own time, for trio's deadlines."""
        return at - self._offset


# --- civil time -------------------------------------------------------------------------------


def next_sleep(now: float, target: float) -> float:
    """Return the seconds to sleep before looking at the civil clock again; 0 if it is time."""
    return min(LONGEST_SLEEP, max(0.0, target - now))


class Reading(Struct, frozen=True):
    """Both clocks at one moment."""

    wall: float
    """Civil time, in seconds since the epoch."""
    loop: float
    """The loop's own time, in seconds since some moment; it never steps."""

    def step_until(self, later: Reading) -> float:
        """Return the seconds by which the civil clock was set on, or back, between two readings.

        A machine that slept looks the same as a clock that was set on.  Less than a second is
        drift, and counts as none.
        """
        step = (later.wall - self.wall) - (later.loop - self.loop)
        return step if abs(step) > _DRIFT else 0.0


class VirtualStep:
    """By how much tests have set the virtual wall clock of one trio run.  In the loop's thread."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0

    @staticmethod
    def of_this_run() -> VirtualStep:
        """Return the one that all wall clocks of this run share."""
        try:
            return _virtual_step.get()
        except LookupError:
            step = VirtualStep()
            _virtual_step.set(step)
            return step


_virtual_step: Final = trio.lowlevel.RunVar[VirtualStep]("virtual_step")


class WallClock:
    """Civil time, which may jump either way.  Made in the loop; readable from any thread.

    Args:
        clock: The loop's clock, which it follows where that is virtual.
    """

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._step = VirtualStep.of_this_run() if clock.is_virtual else None

    def now(self) -> float:
        """The present civil moment, in seconds since the epoch."""
        return time.time() if self._step is None else self._clock.now() + self._step.seconds

    def read(self) -> Reading:
        """Read both clocks, to find out later whether this one was set in between."""
        return Reading(self.now(), self._clock.loop_time())

    async def sleep_until(self, at: float) -> float:
        """Sleep until the civil clock shows ``at`` or more.

        If it is set on past ``at``, or the machine sleeps past it, this returns within a minute
        after that; if it is set back, this sleeps for as much longer.  A moment that has passed is
        a cancel point all the same.

        Args:
            at: Seconds since the epoch; infinite: until it is cancelled.

        Returns:
            The seconds by which the clock was set on (or back, below 0) meanwhile; see
            :meth:`Reading.step_until`.

        Raises:
            ValueError: if ``at`` is not a number.
        """
        if math.isnan(at):
            raise ValueError("a moment to sleep until is a number of seconds, not nan")
        begun = self.read()
        await trio.lowlevel.checkpoint()
        while (seconds := next_sleep(self.now(), at)) > 0:  # noqa: ASYNC110 - no event tells of it
            await trio.sleep(seconds)
        return begun.step_until(self.read())
