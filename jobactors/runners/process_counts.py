"""Count what the system holds for a process: its open files, its threads, its memory.

Asked before each job that follows another one.  On Linux each answer is one system call on a file
of ``/proc`` that is held open: to list the two folders, and to open and read the third, takes ten
times as long.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

_IS_LINUX = sys.platform == "linux"


class SystemCounts:
    """The counts of this process.  In its main thread; raises OSError where nothing can be seen."""

    def __init__(self) -> None:
        self._files = self._threads = self._memory = -1
        """The open files; -1 where there are none."""
        self._is_countable = False
        if _IS_LINUX:
            with suppress(OSError):  # no /proc, or no further file can be opened
                self._files = os.open("/proc/self/fd", os.O_RDONLY)
                self._threads = os.open("/proc/self/task", os.O_RDONLY)
                self._memory = os.open("/proc/self/statm", os.O_RDONLY)

    def look(self) -> None:
        """See whether counting the open files is enough to know them, from here on."""
        # If their numbers have no gaps, then as many without a gap are the same.  Linux before 6.2
        # does not count them: its answer is 0.
        number = self._count_files() if self._files >= 0 else 0
        self._is_countable = number == _lowest_free() > 0

    def files(self) -> object:
        """Return what changes with the numbers of the open files."""
        if self._is_countable:
            return self._count_files(), _lowest_free()
        return os.listdir("/proc/self/fd" if _IS_LINUX else "/dev/fd")  # noqa: PTH208 - strings

    def threads(self) -> int:
        """Return the number of the system's threads; always the same where it does not say."""
        return os.fstat(self._threads).st_nlink if self._threads >= 0 else 0

    def memory(self) -> int:
        """Return the bytes in use; where the system does not say, the most there were."""
        if self._memory >= 0:
            return int(os.pread(self._memory, 128, 0).split()[1]) * resource.getpagesize()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def _count_files(self) -> int:
        return os.fstat(self._files).st_size


def _lowest_free() -> int:
    free = os.dup(0)
    os.close(free)
    return free
