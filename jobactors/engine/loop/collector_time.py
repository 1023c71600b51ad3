"""Counts the time for which Python's garbage collector stops the program.

A full collection of millions of objects takes a second and more, in whichever thread it begins, and
holds the GIL meanwhile: no loop turns.  Afterwards nothing in any frame tells of it.
"""

from __future__ import annotations

import gc
import time
from typing import Any, Final

_LEAST_WORK: Final = 0.02
"""The part of its time that a collection works at least, also on a machine that is busy; below that
a finalizer in it waits, and lets the other threads run."""


class CollectorTime:
    """Adds up the collections of this process, from any thread: one is made at a time."""

    def __init__(self) -> None:
        self.stopped: float = 0.0
        """Seconds for which collections have stopped the program; written where one ends."""
        self.is_at_work: bool = False
        """Whether a collection has begun, and not ended; written as the other."""
        self._began = 0.0
        self._worked = 0.0
        self._counts = False

    def count(self) -> None:
        """Begin to count; a second time does nothing."""
        if not self._counts:
            self._counts = True
            gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, Any]) -> None:
        if info.get("generation", 2) == 0:  # many a second, and none is long
            return
        if phase == "start":
            self._began, self._worked = time.monotonic(), time.thread_time()
            self.is_at_work = True
        else:
            took = time.monotonic() - self._began
            if time.thread_time() - self._worked >= took * _LEAST_WORK:
                self.stopped += took
            self.is_at_work = False


COLLECTOR: Final = CollectorTime()
