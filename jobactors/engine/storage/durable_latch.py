"""The latch for which a job waits until the store holds it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import trio

from jobactors.inside.signals.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from jobactors.model.errors import StoreError


class DurableLatch(Latch):
    """Set once a job is stored as it was when the latch was made, or refused.  Set by the loop.

    Every job waits for one before each of its attempts, and thousands wait for one commit.  So an
    attempt has no task yet while it waits, and the first task of the loop that waits is rescheduled
    directly, without the event that a latch makes for other threads and loops.

    Args:
        home: The loop's thread.
    """

    __slots__ = ("_begin", "_home", "_task", "trouble")

    def __init__(self, home: int) -> None:
        super().__init__()
        self._home = home
        self._task: trio.lowlevel.Task | None = None
        self._begin: Callable[[], None] | None = None
        self.trouble: StoreError | None = None
        """The error for which it was not stored, and never will be, although the job goes on."""

    def set(self) -> None:
        """Set it and wake all waiters.  In the loop's thread; a second time does nothing."""
        super().set()
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()

    def begin_when_set(self, begin: Callable[[], None]) -> None:
        """Call ``begin()`` when it is set; in the loop's thread, where it is not set yet."""
        if self._begin is None:
            self._begin = begin
        else:
            self.call_when_set(begin)

    def set_like(self, later: DurableLatch) -> None:
        """Set it with the trouble of the later latch that has replaced it."""
        self.trouble = later.trouble
        self.set()

    def __await__(self) -> Generator[Any, Any, None]:
        if self.is_set or self._task is not None or not _is_task_in(self._home):
            return super().__await__()
        self._task = trio.lowlevel.current_task()
        waiting = trio.lowlevel.wait_task_rescheduled(self._give_up)  # noqa: ASYNC105 - the next line
        return waiting.__await__()

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


def _is_task_in(thread: int) -> bool:
    """Whether a trio task runs here, in that thread, which may serve another loop as well."""
    return threading.get_ident() == thread and trio.lowlevel.in_trio_task()
