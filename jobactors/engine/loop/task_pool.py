"""Tasks that make one call after another, each inside a cancel scope that stays open.

To start a task with a scope, and to end both, was a seventh of what a short ``async def`` job took.
So a task whose call has come to a plain end is parked, and woken for the next one.

*As if it were new.*  Nothing of a call may reach the next one.  So a task is parked only if its
call returned, with no cancel, has left no scope open, and if nothing refers to the task that did
not before.  An open nursery does, and so does whatever knows its holder by the task: a lock, which
the end of the task breaks, the token of a ``CapacityLimiter``, which the next call would seem to
hold already, a dictionary of the user's.  In every other case the task ends, as that of a single
call would.  A parked task has no context variables, and holds nothing of its call.

Rejected: calls that wait for one task, which makes them in one step.  Of calls that wait for
something, each would then begin one turn of the loop after the one before it.
"""

from __future__ import annotations

import sys
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

# trio tells the innermost scope of a task by a name of its own alone, and only CPython counts
# references.  Without these no task makes a second call.
_references_to: Callable[[object], int] | None = getattr(sys, "getrefcount", None)

_MOST_PARKED: Final = 100
"""Tasks that wait for calls; more than a hundred jobs never start in one turn of the loop."""
_NAME: Final = "jobactors-task"
"""The name of a task between two calls."""
_NO_VARIABLES: Final = Context()


class PooledTask:
    """A task of the pool, to its present call the cancel scope in which that is made.

    The scope is really entered by the first call, and left by one that does not just return.
    """

    __slots__ = ("_call", "_is_open", "_pool", "_references", "_scope", "_status", "_task")

    def __init__(self, pool: TaskPool, call: Callable[[], Awaitable[None]]) -> None:
        self._pool = pool
        self._call: Callable[[], Awaitable[None]] | None = call
        self._scope = trio.CancelScope()
        self._is_open = False
        self._status: object = None
        self._references: int | None = None
        self._task: trio.lowlevel.Task

    def cancel(self, reason: str | None = None) -> None:
        """Cancel the present call."""
        self._scope.cancel(reason)

    def __enter__(self) -> None:
        if not self._is_open:
            self._scope.__enter__()
            self._is_open, self._status = True, _innermost_scope_of(self._task)
            if _references_to is not None:
                self._references = _references_to(self._task)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if kind is None and self._is_as_new():
            return False
        self._is_open = False
        return self._scope.__exit__(kind, raised, traceback)

    def _is_as_new(self) -> bool:
        return not (
            self._scope.cancel_called
            or self._status is None
            or self._status is not _innermost_scope_of(self._task)
            or _references_to is None
            or self._references != _references_to(self._task)
        )

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Make one call after another, until one has left its traces or the pool is closed."""
        self._task = trio.lowlevel.current_task()
        try:
            while self._call is not None:
                call, self._call = self._call, None
                await call()
                del call
                if self._is_open and self._pool.park(self):
                    self._task.name, self._task.context = _NAME, _NO_VARIABLES
                    await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
        finally:
            if self._is_open:
                self._scope.__exit__(*sys.exc_info())

    def wake(self, call: Callable[[], Awaitable[None]] | None, name: str, context: Context) -> None:
        """Let a parked task make a call, or end for None."""
        self._call, self._task.name, self._task.context = call, name, context
        trio.lowlevel.reschedule(self._task)

    def _stop_waiting(self, _: object) -> trio.lowlevel.Abort:
        self._pool.forget(self)
        return trio.lowlevel.Abort.SUCCEEDED


def _innermost_scope_of(task: trio.lowlevel.Task) -> object:
    return getattr(task, "_cancel_status", None)


class TaskPool:
    """The tasks of one system in which attempts run.  In the loop's thread only."""

    def __init__(self) -> None:
        self._parked: list[PooledTask] = []
        """The tasks without a call; the last one is called first."""
        self._is_closed = False
        self._start_task: Callable[..., None]

    def open(self, start_task: Callable[..., None]) -> None:
        """Begin: new tasks are started with this."""
        self._start_task = start_task

    def close(self) -> None:
        """Let the parked tasks end, and the others when they have made their calls."""
        self._is_closed = True
        while self._parked:
            self._parked[-1].wake(None, _NAME, _NO_VARIABLES)
            self._parked.pop()

    def start(
        self, call: Callable[[], Awaitable[None]], name: str, context: Context | None
    ) -> PooledTask:
        """Have a call made in the loop's next turn, by the task that is returned.

        Args:
            call: Uses the task as a cancel scope, around all that may be cancelled.
            name: The task's name meanwhile.
            context: The context variables, which are copied; None for those of the caller.
        """
        if self._parked:
            task = self._parked[-1]
            task.wake(call, name, copy_context() if context is None else context.copy())
            self._parked.pop()  # not before: until it is woken, it may be cancelled
            return task
        task = PooledTask(self, call)
        if context is None:
            self._start_task(task.run, name=name)
        else:  # trio copies the one in which a task is started
            context.copy().run(self._start_task, task.run, name=name)
        return task

    # -- called by the tasks

    def park(self, task: PooledTask) -> bool:
        """Keep a task for another call; returns whether it is to wait for that."""
        if self._is_closed or len(self._parked) >= _MOST_PARKED:
            return False
        self._parked.append(task)
        return True

    def forget(self, task: PooledTask) -> None:
        """Wake a parked task no more: it has been cancelled."""
        self._parked.remove(task)
