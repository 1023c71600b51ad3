"""Waiting for the disk."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import trio

from jobactors.inside.signals.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.model.errors import StoreError


class DurableLatch(Latch):
    """Set once a job is kept as it stood when this was asked for, or refused.  Set by the loop.

    Every job waits for one before each of its attempts.  So the first task of the loop that waits
    does without what a latch needs for other threads and loops: thousands wait for one commit.

    Args:
        home: The loop's thread.
    """

    __slots__ = ("_home", "_task", "trouble")

    def __init__(self, home: int) -> None:
        super().__init__()
        self._home = home
        self._task: trio.lowlevel.Task | None = None
        self.trouble: StoreError | None = None
        """Why it was not kept, and never will be, although the job goes on."""

    def set(self) -> None:
        """Set it and wake all waiters.  In the loop's thread; a second time does nothing."""
        super().set()
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def set_like(self, later: DurableLatch) -> None:
        """Set it with the trouble of the one that has taken its place."""
        self.trouble = later.trouble
        self.set()

    def __await__(self) -> Generator[Any, Any, None]:
        if self._is_set or self._task is not None or not _is_trio(self._home):
            return super().__await__()
        self._task = trio.lowlevel.current_task()
        waiting = trio.lowlevel.wait_task_rescheduled(self._give_up)  # noqa: ASYNC105 - the next line
        return waiting.__await__()

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


def _is_trio(thread: int) -> bool:
    """Whether this is a trio task in that thread, which may serve another loop as well."""
    return threading.get_ident() == thread and trio.lowlevel.in_trio_task()
