"""What time it is: wall-clock seconds that follow the loop's own clock."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

_DRIFT: Final = 1.0
_COMPARE_EVERY: Final = 0.05


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
        self.is_virtual: bool = testing is not None and isinstance(self._clock, testing.MockClock)
        self._compare_at = math.inf if self.is_virtual else -math.inf
        self.loop_time: Callable[[], float] = self._clock.current_time

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
