"""The end of a program that has called ``ja.start``: a script waits for its jobs, a kernel ends.

The loop's thread is a daemon, so that it can never hold up the end of a process; so the end of the
jobs has to be driven from outside it.  ``atexit`` is too late: by then the interpreter starts no
more threads, and a queued job needs one.  Hence a second thread, no daemon, that does nothing but
wait for the main thread to end.  At that moment threads may still be started, and the interpreter
waits for this one, so a script's queued jobs are started and finished.

A Ctrl-C during that wait strikes the main thread, which stands in ``threading._shutdown``.  It ends
the interpreter's wait for threads, not these threads; the interpreter reports it through
``sys.unraisablehook`` and goes on to ``atexit``.  Either of the two then cuts the wait for the jobs
short, before anything is taken away under them.

Failures that nothing has read would leave ``open_jobs`` as an exception.  Here there is no caller
to raise to: they are told on ``sys.stderr`` when their system ends, and the program ends with
status 1.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from jobactors.engine.api.display import in_kernel
from jobactors.inside.verbs.output_capture import beneath

from .exit_status import exit_with_failure
from .loop_thread import LONGEST_END
from .unread_failures import HINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop_thread import LoopThread

KERNEL_GRACE: Final = 3.0
"""Seconds a kernel's jobs have at its shutdown; Jupyter kills the kernel a little later."""


class ScriptExit:
    """Ends the process's job system with its program.  One a process.

    ``_guard`` is written by the thread that calls :meth:`arm`, under the lock of ``ja.start``;
    ``_is_cut_short`` by the main thread only.
    """

    def __init__(self, running: Callable[[], LoopThread | None]) -> None:
        """Take the function that returns the loop's thread, if its loop runs."""
        self._running = running
        self._guard: threading.Thread | None = None
        self._is_cut_short = False
        """Whether a Ctrl-C has ended the wait for a script's jobs."""
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

    def tell(self, ended: LoopThread) -> None:
        """Tell the failures of a system that has ended, unless it is a kernel's.

        In the loop's thread, before anything hears that the loop has ended.
        """
        unread, failure = ended.unread, ended.failure
        tells = bool(unread) and ended.arguments.get("unread_failures") != "ignore"
        if in_kernel() or not (tells or failure):
            return
        self._has_failed = True
        lines = [*unread.lines()] if tells else []
        stream = beneath(sys.stderr)
        with suppress(AttributeError, OSError, ValueError):  # no console, or it has gone
            if lines and stream.isatty():
                lines.append(f"{unread.count} failed unread: {HINT}")
            if failure is not None:
                lines.append(str(failure))
            stream.write("".join(f"jobactors: {line}\n" for line in lines))
            stream.flush()

    def _end(self, process: int) -> None:
        """Cut the wait for the jobs short if need be, and set the exit status; the last of all."""
        self._cut_short()
        if self._has_failed and os.getpid() == process:
            exit_with_failure()

    def _stop_after_main(self) -> None:
        threading.main_thread().join()
        running = self._running()
        if running is None:
            return
        if in_kernel():
            running.stop(0.0, KERNEL_GRACE)
            return
        before = sys.unraisablehook

        def on_unraisable(unraisable: sys.UnraisableHookArgs, /) -> None:
            # The interpreter's report that a Ctrl-C has ended its wait for this thread.
            if issubclass(unraisable.exc_type, KeyboardInterrupt) and self._cut_short():
                return
            before(unraisable)

        sys.unraisablehook = on_unraisable
        running.stop(math.inf, None)

    def _cut_short(self) -> bool:
        """End a script's jobs now if the wait for them was cut short; return whether it was.

        Bounded; a second Ctrl-C leaves the rest behind.
        """
        running, guard = self._running(), self._guard
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or running is None or guard is None or not guard.is_alive():
            return False
        if self._is_cut_short:
            return False
        self._is_cut_short = True
        with suppress(KeyboardInterrupt):
            running.stop(0.0, LONGEST_END)
        return True
