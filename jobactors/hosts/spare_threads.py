"""Threads for the end of a script on Python 3.12.0 and 3.12.1, which start none there.

These two refuse a new thread from the moment on at which the main thread has ended; 3.12.2 does so
only when the other threads have ended, too.  A script waits at that point for its jobs, and those
that are queued need threads.  So some are started beforehand, bare ones that wait on a lock, and
each becomes the one thread that is refused: at its start, ``threading.Thread.start`` asks for
it by a name in its module, which is replaced.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., int]

ARE_NEEDED: Final = (3, 12, 0) <= sys.version_info[:3] <= (3, 12, 1)
"""Whether this Python starts no thread once the main thread has ended."""
MOST: Final = 32
"""Threads that are held ready: several times as many as jobs run at once by default."""


class _Spare:
    """One thread that waits for what it is to do; once."""

    def __init__(self) -> None:
        self._called = _thread.allocate_lock()
        self._called.acquire()
        self._function: Callable[..., object] = object
        self._arguments: tuple[Any, ...] = ()
        self.ident = _thread.start_new_thread(self._run, ())

    def become(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> int:
        """Call a function in this thread, which ends with it."""
        self._function, self._arguments = function, arguments
        self._called.release()
        return self.ident

    def _run(self) -> None:
        self._called.acquire()
        self._function(*self._arguments)


class SpareThreads:
    """Starts threads as another function does, and takes one that is there where it refuses.

    Args:
        start: Starts a thread; raises RuntimeError if it cannot.
        count: The threads that are held ready.
    """

    def __init__(self, start: Start, count: int = MOST) -> None:
        self._start = start
        self._spares = deque(_Spare() for _ in range(count))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._spares.clear)  # a fork copies no threads

    def __call__(self, function: Callable[..., object], arguments: tuple[Any, ...] = ()) -> int:
        """Call a function in a new thread, and return that thread's ident.

        Raises:
            RuntimeError: if none can be started, and no other one is left.
        """
        try:
            return self._start(function, arguments)
        except RuntimeError:
            try:
                spare = self._spares.popleft()
            except IndexError:
                pass
            else:
                return spare.become(function, arguments)
            raise


def hold_threads_ready() -> None:
    """Have threads for the end of this script; does nothing where Python starts them itself."""
    if ARE_NEEDED:
        module: Any = threading
        module._start_new_thread = SpareThreads(module._start_new_thread)
