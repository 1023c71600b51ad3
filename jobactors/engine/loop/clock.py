"""The clock of a job system: seconds since the epoch that follow the loop's own clock.

Two clocks would be the obvious choice: the system's for timestamps, and the loop's for delays.
Then a step of the system's time makes an attempt end before it has begun, a due time that is shown
is not the one at which its timer fires, and a test's virtual clock moves half of the engine.  So
there is one: the loop's time plus an offset, taken once.

The loop's clock has a fault of its own: on a laptop that sleeps it stands still.  A job due at
eight would start at ten.  So now and then the offset is compared with the system's time, and a
difference of more than a second is taken over.  A virtual clock is never compared.

Any thread reads it without a lock: ``_offset`` and ``_compare_at`` are single floats, and two
threads that compare in the same moment write nearly the same values.

Beside it stands the civil clock, for schedules, which follow the calendar, with its steps.
No loop can sleep until a civil moment in one piece, as the clock may be set meanwhile, and the
loop's own stands still while the machine sleeps.  So ``WallClock`` sleeps in pieces of a minute at
most, and looks again.
"""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Final

import trio
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

_DRIFT: Final = 1.0
"""Seconds of difference to the system's time that are left alone."""
_COMPARE_EVERY: Final = 0.05
"""Seconds of the loop between two comparisons, at least: the clock is read very often."""
LONGEST_SLEEP: Final = 60.0
"""Seconds in which a step of the civil clock, or the sleep of the machine, is noticed at latest."""


class LoopClock:
    """Seconds since the epoch, which advance with the trio loop's clock.  For any thread."""

    def __init__(self) -> None:
        self._clock = trio.lowlevel.current_clock()
        testing = sys.modules.get("trio.testing")
        self.is_virtual: bool = testing is not None and isinstance(self._clock, testing.MockClock)
        offset = time.time() - self._clock.current_time()
        self._offset = VirtualStep.of_this_run().begin(offset) if self.is_virtual else offset
        self._compare_at = math.inf if self.is_virtual else -math.inf
        self.loop_time: Callable[[], float] = self._clock.current_time
        """Returns the loop's own time, which the system's does not change."""

    def now(self) -> float:
        """Return the present moment, in seconds since the epoch."""
        time_of_loop = self.loop_time()
        if time_of_loop >= self._compare_at:
            self._compare(time_of_loop)
        return time_of_loop + self._offset

    def _compare(self, time_of_loop: float) -> None:
        """Take over a step of the system's time, if there was one."""
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
    """The virtual civil time of one trio run of a test: its beginning, and by how much it was set.

    All systems of a run have the same: one that is opened after another one is opened later.  In
    the loop's thread.
    """

    __slots__ = ("_begun", "seconds")

    def __init__(self) -> None:
        self.seconds: float = 0.0
        self._begun: float | None = None

    def begin(self, offset: float) -> float:
        """Return the offset of civil time to the loop's, which the first system has given."""
        self._begun = offset if self._begun is None else self._begun
        return self._begun

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
