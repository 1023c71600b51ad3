"""Receives signals that the main thread may miss, once that has come to its end.

Python handles signals in the main thread.  One that comes just before the system call in which that
waits, or that the system hands to another thread, does not wake it.  Elsewhere the main thread
waits in slices, and looks in between; at the end of a script it stands in ``threading._shutdown``,
without a limit.  So from its end on the interpreter writes each signal into a pipe, and a thread
reads it.  Not earlier: there can be one such pipe, and trio and asyncio use it for the same.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SignalEars:
    """A thread that receives signals.  Opened and closed by the main thread."""

    def __init__(self, hear: Callable[[int], object]) -> None:
        """Take the function that is called with each signal's number, in the thread."""
        self._hear = hear
        self._thread: threading.Thread | None = None
        self._writing = -1
        self.are_open: bool = False
        """Whether signals are received."""

    def open_at_main_end(self) -> None:
        """Receive signals from the end of the main thread on, where the interpreter has a way to.

        The thread is started now: at that end some versions of Python start none.
        """
        register = getattr(threading, "_register_atexit", None)
        if register is None:
            return
        with suppress(RuntimeError):  # it is ending already
            register(self._open, os.getpid())
            reading, self._writing = os.pipe()
            os.set_blocking(self._writing, False)
            self._thread = threading.Thread(
                target=self._read, args=(reading,), name="jobactors-signals", daemon=True
            )
            self._thread.start()

    def _open(self, process: int) -> None:
        if os.getpid() != process or self._thread is None:
            return  # a forked child
        with suppress(ValueError):  # this is no main thread of a main interpreter
            signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
            self.are_open = True

    def _read(self, reading: int) -> None:
        while numbers := os.read(reading, 64):
            for number in numbers:
                self._hear(number)
        os.close(reading)

    def close(self) -> None:
        """End the thread: it would hold the program's objects when they are finalized."""
        if self._thread is not None:
            if self.are_open:
                signal.set_wakeup_fd(-1)
            os.close(self._writing)
            self._thread.join()
            self._thread, self.are_open = None, False
