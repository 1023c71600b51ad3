"""Attempts that are asyncio code: they share one private loop, in a thread of its own.

A job may call what ends a loop, as programs with a loop of their own do: `stop()` or
`shutdown_default_executor()`.  The loop goes on for the others, and its executor stays.

Why not the kernel's loop: there a job would stand still while a cell computes, and a cell while a
job does.  Why not a loop a job: asyncio libraries share connection pools within a loop, and a
thousand jobs would be a thousand threads.  So the private loop is started with the first job and
runs until the program ends; a job that blocks in it holds up the other asyncio jobs, and no more.

One attempt is an ``_AsyncioCall``, made in the trio loop, whose ``_value`` and ``_error`` the
asyncio loop writes before it sets ``ended``.  Everything crosses by ``call_soon_threadsafe`` one
way, and by that latch the other.  A cancel crosses once: asyncio's own rule is that a task that
swallows its cancellation goes on.

The tasks that an attempt starts are known by the context variable of the current job, through the
loop's task factory; ``_tasks`` is used in the asyncio loop alone.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import threading
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from jobactors.engine.ports.runner import Abandoned
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.control import StopJob
from jobactors.inside.signals.latch import Latch
from jobactors.model.exception_tree import tracebacks_of
from jobactors.model.last_references import drop_elsewhere

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from jobactors.engine.ports.runner import Attempt, KnownRunner
    from jobactors.inside.context.job_context import JobContext


class AsyncioRunner:
    """Awaits the function in the private asyncio loop.

    A cancel cancels its task, once; one that catches that and returns has been cancelled, with a
    partial result, unless it returns ``ja.succeeded(value)``.  Tasks that it has started and left
    are cancelled and waited for before the job ends, as ``asyncio.run`` does.  It pauses in
    ``async for … in ja.track`` and ``await ctx.check()``.  Its context variables are a copy of its
    submitter's.
    """

    name: str = "asyncio"
    takes_slot: bool = True
    can_abandon: bool = True
    waits_elsewhere: bool = False
    runs_already: bool = False

    async def run(self, attempt: Attempt) -> Any:
        """Await the function in the asyncio loop, and wait here for it to end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        call = _AsyncioCall(attempt, LOOP.running())
        call.begin()
        try:
            await call.ended
        except trio.Cancelled:
            call.cancel()
            with trio.CancelScope(shield=True), attempt.abandon():
                await call.ended
            if not call.ended.is_set:
                raise Abandoned from None
            if not attempt.context._control.cancel_requested.is_set:
                raise
        return call.result()


class _AsyncioCall:
    """One attempt in the asyncio loop."""

    def __init__(self, attempt: Attempt, loop: asyncio.AbstractEventLoop) -> None:
        self._attempt = attempt
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self.ended = Latch()
        self._value: Any = None
        self._error: BaseException | None = None
        self._has_returned = False

    # -- in the trio loop

    def begin(self) -> None:
        # For this attempt, nothing may wait in the other loop's thread.
        self._attempt.context._control.loop_thread = LOOP.thread
        self._loop.call_soon_threadsafe(self._start, context=copy_context())

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(self._cancel)

    def result(self) -> Any:
        control = self._attempt.context._control
        error, self._error = self._error, None
        if error is None:
            return self._value
        try:
            drop_elsewhere((error, tracebacks_of(error)))
            if isinstance(error, asyncio.CancelledError) and control.cancel_requested.is_set:
                raise StopJob(control.reason)
            raise error
        finally:
            del error  # its traceback holds this frame

    # -- in the asyncio loop

    def _start(self) -> None:
        self._task = self._loop.create_task(self._run(), name=f"job {self._attempt.context.id}")
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before its first step; later ones are caught in it
            self._error = asyncio.CancelledError()
        self.ended.set()

    def _cancel(self) -> None:
        control = self._attempt.context._control
        # The task is there: it was made by an earlier call to this loop.
        if self._task is not None and self._task.cancel(control.reason) and not self._has_returned:
            control.answers += 1  # the cancellation is raised at its very next step

    async def _run(self) -> None:
        attempt = self._attempt
        try:
            self._value = await _awaitable(attempt)
        except BaseException as exc:  # SystemExit, too, must not end the loop of all others
            self._error = exc
        self._has_returned = True
        await _end_tasks_of(attempt.context)


def _awaitable(attempt: Attempt) -> Awaitable[Any]:
    awaitable = attempt.function(*attempt.args, **attempt.kwargs)
    if not inspect.isawaitable(awaitable):
        raise TypeError(
            f"{attempt.function!r:.100} returned {type(awaitable).__name__}, not something to "
            'await: submit it with runner="thread", or make it an async def'
        )
    return awaitable


_tasks: Final[dict[JobContext, set[asyncio.Task[Any]]]] = {}
"""The tasks that each attempt has started itself.  Used in the asyncio loop only."""


def _make_task(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """Make a task, and remember the attempt that it belongs to."""
    task = asyncio.Task(coro, loop=loop, **options)
    context = CURRENT.get()
    if context is not None:
        mine = _tasks.setdefault(context, set())
        mine.add(task)

        def forget(_: object) -> None:
            mine.discard(task)
            if not mine:
                _tasks.pop(context, None)

        task.add_done_callback(forget)
    return task


async def _end_tasks_of(context: JobContext) -> None:
    """Cancel the tasks that an attempt has left, and wait for them; again for those they start."""
    me = asyncio.current_task()
    while left := [task for task in _tasks.get(context, ()) if task is not me]:
        for task in left:
            task.cancel()
        with suppress(asyncio.CancelledError):  # a cancel of this task does not end theirs
            await asyncio.wait(left)


async def _keep_executor(*_: object, **__: object) -> None:
    """Leave the threads of `asyncio.to_thread` to the other jobs, where a job would end them."""


class _PrivateLoop:
    """The private loop and its thread.  Started once a process, and anew in a forked child."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked child the thread is not there."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.thread: int = 0
        """The thread's identity; 0 before its start."""
        self._is_closing = False
        """Written by the thread in which the program ends, read by the loop's."""

    def running(self) -> asyncio.AbstractEventLoop:
        """Return the loop, started if this is its first use."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_task_factory(cast("Any", _make_task))
                cast("Any", self._loop).shutdown_default_executor = _keep_executor
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name="jobactors-asyncio", daemon=True
                )
                self._thread.start()
                self.thread = self._thread.ident or 0
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._is_closing:
            try:
                loop.run_forever()
            except BaseException:  # SystemExit or KeyboardInterrupt, in a task or callback of a job
                LOG.exception("a job's asyncio task tried to end the program; the loop goes on")
            else:
                if not self._is_closing:
                    LOG.warning(
                        "an asyncio job stopped the loop, which is that of all asyncio jobs; it "
                        "goes on.  Let the function return instead of calling loop.stop()"
                    )

    def close(self) -> None:
        """End the loop at the program's end, unless a job blocks in it."""
        if self._loop is not None and self._thread is not None:
            self._is_closing = True
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(1.0)
            if not self._thread.is_alive():
                self._loop.close()


LOOP: Final = _PrivateLoop()
atexit.register(LOOP.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOOP.forget)
RUNNER: Final[KnownRunner] = AsyncioRunner()
