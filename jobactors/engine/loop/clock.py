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
"""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

_DRIFT: Final = 1.0
"""Seconds of difference to the system's time that are left alone."""
_COMPARE_EVERY: Final = 0.05
"""Seconds of the loop between two comparisons, at least: the clock is read very often."""


class LoopClock:
    """Seconds since the epoch, which advance with the trio loop's clock.  For any thread."""

    def __init__(self) -> None:
        self._clock = trio.lowlevel.current_clock()
        self._offset = time.time() - self._clock.current_time()
        testing = sys.modules.get("trio.testing")
        self.is_virtual: bool = testing is not None and isinstance(self._clock, testing.MockClock)
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
