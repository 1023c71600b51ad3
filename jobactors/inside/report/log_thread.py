"""Writes log records in a thread of its own, so that no handler can stop what logs.

A handler is the user's code, and ``logging`` calls it under the handler's lock.  Some thread of the
user's may hold that lock and wait for the jobs' loop: its handler cancels a job, say.  If the loop
itself then waited for the lock, in order to log, both would wait for ever; and a handler that just
blocks would block all jobs.

So records are handed over, and waited for within a bound: as a rule they are written when the call
that logs returns, as with any logger.  Once a record has not been written in time, none is waited
for until all are written.

Rejected: *handing over without waiting*, after which a program that logs an error and ends has
often not shown it; *trying the lock of each handler first*, which ``logging`` takes again itself,
and which says nothing of locks that a handler takes of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from itertools import repeat
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE: Final = 1.0
"""Seconds that a record is waited for."""
GLANCE: Final = 0.05
"""Seconds of each wait they consist of: a machine that stood still in one has used up only that."""
MOST_WAITING: Final = 10_000
"""Records that are kept for handlers which do not take them."""


class Interrupted(KeyboardInterrupt):
    """A Ctrl-C came while a call was waited for, which is made all the same."""


class _Handed:
    """A record that is handed over, to be written."""

    __slots__ = ("unwritten", "write")

    def __init__(self, write: Callable[[], object]) -> None:
        self.write = write
        self.unwritten: threading.Lock = threading.Lock()
        """Held until nothing waits for it any more."""
        self.unwritten.acquire()

    def let_go(self) -> None:
        with suppress(RuntimeError):  # a second time
            self.unwritten.release()


class LogThread:
    """Makes the calls that write records, one after the other.  From any thread."""

    def __init__(self) -> None:
        self._entries: SimpleQueue[_Handed] = SimpleQueue()
        self._waiting: deque[_Handed] = deque()
        """What is not written; appended by any thread, taken by the one that writes."""
        self._lock = threading.RLock()
        """Held while the thread is started."""
        self._thread: threading.Thread | None = None
        self._is_late = False
        """Whether a record was not written in time; written by any thread, cleared by this one."""
        self._wait_of_handler: object | None = None
        """The present wait of a handler for a loop, known by its identity; the thread writes it."""

    def write(self, call: Callable[[], object]) -> bool:
        """Have a call made by the thread, and wait for it within the bound.

        The call raises nothing.

        Returns:
            False if it has not been taken, since too many wait.

        Raises:
            Interrupted: by a Ctrl-C while the call was waited for.
        """
        if not self._has_thread():
            call()
            return True
        if len(self._waiting) >= MOST_WAITING:
            return False
        entry = self._hand_over(_Handed(call))
        try:
            self._wait_for(entry)
        except KeyboardInterrupt:
            raise Interrupted from None
        return True

    def flush(self) -> None:
        """Wait within the bound until all is written that waits, late or not.

        Not for a handler that waits for a loop all the while: it may be the caller's.
        """
        if not self._waiting or self._thread is threading.current_thread():
            return
        written = threading.Lock()  # not the entry's: a handler that waits lets go of that
        written.acquire()
        self._hand_over(_Handed(written.release))
        before: object | None = None
        for seconds in _glances():
            if written.acquire(timeout=seconds):
                return
            wait = self._wait_of_handler
            if wait is not None and wait is before:
                return
            before = wait

    def wait_for_none(self) -> bool:
        """Let everything go on that waits for a record, if this is the thread that writes them.

        A handler is about to wait for a loop, which may wait for the handler.

        Returns:
            Whether it is that thread; then :meth:`handler_goes_on` is called after the wait.
        """
        thread = self._thread
        if thread is None or thread.ident != threading.get_ident():
            return False
        self._is_late, self._wait_of_handler = True, object()
        for entry in self._waiting.copy():
            entry.let_go()
        return True

    def handler_goes_on(self) -> None:
        """End the wait of a handler: what waits for all to be written can count on it again."""
        self._wait_of_handler = None

    def _hand_over(self, entry: _Handed) -> _Handed:
        self._waiting.append(entry)  # before it can be written
        self._entries.put(entry)
        return entry

    def _wait_for(self, entry: _Handed) -> None:
        for seconds in _glances():
            if self._is_late or entry.unwritten.acquire(timeout=seconds):
                return
        self._is_late = True
        if not self._waiting:  # written meanwhile, by the thread that has cleared it before
            self._is_late = False

    def _has_thread(self) -> bool:
        with self._lock:
            if self._thread is None:
                # A daemon: a handler that never ends holds up no end of the program.
                thread = threading.Thread(target=self._run, name="jobactors-log", daemon=True)
                with suppress(RuntimeError):  # the interpreter ends, and starts none any more
                    thread.start()
                    self._thread = thread
            return self._thread not in {None, threading.current_thread()}

    def _run(self) -> None:
        while True:
            entry = self._entries.get()
            entry.write()
            self._waiting.popleft()
            if not self._waiting:
                self._is_late = False
            entry.let_go()
            del entry  # a traceback may hang on it, and the next record may come much later


def _glances() -> Iterator[float]:
    """Return the seconds of each wait of a record."""
    return repeat(min(GLANCE, PATIENCE), max(1, round(PATIENCE / GLANCE)))
