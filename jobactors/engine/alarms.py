"""One sleeping task for all deadlines of a system."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import LoopClock

_log = logging.getLogger("jobactors")


class Alarm:
    """A call that is due at some time, until it is taken back."""

    __slots__ = ("at", "call")

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at = at
        self.call: Callable[[], None] | None = call

    def take_back(self) -> None:
        """Do not call it any more."""
        self.call = None


class Alarms:
    """Calls plain functions at given times.  While none is set, nothing wakes up.

    Written by the loop's thread only.
    """

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._earlier = trio.Event()

    def set(self, at: float, call: Callable[[], None]) -> Alarm:
        """Call ``call()`` at ``at`` (seconds since the epoch), or at once if that has passed."""
        alarm = Alarm(at, call)
        if not self._heap or at < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (at, next(self._order), alarm))
        return alarm

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Serve the alarms until cancelled.  A call that raises is logged and ends itself alone."""
        while True:
            self._earlier = trio.Event()
            with trio.CancelScope(deadline=self._ring_due()):
                await self._earlier.wait()

    def _ring_due(self) -> float:
        """Make the calls that are due; returns the loop time of the next one."""
        now = self._clock.now()
        while self._heap and (self._heap[0][2].call is None or self._heap[0][0] <= now):
            call = heapq.heappop(self._heap)[2].call
            if call is not None:
                _ring(call)
        return self._clock.deadline(self._heap[0][0]) if self._heap else math.inf


def _ring(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        _log.exception("a deadline's call failed")
