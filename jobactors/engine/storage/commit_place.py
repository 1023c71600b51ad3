"""The choice of the thread that commits a small batch: the loop's own, or the store's.

A commit that waits for nothing takes less time than two hand-overs between threads.  But a loop
that waits for a disk, for another program's lock or for the interpreter's lock serves nobody.  So
the store's thread is where commits are tried out, and the loop makes them only while all of the
last ones were quick.

Two kinds of waiting can be foreseen: now and then a store tidies up, and the commit after that
waits for the disk.  Both fall to the store's thread, which gets its turn for them.

Pure: commits are counted, and no clock is read.
"""

from __future__ import annotations

from typing import Final

MOST_CHANGES: Final = 64
"""Changes of a batch that the loop commits, at most; they take it a millisecond."""
SLOW: Final = 0.002
"""Seconds after which a commit has waited for something."""
FEWEST: Final = 2
"""Quick commits in a row, in the store's thread, before the loop makes the next one."""
MOST: Final = 1_024
"""The same, after slow commits in the loop: each of them doubles the number."""
IN_A_ROW: Final = 64
"""Commits of the loop, after which the store's thread has its turn."""


class CommitPlace:
    """Says where the next batch is committed.  In the loop's thread only."""

    __slots__ = ("_in_loop", "_needed", "_quick")

    def __init__(self) -> None:
        self._quick = 0
        """Quick commits in a row in the store's thread."""
        self._needed = FEWEST
        """So many of them are needed."""
        self._in_loop = 0
        """Commits in the loop since then."""

    def is_loop(self, changes: int) -> bool:
        """Whether the loop commits a batch of so many changes."""
        return self._quick >= self._needed and changes <= MOST_CHANGES

    def note_in_loop(self, seconds: float) -> None:
        """Take into account how long a commit in the loop took; infinite if it was given up."""
        self._in_loop += 1
        if seconds > SLOW:
            self._needed = min(MOST, self._needed * 2)
        elif self._in_loop == IN_A_ROW:
            self._needed = max(FEWEST, self._needed // 2)
        else:
            return
        self._quick = self._in_loop = 0

    def note_in_thread(self, changes: int, seconds: float) -> None:
        """Take into account how long a commit in the store's thread took.

        A large batch says nothing about a small one.
        """
        if changes <= MOST_CHANGES:
            self._quick = self._quick + 1 if seconds <= SLOW else 0
