"""A thread that lets go of users' objects, since their finalizers are code of the user.

A loop of jobs hands references over instead of dropping them, see
:mod:`jobactors.model.last_references`.  They are gathered until the loop has done what it is doing:
the frames that have handed them over hold them as well, and must not be the last ones to do so.
Then the list goes to the thread, which takes them out of it one by one, in order.  That costs a
turn of the loop and a switch of threads, more than a small job does; so after each list the thread
pauses, and then asks for what has been gathered meanwhile.

The thread is started for the first list.  At the end of the loop's last system it lets go of what
it has, and ends; it is waited for a little only, since a finalizer may block for ever.  For the
same reason no more than :data:`MOST_WAITING` references wait: further ones go in the loop, and the
watchdog says so if they hold it up.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import trio

from jobactors.model.last_references import TAKERS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

MOST_WAITING: Final = 10_000
"""References that wait for the thread."""
LAST_CALLS: Final = 1.0
"""Seconds that the thread has at the end for the references that wait."""
PAUSE: Final = 0.01
"""Seconds between two lists."""


class FinalizerThread:
    """Lets go of what one loop hands over.  In the loop's thread only, unless stated otherwise."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._gathered: deque[object] = deque()
        self._lists: queue.SimpleQueue[deque[object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._has_ended = trio.Event()
        self._is_asked_for = False
        """Whether what is gathered will be handed over without another call."""
        self._is_closing = threading.Event()
        self._handed_over = 0
        self._let_go = 0
        """Written by the thread."""
        self.systems: int = 0
        """The number of systems that run in the loop."""

    def take(self, reference: object) -> None:
        """Let a reference go in the thread; here, if too many wait."""
        waiting = self._handed_over - self._let_go + len(self._gathered)
        if waiting >= MOST_WAITING:
            return
        self._gathered.append(reference)
        if not self._is_asked_for:
            self._is_asked_for = True
            try:
                self._token.run_sync_soon(self._hand_over)
            except trio.RunFinishedError:
                self._gathered.clear()

    def _hand_over(self) -> None:
        if self._thread is None and self._gathered and not self._start():
            self._gathered.clear()
        if not self._gathered:
            self._is_asked_for = False
            return
        gathered, self._gathered = self._gathered, deque()
        self._handed_over += len(gathered)
        self._lists.put(gathered)

    def _start(self) -> bool:
        # A daemon: a finalizer may block, and nothing is to wait for it.
        thread = threading.Thread(target=self._serve, name="jobactors-finalizers", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending, and starts no thread any more
            return False
        self._thread = thread
        return True

    async def close(self) -> None:
        """Take no more references; the thread ends once it has let go of those that wait."""
        self._is_closing.set()
        self._hand_over()
        if self._thread is None:
            return
        self._lists.put(None)
        with trio.move_on_after(LAST_CALLS):
            await self._has_ended.wait()
            self._thread.join()

    def _serve(self) -> None:
        """Let go of what comes, in the thread."""
        while (handed := self._lists.get()) is not None:
            while handed:
                handed.popleft()
                self._let_go += 1
            self._is_closing.wait(PAUSE)
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._hand_over)
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._has_ended.set)


_OF_LOOPS: Final[dict[int, FinalizerThread]] = {}
"""The thread of each loop of jobs, by the ident of the loop's own; written by that one."""


@asynccontextmanager
async def finalizers_elsewhere() -> AsyncGenerator[None]:
    """Run no finalizer of what is handed over in this thread, which is a loop's, meanwhile."""
    home = threading.get_ident()
    thread = _OF_LOOPS.get(home)
    if thread is None:
        thread = _OF_LOOPS[home] = FinalizerThread()
    thread.systems += 1
    try:
        yield
    finally:
        thread.systems -= 1
        if not thread.systems:
            del _OF_LOOPS[home]
            await thread.close()


# The defaults, because the last references go when the names of this module are gone.
def _take(
    reference: object,
    _of_loops: Mapping[int, FinalizerThread] = _OF_LOOPS,
    _here: Callable[[], int] = threading.get_ident,
) -> None:
    thread = _of_loops.get(_here())
    if thread is not None:
        thread.take(reference)


TAKERS.append(_take)
