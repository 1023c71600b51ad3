"""One sleeping task for all deadlines of a system, and for its ticks."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
from typing import TYPE_CHECKING, Final

import trio

from .sampling_ticks import SamplingTicks

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import LoopClock

_log = logging.getLogger("jobactors")

_FEW: Final = 16
"""So many that were taken back do not matter."""


class Timer:
    """A call that is due at some time, until it is taken back."""

    __slots__ = ("_timers", "at", "call")

    def __init__(self, at: float, call: Callable[[], None], timers: Timers) -> None:
        self.at = at
        self.call: Callable[[], None] | None = call
        self._timers = timers

    def take_back(self) -> None:
        """Do not call it any more."""
        if self.call is not None:
            self.call = None
            self._timers.one_was_taken_back()


class Timers:
    """Calls plain functions at given times.  While none is set, nothing wakes up.

    Written by the loop's thread only.
    """

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._taken_back = 0
        """How many of those in the heap were taken back."""
        self._earlier = trio.Event()
        self.ticks = SamplingTicks(clock, self._wake_up)
        """Served by the same task: most of the time there is nothing else to wake up for."""

    def _wake_up(self) -> None:
        self._earlier.set()

    def set(self, at: float, call: Callable[[], None]) -> Timer:
        """Call ``call()`` at ``at`` (seconds since the epoch), or at once if that has passed."""
        timer = Timer(at, call, self)
        if not self._heap or at < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (at, next(self._order), timer))
        return timer

    def one_was_taken_back(self) -> None:
        """Clear the heap now and then: a deadline of a day must not be kept for a day."""
        self._taken_back += 1
        if self._taken_back > _FEW and self._taken_back > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].call is not None]
            heapq.heapify(self._heap)
            self._taken_back = 0

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Serve the timers until cancelled.  A call that raises is logged and ends itself alone."""
        while True:
            self._ring_due()
            self.ticks.hold_if_due()
            self._earlier = trio.Event()  # what was set until now is in the next deadline
            with trio.CancelScope(deadline=min(self._next_deadline(), self.ticks.due)):
                await self._earlier.wait()

    def _next_deadline(self) -> float:
        return self._clock.deadline(self._heap[0][0]) if self._heap else math.inf

    def _ring_due(self) -> None:
        """Make the calls that are due."""
        now = self._clock.now()
        while self._heap and (self._heap[0][2].call is None or self._heap[0][0] <= now):
            timer = heapq.heappop(self._heap)[2]
            call, timer.call = timer.call, None
            if call is None:
                self._taken_back -= 1
            else:
                _ring(call)


def _ring(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        _log.exception("a deadline's call failed")
