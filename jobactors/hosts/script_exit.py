"""The end of a program that has called ``ja.start``: a script waits for its jobs, a kernel ends.

It may have started several systems, which end together.

The loop's thread is a daemon, so that it can never hold up the end of a process; so the end of the
jobs has to be driven from outside it.  ``atexit`` is too late: by then the interpreter starts no
more threads, and a queued job needs one.  Hence a second thread, no daemon, that does nothing but
wait for the main thread to end.  At that moment threads may still be started, and the interpreter
waits for this one, so a script's queued jobs are started and finished.

A Ctrl-C during that wait strikes the main thread, which stands in ``threading._shutdown``.  It ends
the interpreter's wait for threads, not these threads; the interpreter reports it through
``sys.unraisablehook`` and goes on to ``atexit``.  So either of the two goes on waiting for the
jobs, which are stopped now, before anything is taken away under them; a second Ctrl-C ends that.
The main thread may miss either, see :mod:`.signal_ears`.  A line names the jobs that were stopped,
and the program dies of the signal, as any does that a Ctrl-C has ended.

Failures that nothing has read would leave ``open_jobs`` as an exception.  Here there is no caller
to raise to: they are reported on ``sys.stderr`` when their system ends, and the program ends
with status 1, unless it has another one of its own.
"""

from __future__ import annotations

import atexit
import math
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from jobactors.engine.api.display import in_kernel
from jobactors.inside.signals.latch import Latch
from jobactors.inside.verbs.output_capture import beneath

from .ctrl_c import stopped_line
from .exit_status import exit_by_ctrl_c, exit_with_failure, watch_exit
from .loop_thread import LONGEST_END
from .signal_ears import SignalEars
from .spare_threads import hold_threads_ready
from .termination import TERMINATIONS
from .unread_failures import HINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop_thread import LoopThread

KERNEL_GRACE: Final = 3.0
"""Seconds a kernel's jobs have at its shutdown; Jupyter kills the kernel a little later."""

LAST_SECONDS: Final = 5.0
"""Seconds that the loop has to end after a second Ctrl-C, when no job is waited for."""
EARS_DELAY: Final = 1.0
"""Seconds in which ``signal_ears`` has received any signal that the main thread has."""


class ScriptExit:
    """Ends the process's job systems with its program.  One a process.

    ``_guard`` is written by the thread that calls :meth:`arm`, under the lock of ``ja.start``.
    """

    def __init__(self, running: Callable[[], list[LoopThread]]) -> None:
        """Take the function that returns the threads of the loops that run."""
        self._running = running
        self._guard: threading.Thread | None = None
        self._ears = SignalEars(self._hear)
        self._presses = 0
        """The times that Ctrl-C was pressed during the wait; written by the thread that counts:
        that of ``signal_ears``, or the main thread where it is not open."""
        self._pressed = Latch()
        self._has_failed = False
        """Whether the program ends with status 1; set by the loops' threads."""

    def arm(self) -> None:
        """Start the thread that waits for the end of the main thread; a second call does nothing.

        To be called before the loop's thread is made: a Ctrl-C between the two then leaves no loop
        whose end is driven by nothing.
        """
        if self._guard is None:
            self._guard = threading.Thread(target=self._stop_after_main, name="jobactors-exit")
            self._guard.start()
            atexit.register(self._end, os.getpid())
            if not in_kernel():
                watch_exit()
                self._ears.open_at_main_end()
                hold_threads_ready()

    def tell(self, ended: LoopThread) -> None:
        """Report the failures of a system that has ended, unless it is a kernel's.

        In the loop's thread, before any waiter is notified that the loop has ended.
        """
        unread, failure = ended.unread, ended.failure
        tells = bool(unread) and ended.arguments.get("unread_failures") != "ignore"
        stopped = stopped_line(ended.interrupted, ended.name)
        if in_kernel() or not (tells or failure or stopped):
            return
        self._has_failed = self._has_failed or tells or failure is not None
        lines = [*unread.lines()] if tells else []
        stream = beneath(sys.stderr)
        with suppress(AttributeError, OSError, ValueError):  # no console, or it has gone
            if lines and stream.isatty():
                lines.append(f"{unread.count} failed unread: {HINT}")
            if failure is not None:
                lines.append(str(failure))
            if stopped is not None:
                lines.append(stopped)
            stream.write("".join(f"jobactors: {line}\n" for line in lines))
            stream.flush()

    def _end(self, process: int) -> None:
        """Wait for jobs that a Ctrl-C has stopped, and set the exit status; the last of all."""
        if os.getpid() != process:
            return
        if self._presses or (self._guard is not None and self._guard.is_alive()):
            self._wait_for_stopped()
        self._ears.close()
        if self._presses:
            exit_by_ctrl_c()
        elif self._has_failed:
            exit_with_failure()

    def _stop_after_main(self) -> None:
        threading.main_thread().join()
        running = self._running()
        if not running:
            return
        if in_kernel():
            _stop_all(running, 0.0, KERNEL_GRACE)
            return
        before = sys.unraisablehook

        def on_unraisable(unraisable: sys.UnraisableHookArgs, /) -> None:
            # The interpreter's report that a Ctrl-C has ended its wait for this thread.
            is_ctrl_c = issubclass(unraisable.exc_type, KeyboardInterrupt)
            if not (is_ctrl_c and self._wait_for_stopped()):
                before(unraisable)

        if getattr(sys, "last_type", None) is KeyboardInterrupt:
            for host in running:
                host.say_waiting()
        sys.unraisablehook = on_unraisable
        while running := self._running():
            # Jobs of one may submit to another: none ends before all can.
            if len(running) == 1 or all(host.wait_until_at_rest() for host in running):
                _stop_all(running, math.inf, None)

    # -- Ctrl-C during the wait

    def _hear(self, number: int) -> None:
        """Receive a signal, in the thread of ``signal_ears``."""
        if number != signal.SIGINT:
            TERMINATIONS.hear(number)
        elif signal.getsignal(number) is signal.default_int_handler:
            self._press()

    def _press(self) -> None:
        """Stop the jobs at a first Ctrl-C, and leave them behind at a second."""
        self._presses += 1
        self._pressed.set()
        for host in self._running():
            if self._presses == 1:
                host.interrupt()
            else:
                host.leave_behind()

    def _wait_for_stopped(self) -> bool:
        """Wait for the jobs that a Ctrl-C stops; return whether it was one that stops jobs."""
        # In the main thread, which a Ctrl-C may interrupt again: it then waits for the loop alone,
        # and after a third one for nothing.
        if threading.current_thread() is not threading.main_thread():
            return False
        if not self._running():
            return self._presses > 0
        if not self._ears.are_open or not self._pressed.wait_in_thread(EARS_DELAY):
            self._press()
        try:
            _wait_for_all(self._running(), LONGEST_END)
        except KeyboardInterrupt:
            if not self._ears.are_open:
                self._press()
            with suppress(KeyboardInterrupt):
                _wait_for_all(self._running(), LAST_SECONDS)
        return True


def _stop_all(hosts: list[LoopThread], patience: float, timeout: float | None) -> None:
    """End systems together, within one timeout."""
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    for host in hosts:
        host.begin_to_stop(patience, _left(deadline))
    for host in hosts:
        host.stop(patience, _left(deadline))


def _wait_for_all(hosts: list[LoopThread], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    for host in hosts:
        host.wait(max(0.0, deadline - time.monotonic()))


def _left(deadline: float) -> float | None:
    return None if math.isinf(deadline) else max(0.0, deadline - time.monotonic())
