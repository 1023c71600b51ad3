"""What was asked of a running attempt, and how its code obeys."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from .latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.report.meter import Meter


class StopJob(BaseException):
    """Unwinds a job's thread after a cancel; no Exception, so ``except Exception`` lets it by.

    Raised once, at a point of the job's own choosing: ``track``, ``progress`` or ``check``.
    """


class Gate:
    """Where a pausing attempt waits.  Opened once; a further pause needs a further gate."""

    __slots__ = ("opened", "reached")

    def __init__(self, reached: Callable[[], None]) -> None:
        self.opened = Latch()
        self.reached = reached
        """Called, in the job's thread, when it really stands still."""


class Control:
    """The requests of one attempt: written by the loop's thread, obeyed in the job's.

    ``asked`` is the one flag that hot loops look at.
    """

    __slots__ = (
        "_delivered",
        "_gate",
        "_shields",
        "arm",
        "asked",
        "cancel_requested",
        "cutters",
        "loop_thread",
        "reason",
        "requests",
    )

    def __init__(self, loop_thread: int) -> None:
        self.loop_thread = loop_thread
        """The thread of the loop in which the attempt may run; a runner with its own loop says so
        before the attempt begins."""
        self.asked = False
        self.arm: Callable[[], None] | None = None
        """Makes the job's next report look up; the meter's."""
        self.requests = 0
        """How many requests were made, so that a loop can tell whether one has just come."""
        self.cancel_requested = Latch()
        self.reason: str | None = None
        self.cutters: list[Callable[[], None]] = []
        """Called at every request, and when a pause ends, in the thread that asks: how to end the
        present segment of a tracked sequence, wake a waiting thread, or pass the request on to
        another process.  Added and removed by whoever wants to hear; called once too often is fine.
        """
        self._delivered = False
        self._shields = 0
        self._gate: Gate | None = None

    @property
    def gate(self) -> Gate | None:
        """The pause that was asked for and not taken back, if any."""
        return self._gate

    # -- the loop's side

    def cancel(self, reason: str | None) -> None:
        """Ask the attempt to end; a paused one wakes up for it."""
        self.reason = reason
        self.cancel_requested.set()  # before the flag: a job that is just clearing it looks here
        self._ask()
        if self._gate is not None:
            self._gate.opened.set()
        self._cut()

    def pause(self, reached: Callable[[], None]) -> None:
        """Ask the attempt to stand still; ``reached()`` is called in its thread when it does."""
        self._gate = Gate(reached)
        self._ask()
        self._cut()

    def resume(self) -> None:
        """Let a paused attempt go on, or take the request back."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.opened.set()
            self._cut()

    def _ask(self) -> None:
        self.asked = True  # before the count: a loop that sees the new count sees this, too
        self.requests += 1
        if self.arm is not None:
            self.arm()

    def _cut(self) -> None:
        for cut in list(self.cutters):
            cut()

    # -- the job's side

    @property
    def is_home(self) -> bool:
        """Whether this is the loop's own thread, where nothing may wait."""
        return threading.get_ident() == self.loop_thread

    def obey(self) -> None:
        """Do what was asked: raise :class:`StopJob` once, or stand still until resumed.

        In the loop's own thread it does nothing: there a cancel arrives through the cancel scope,
        and waiting would stop every job.
        """
        if self.is_home:
            return
        while self.asked:
            if self.cancel_requested.is_set:
                self._deliver()
                return
            gate = self._gate
            if gate is None:
                self._clear()
                continue
            gate.reached()
            gate.opened.wait_in_thread()

    def attend(self, meter: Meter) -> None:
        """After a report: tell the sampler, and obey; look again next time if more stays asked."""
        meter.alert = False
        meter.pausable = True
        meter.changed()
        if self.asked:
            self.obey()
            if self.asked:
                meter.alert = True

    async def obey_in_loop(self) -> None:
        """The same for trio code: stand still until resumed; a cancel arrives through the scope."""
        while self.asked and not self.cancel_requested.is_set:
            gate = self._gate
            if gate is None:
                self._clear()
                continue
            gate.reached()
            await gate.opened

    def _clear(self) -> None:
        """Nothing is asked any more, unless it is asked in this very moment.

        The flag is cleared before looking, and after looking only ever set: whoever asks may run
        between any two of these lines.
        """
        self.asked = False
        if self._gate is not None or self.cancel_requested.is_set:
            self.asked = True

    def wait_in_thread(self, latch: Latch, timeout: float | None = None) -> bool:
        """Block the job's thread until ``latch`` is set, and obey a cancel or pause meanwhile."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not latch.is_set:
            woken = threading.Event()
            take_back = latch.call_when_set(woken.set)
            self.cutters.append(woken.set)
            try:
                if self.asked and not self.is_home:
                    self.obey()
                left = None if deadline is None else deadline - time.monotonic()
                if (left is not None and left <= 0) or not woken.wait(left):
                    return latch.is_set
            finally:
                self.cutters.remove(woken.set)
                take_back()
        return True

    def _deliver(self) -> None:
        if self._delivered:
            self.asked = False
        elif not self._shields:
            self._delivered = True
            raise StopJob(self.reason)

    def shield(self) -> None:
        """Put off the delivery of a cancel."""
        self._shields += 1

    def unshield(self) -> None:
        """Allow it again; it is delivered at the next point, not here."""
        self._shields -= 1
        if self.asked:
            self._cut()  # a loop that went on under the shield comes to its next point
