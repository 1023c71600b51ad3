"""A wait of the loop for another thread that is about to be done.

A thread that wakes a loop, and a loop that is woken, spend some thirty microseconds on it: as much
as all else that a job with a short function costs.  So the loop waits in place for a call that is
likely to end at once, and the thread wakes it only if the loop has gone on.
"""

from __future__ import annotations

import threading


class BriefWait:
    """One wait of one thread for another; the second learns whether the first still waits."""

    __slots__ = ("_claim", "_done")

    def __init__(self) -> None:
        self._claim = threading.Lock()
        """Acquired by the one that comes first: the other thread, done, or the loop, tired."""
        self._done = threading.Lock()
        """Released by the other thread when it is done in time."""
        self._done.acquire()

    def is_over_within(self, seconds: float) -> bool:
        """Wait until the other thread is done; False if it takes longer.  Once, in the loop."""
        if self._done.acquire(timeout=seconds):
            return True
        if self._claim.acquire(blocking=False):
            return False
        return self._done.acquire()  # it is done in this very moment

    def end(self) -> bool:
        """Let the loop go on; False if it has, and has to be woken.  Once, in the other thread."""
        if not self._claim.acquire(blocking=False):
            return False
        self._done.release()
        return True
