"""SIGTERM and SIGHUP: the systems of this process close in order, and then it ends by the signal.

By default such a signal ends the process at once, and with it what its jobs have saved since the
last writing.  A program that has open systems, and no handler of its own, has ours instead: the
jobs at work are interrupted, or without a store cancelled, and have some seconds to save and clean
up.  A second signal ends the process at once, as ever.

Python runs a handler in the main thread, wherever that stands.

- Where the main thread runs a trio loop with an open block, the handler only notifies the loop.
  The block cancels its body, stops its jobs, and ends the process as the last thing it does.
- Where the main thread stands in a tracked block, such as a command as a job, the handler returns
  as well: the block ends at its next report, and the process when it has been left.  A block that
  reports nothing is left behind with the process.
- Elsewhere the handler itself waits for the loops in other threads, so that the program below it
  does not go on meanwhile, with jobs that are interrupted and a system that takes no more.

A main thread in one long call of C code runs the handler when that returns.  Only a second signal
would not wait, and it needs the first to have been handled: such a program ends by SIGKILL.

No exception is raised for it: one that is raised at any place in a program may be lost, in a
finalizer or in a callback, and the process would then live on.  The functions of ``atexit`` are
left out, as they are by default.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.signals.latch import Latch
from jobactors.runners.main_blocks import MAIN_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_END: Final = 8.0
"""Seconds that the jobs have to end, all together; less than the ten of a container's stop."""
LONGEST_CLOSE: Final = 5.0
"""Seconds that a system has beyond that to close; then the process ends nevertheless."""
LAST_WORDS: Final = 1.5
"""Seconds for the main thread to leave its blocks, and for streams, once all systems are closed."""
_NUMBERS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def told_to_end(name: str) -> str:
    """Return the reason for which jobs end then."""
    return f"its program was told to end ({name})"


class Closing:
    """One open system, to be closed after a signal to end.  Ended by :meth:`leave`."""

    def __init__(
        self, terminations: Terminations, tell: Callable[[str], object], *, in_main: bool
    ) -> None:
        self.tell: Callable[[str], object] = tell
        """Called with the signal's name, in the main thread, at any place; returns at once."""
        self.in_main: bool = in_main
        """Whether its loop runs in the main thread."""
        self.ended: Latch = Latch()
        self._terminations = terminations

    def leave(self) -> None:
        """Take note that the system has ended; the last one in the main thread ends the process."""
        self._terminations.leave(self)


class Terminations:
    """The open systems of this process, and the handlers of its signals.

    ``_open`` is replaced whole, under the lock, by threads that open and close systems; a handler
    only reads it, since it may have interrupted one of them.  ``_number`` is the handler's.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked child."""
        self._lock = threading.Lock()
        self._open: tuple[Closing, ...] = ()
        self._number: int | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether the process has received a signal to end."""
        return self._number is not None

    def watch(self, tell: Callable[[str], object], *, in_main: bool) -> Closing:
        """Have a system closed after a signal to end; see :class:`Closing`.

        Signals that have a handler already, or are ignored, are left alone; so are all of them
        where the first system is opened outside the main thread.
        """
        closing = Closing(self, tell, in_main=in_main)
        with self._lock:
            self._open = (*self._open, closing)
        if threading.current_thread() is threading.main_thread():
            for number in _NUMBERS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    with suppress(ValueError):  # this is no main interpreter
                        signal.signal(number, self._handle)
        return closing

    def leave(self, closing: Closing) -> None:
        """See :meth:`Closing.leave`."""
        with self._lock:
            self._open = tuple(one for one in self._open if one is not closing)
        closing.ended.set()
        if self._number is not None:
            if threading.current_thread() is threading.main_thread():
                self._end_if_last()
            elif not self._open:
                self._end_although_blocked()
        self.tidy()

    def tidy(self) -> None:
        """Take the handlers off if nothing is open; only the main thread can."""
        if not self._open and threading.current_thread() is threading.main_thread():
            self._restore()

    def _restore(self) -> None:
        for number in _NUMBERS:
            if signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_DFL)

    def hear(self, number: int) -> None:
        """Close all systems for a signal that the main thread may miss; from any thread.

        Once they have ended it wakes up, and its handler ends the process.
        """
        if signal.getsignal(number) == self._handle:
            self._tell_all(number)

    def _tell_all(self, number: int) -> None:
        name = signal.Signals(number).name
        for closing in self._open:
            closing.tell(name)

    def _handle(self, number: int, _: Any) -> None:
        """Close all systems; a second signal finds the default, and ends the process."""
        self._restore()
        self._number = number
        self._tell_all(number)
        self._end_if_last()

    def _end_if_last(self) -> None:
        """End the process by the signal, unless a block of the main thread does so later."""
        if any(closing.in_main for closing in self._open) or not MAIN_BLOCKS.left.is_set:
            return
        deadline = time.monotonic() + LONGEST_END + LONGEST_CLOSE
        for closing in self._open:
            closing.ended.wait_in_thread(deadline - time.monotonic())
        self.end_now()

    def _block_left(self) -> None:
        if self._number is not None:
            self._end_if_last()

    def _end_although_blocked(self) -> None:
        """End the process if a block of the main thread is not left; in another thread."""
        if not MAIN_BLOCKS.left.wait_in_thread(LAST_WORDS):
            # The main thread may hang in a write.
            flushing = threading.Thread(target=_flush, name="jobactors-flush", daemon=True)
            flushing.start()
            flushing.join(LAST_WORDS)
            self._kill()

    def end_now(self) -> None:
        """End the process by the signal it has received; in the main thread."""
        _flush()
        self._kill()

    def _kill(self) -> None:
        if self._number is not None:
            os.kill(os.getpid(), self._number)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # none, gone, or interrupted in the middle of a write
            stream.flush()


TERMINATIONS: Final = Terminations()
MAIN_BLOCKS.at_end = TERMINATIONS._block_left
os.register_at_fork(after_in_child=TERMINATIONS.forget)
