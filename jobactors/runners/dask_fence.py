"""The start fence: of all runs of one attempt, one at most begins.

Dask promises that a task is done, not that it is started once: when a worker is killed, retired or
out of reach, its tasks start again elsewhere, from their beginning, and nothing is said about it.
So a run asks before it calls the function, and the engine, which is in one place, answers.  A run
that was never granted has never begun; the next one may have its place.  One that was granted may
have begun, whatever has become of it; every later one is refused.

So an attempt begins at most once, and exactly once if its worker lives.  A worker may die between
the grant and the first line of the function, and that cannot be told from a death right after it:
the word that the function begins would be lost with the worker, as the grant may be.  To grant
again then would be to start some attempts twice.  The attempt has ended with its worker, and
``retry=`` makes another one.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

LEFT_BEHIND: Final = b"its job has ended without it"
REFUSED: Final = b"this attempt has begun before, on another worker"


class Ruling(Enum):
    """The answer to a run that asks whether it may begin."""

    WAIT = "wait"
    """It is the one that will be granted, once the engine has written that down."""
    GRANT = "grant"
    """It may begin, or has been allowed to."""
    REFUSE = "refuse"
    """It may not."""
    MOVED = "moved"
    """It may begin, although another one has begun: the job allows restarts."""


class StartFence:
    """The runs of one attempt.  In the loop's thread only.

    Args:
        restarts: Whether every run may begin, without asking.
    """

    __slots__ = ("_granted", "is_over", "restarts", "run")

    def __init__(self, restarts: bool) -> None:
        self.restarts: Final = restarts
        self.run: str = ""
        """The run that counts: frames of any other are too late."""
        self.is_over: bool = False
        """Whether the attempt has ended: no run may begin any more."""
        self._granted = False

    @property
    def is_granted(self) -> bool:
        """Whether a run may have begun."""
        return self._granted or (self.restarts and bool(self.run))

    def ask(self, run: str) -> Ruling:
        """Decide about a run that is about to begin, or to begin again to ask."""
        if self.is_over:
            return Ruling.REFUSE
        if self.restarts:
            first, self.run = not self.run, run
            return Ruling.WAIT if first else Ruling.MOVED
        if self._granted:
            return Ruling.GRANT if run == self.run else Ruling.REFUSE
        self.run = run
        return Ruling.WAIT

    def withdraw(self) -> None:
        """Take note that the worker of the run that waits has left: it never begins.

        Should it be there all the same, the run asks again.
        """
        if not self.is_granted:
            self.run = ""

    def grant(self) -> None:
        """Let the run that waits begin: from here on, no other one may."""
        self._granted = True
