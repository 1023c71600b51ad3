"""The requests to a running attempt, cancel and pause, and how its code obeys them.

Two sides, without a lock between them: hot loops, signal handlers and the engine's loop all come
here, and the loop may never wait for a job's code.  Each field has one writer.

=====================  ==============================  =============================================
field                  written by                      read by
=====================  ==============================  =============================================
``asked``              the loop sets it; the job's     hot loops, once an item: the one flag that
                       code clears it, and looks       costs them something
                       again afterwards (``_clear``)
``requests``           the loop                        a loop that hands out native segments, to see
                                                       a request that came while it made one
``cancel_requested``,  the loop, in this order:        the job's code, and all who wait for it
``reason``             the reason first
``_gate``              the loop                        the job's code; replaced whole, opened once
``request_hooks``      the job's code and its runner   the loop, over a copy
``own_thread``         who calls the job's code, in    all points of obeying
                       the thread of that call
``answers``            the job's code, in any thread;  its caller, when that code has returned:
                       for code in another process     whether it is 0, or has changed
                       its runner, at its end
``_delivered``,        the job's code                  the job's code
``_shields``, ``asks``
``_raise_from``        the loop, before the request    the job's code
=====================  ==============================  =============================================

"The loop" is the thread of the engine's loop; in a process of its own, the thread that listens to
the parent.

A request is obeyed in the attempt's own thread alone.  Reports come from other threads as well,
from a pool whose results move a bar, from threads with a bound context.  A cancel raised in one of
these would end a worker and be lost to the job; so they are counted and shown, and the request
stays.  Code that asks for itself is notified in any thread: a library that is given a function to
ask may ask it in its own workers, and then leaves work out.

Why a flag and an exception of our own, and no exception injected into the thread: that would arrive
between any two instructions, in a ``finally`` too, and not at all inside C code.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from .latch import Latch
from .own_context import CURRENT_CONTEXT, IS_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.report.meter import Meter

ANSWER_SECONDS: Final = 5.0
"""The time that code which asks for itself has to ask, before a report of its raises the cancel."""


class StopJob(BaseException):
    """Unwinds a job's thread after a cancel; no Exception, so ``except Exception`` lets it by.

    Raised once, at a point of the job's own choosing: ``track``, ``progress`` or ``check``.
    """


class ScopeReason(str):
    """The reason with which an attempt's cancel scope is cancelled: known again by its identity."""

    __slots__ = ()


class Gate:
    """A point where a pausing attempt waits.  Opened once; a further pause needs a further gate."""

    __slots__ = ("opened", "reached")

    def __init__(self, reached: Callable[[], None]) -> None:
        self.opened: Latch = Latch()
        """Set when the attempt may go on."""
        self.reached: Callable[[], None] = reached
        """Called, in the job's thread, when it really stands still."""


class Control:
    """The requests to one attempt; see the module's table for the threads."""

    __slots__ = (
        "_delivered",
        "_gate",
        "_raise_from",
        "_shields",
        "answers",
        "arm",
        "asked",
        "asks",
        "cancel_requested",
        "is_polled",
        "loop_thread",
        "own_thread",
        "reason",
        "request_hooks",
        "requests",
        "scope_reason",
    )

    def __init__(self, loop_thread: int) -> None:
        self.loop_thread: int = loop_thread
        """The thread of the loop in which the attempt may run; a runner with its own loop sets it
        before the attempt begins."""
        self.own_thread: int = 0
        """The thread in which the attempt's blocking code is called; 0 where its runner names none:
        then each is its own in which the job is the current one, unless it was bound there."""
        self.answers: int = 0
        """The number of times the attempt's own code was notified of a cancel.  If it returns after
        that, it has answered the request."""
        self.is_polled: bool = False
        """Whether each point asks for requests, which are never made: every loop needs points."""
        self.asked: bool = False
        """Whether there may be something to obey."""
        self.asks: bool = False
        """Whether the attempt's code has asked for itself, with a function given to it for that."""
        self.arm: Callable[[], None] | None = None
        """Makes the job's next report look at ``asked``; the meter's."""
        self.requests: int = 0
        """The number of requests made, so that a loop can see whether one has just come."""
        self.cancel_requested: Latch = Latch()
        self.reason: str | None = None
        """The reason of the cancel."""
        self.scope_reason: ScopeReason | None = None
        """The same for the attempt's cancel scope, which notifies trio code."""
        self.request_hooks: list[Callable[[], None]] = []
        """Called at every request, and when a pause ends, in the thread that asks.  They end the
        present segment of a tracked sequence, wake a waiting thread, or pass the request on to
        another process; one call too many does no harm."""
        self._delivered = False
        self._shields = 0
        self._raise_from = 0.0
        self._gate: Gate | None = None

    @property
    def gate(self) -> Gate | None:
        """The pause that was requested and not taken back, if any."""
        return self._gate

    # -- the loop's side

    def cancel(self, reason: str | None) -> None:
        """Ask the attempt to end; a paused one wakes up for it."""
        self.reason = reason
        self.scope_reason = ScopeReason(reason or "the job was cancelled")
        self._raise_from = time.monotonic() + ANSWER_SECONDS
        self.cancel_requested.set()  # before the flag: a job that is just clearing it looks here
        self._ask()
        if self._gate is not None:
            self._gate.opened.set()
        self._call_hooks()

    def pause(self, reached: Callable[[], None]) -> None:
        """Ask the attempt to stand still; ``reached()`` is called in its thread when it does."""
        self._gate = Gate(reached)
        self._ask()
        self._call_hooks()

    def resume(self) -> None:
        """Let a paused attempt go on, or take the request back."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.opened.set()
            self._call_hooks()

    def _ask(self) -> None:
        self.asked = True  # before the count: a loop that sees the new count sees this, too
        self.requests += 1
        if self.arm is not None:
            self.arm()

    def _call_hooks(self) -> None:
        for hook in list(self.request_hooks):
            hook()

    # -- the job's side

    @property
    def is_home(self) -> bool:
        """Whether this is the loop's own thread, where nothing may wait."""
        return threading.get_ident() == self.loop_thread

    @property
    def is_own(self) -> bool:
        """Whether this is the attempt's own thread, where requests are obeyed."""
        if self.own_thread:
            return threading.get_ident() == self.own_thread
        context = CURRENT_CONTEXT.get()
        return context is not None and not IS_BOUND.get() and context._control is self

    def look(self) -> bool:
        """Return whether a cancel was requested; True notifies the job's code, in any thread."""
        if not self.cancel_requested.is_set:
            return False
        self.answers += 1
        return True

    def obey(self) -> None:
        """Raise :class:`StopJob` once after a cancel, or stand still until resumed.

        In a thread that is not the attempt's own it does nothing, nor in the loop's: there a cancel
        arrives through the cancel scope, and waiting would stop every job.
        """
        if self.is_home or not self.is_own:
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
        """Wake the sampler after a report, and obey; stay armed if more remains asked."""
        meter.alert = False
        if self.is_own:
            meter.pausable = True
        meter.changed()
        if self.asked:
            self.obey()
            if self.asked:
                meter.alert = True

    def attend_asking(self, meter: Meter) -> None:
        """Attend after a report of code that may ask for itself.

        A cancel is not raised between two questions: it would take from that code the chance to
        save.  The next question has the answer.  Code that asks no more is not waited for.
        """
        if not self.asks or time.monotonic() >= self._raise_from > 0:
            self.attend(meter)
            return
        self._shields += 1
        try:
            self.attend(meter)
        finally:
            self._shields -= 1

    async def obey_in_loop(self) -> None:
        """Stand still in trio code until resumed; a cancel arrives through the cancel scope."""
        while self.asked and not self.cancel_requested.is_set:
            gate = self._gate
            if gate is None:
                self._clear()
                continue
            gate.reached()
            await gate.opened

    def _clear(self) -> None:
        """Clear the flag, unless a request is made in this very moment."""
        # The flag is cleared before looking, and after looking only ever set: the loop may run
        # between any two of these lines.
        self.asked = False
        if self._gate is not None or self.cancel_requested.is_set:
            self.asked = True

    def wait_in_thread(self, latch: Latch, timeout: float | None = None) -> bool:
        """Block the job's thread until ``latch`` is set, and obey a cancel or pause meanwhile.

        Another thread of the job only waits.

        Args:
            latch: The latch to wait for.
            timeout: Seconds to wait; default: for as long as it takes.

        Returns:
            Whether the latch is set.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not latch.is_set:
            woken = Latch()  # not an Event: the main thread handles signals while it waits for one
            take_back = latch.call_when_set(woken.set)
            self.request_hooks.append(woken.set)
            try:
                if self.asked:
                    self.obey()
                left = None if deadline is None else deadline - time.monotonic()
                if (left is not None and left <= 0) or not woken.wait_in_thread(left):
                    return latch.is_set
            finally:
                self.request_hooks.remove(woken.set)
                take_back()
        return True

    @property
    def may_deliver(self) -> bool:
        """Whether a cancel would be raised now: it was not yet, and nothing puts it off."""
        return not self._delivered and not self._shields

    def _deliver(self) -> None:
        if self._delivered:
            self.asked = False
        elif not self._shields:
            self._delivered = True
            self.answers += 1
            raise StopJob(self.reason)

    def shield(self) -> None:
        """Put off the delivery of a cancel."""
        self._shields += 1

    def unshield(self) -> None:
        """Allow the delivery again; it happens at the next point, not here."""
        self._shields -= 1
        if self.asked:
            self._call_hooks()  # a loop that went on under the shield comes to its next point
