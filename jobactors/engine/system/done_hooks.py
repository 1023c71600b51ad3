"""The ``on_done`` hooks: called once, with the terminal snapshot, beside the jobs and the loop.

A plain hook gets a thread.  Thousands of jobs may end in one moment, so that only so many threads
are at work, and the other hooks wait for their turn, in order.  An async one starts at once.
"""

from __future__ import annotations

import inspect
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from jobactors.engine.loop.worker_thread import call_in_thread, is_being_cancelled
from jobactors.inside.context.own_decimals import take_own_decimals
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.open_nurseries import closing_nurseries
from jobactors.model.last_references import drop_elsewhere

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context

    from jobactors.model.options import OnDone
    from jobactors.model.snapshot import JobSnapshot

GRACE: Final = 10.0
"""Seconds that hooks have when their system is being stopped."""
MOST_THREADS: Final = 100
"""Plain hooks that are called at once."""


class DoneHooks:
    """The hooks of one system that are still at work.  Written by the loop's thread only."""

    def __init__(self) -> None:
        self._scopes: dict[trio.CancelScope, str] = {}
        self._in_threads = 0
        self._waiting: deque[Callable[[], None]] = deque()
        """Starts of plain hooks that wait for a thread."""
        self._none_left = trio.Event()

    def start(
        self,
        start_soon: Callable[..., None],
        hook: OnDone,
        snapshot: JobSnapshot,
        context: Context | None,
    ) -> None:
        """Call a job's hook, in the context of its submitter."""
        if not inspect.iscoroutinefunction(hook):
            if self._in_threads >= MOST_THREADS:
                self._waiting.append(partial(self.start, start_soon, hook, snapshot, context))
                return
            self._in_threads += 1
        scope = trio.CancelScope()
        self._scopes[scope] = snapshot.id
        name = f"on_done {snapshot.id}"
        if context is None:
            start_soon(self._run, scope, hook, snapshot, name=name)
        else:
            context.copy().run(partial(start_soon, name=name), self._run, scope, hook, snapshot)

    # A Ctrl-C is the body's, not the hook's: raised here it would only be logged.
    @trio.lowlevel.enable_ki_protection
    async def _run(self, scope: trio.CancelScope, hook: OnDone, snapshot: JobSnapshot) -> None:
        take_own_decimals()
        try:
            with scope:
                await _call(hook, snapshot)
        finally:
            drop_elsewhere((hook, snapshot, trio.lowlevel.current_task().context))
            del self._scopes[scope]
            if not inspect.iscoroutinefunction(hook):
                self._in_threads -= 1
                if self._waiting:
                    self._waiting.popleft()()
            if not self._scopes:
                self._none_left.set()
                self._none_left = trio.Event()

    async def drain(self) -> None:
        """Wait until no hook is at work."""
        while self._scopes:
            await self._none_left.wait()

    async def stop(self, longest: float = GRACE) -> None:
        """Wait for the hooks, and cancel those that exceed their grace.

        Args:
            longest: Seconds to wait, if that is less.
        """
        grace = min(GRACE, longest)
        with trio.move_on_after(grace):
            await self.drain()
        if self._waiting:
            LOG.error("%d on_done hooks were not called within %.3g s", len(self._waiting), grace)
            self._waiting.clear()
        for scope, job_id in list(self._scopes.items()):
            LOG.error("the on_done hook of job %s did not end within %.3g s", job_id, grace)
            scope.cancel()


async def _call(hook: OnDone, snapshot: JobSnapshot) -> None:
    """Call an async hook in the loop, a sync one in a thread; an error is logged."""
    # A sync one may block; and the job's outcome stands, whatever a hook raises.
    try:
        if inspect.iscoroutinefunction(hook):
            await closing_nurseries(hook(snapshot))
            return
        called = partial(_called, hook, snapshot)
        awaitable = await call_in_thread(called, f"on_done {snapshot.id}")
        if awaitable is not None:
            await closing_nurseries(awaitable)
    except BaseException:  # even SystemExit: the job has ended, and the system goes on
        if is_being_cancelled():
            raise
        LOG.exception(
            "the on_done hook of job %s failed; the job itself is unaffected", snapshot.id
        )


def _called(hook: OnDone, snapshot: JobSnapshot) -> Awaitable[object] | None:
    """Call a plain hook, in a thread; return what is to be awaited of it."""
    returned: object = hook(snapshot)
    return returned if inspect.isawaitable(returned) else None
