"""Attempts that are trio code: they run as they are, inside the actor's task.

A function that catches its cancellation and returns was notified of the cancel, and has not
succeeded; one that returns without having met it has.  trio does not distinguish them: a scope has
what came out of it, and not what was raised in it.  So the function's own coroutine is driven
through a thin layer that sees each outcome on its way in.  The cancellation of the job's scope has
that scope's reason, the very object, and no other one has: a time limit of the function's own may
pass under a shield while the job is being cancelled.
"""

from __future__ import annotations

import inspect
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

import trio
from outcome import Error

from jobactors.inside.signals.open_nurseries import close_nurseries

if TYPE_CHECKING:
    from jobactors.engine.ports.runner import Attempt, KnownRunner
    from jobactors.inside.context.job_context import JobContext


class TaskRunner:
    """Awaits the function.  A cancel is raised at its next cancel point, as trio does it.

    A function that catches it and returns has been cancelled, with a partial result.
    """

    name: str = "trio"
    takes_slot: bool = True
    can_abandon: bool = False
    waits_elsewhere: bool = False
    runs_already: bool = False

    async def run(self, attempt: Attempt) -> Any:
        """Await the function in the actor's own task."""
        awaitable = attempt.function(*attempt.args, **attempt.kwargs)
        if type(awaitable) is not CoroutineType and not inspect.isawaitable(awaitable):
            raise TypeError(
                f"{attempt.function!r:.100} returned {type(awaitable).__name__}, not something to "
                'await: submit it with runner="thread", or make it an async def'
            )
        try:
            return await Listening(awaitable, attempt.context)
        except (RuntimeError, TypeError) as exc:
            if _is_asyncio_on_trio(exc):
                exc.add_note(
                    "this looks like asyncio code, and the job ran on trio: submit it with "
                    'jobs.options(runner="asyncio")'
                )
            raise
        finally:
            if trio.lowlevel.current_task().child_nurseries:
                await close_nurseries()


class Listening:
    """The awaitable, seen by trio and debuggers as it is, with the cancellations it meets noted."""

    __slots__ = ("_context", "_steps")

    def __init__(self, awaitable: Any, context: JobContext) -> None:
        is_plain = type(awaitable) is CoroutineType
        self._steps: Any = awaitable if is_plain else awaitable.__await__()
        self._context = context

    def __await__(self) -> Listening:
        return self

    def __iter__(self) -> Listening:
        return self

    def __next__(self) -> Any:
        return self._steps.send(None)

    def send(self, value: Any) -> Any:
        """Go on with what trio brings; its outcomes are unwrapped further inside."""
        if type(value) is Error and type(value.error) is trio.Cancelled:
            control = self._context._control
            if control.scope_reason is not None and value.error.reason is control.scope_reason:
                control.answers += 1
        try:
            return self._steps.send(value)
        finally:
            del value  # an error that comes out would hold itself, by this frame of its traceback

    def throw(self, *error: Any) -> Any:
        """Raise ``error`` where the function waits."""
        return self._steps.throw(*error)

    def close(self) -> None:
        """End the function where it waits."""
        self._steps.close()

    @property
    def cr_frame(self) -> Any:
        """The frame of the function, for what shows the frames of tasks."""
        return getattr(self._steps, "cr_frame", None)

    @property
    def cr_await(self) -> Any:
        """The awaitable that the function waits for."""
        return getattr(self._steps, "cr_await", None)


_ASYNCIO_ON_TRIO: Final = ("no running event loop", "trio.run received unrecognized yield message")
"""The errors of asyncio and trio when they meet."""


def _is_asyncio_on_trio(exc: Exception) -> bool:
    if type(exc) is not RuntimeError and type(exc) is not TypeError:
        return False  # a class of the user's, whose __str__ and args may raise
    text = exc.args[0] if exc.args else None
    return type(text) is str and text.startswith(_ASYNCIO_ON_TRIO)


RUNNER: Final[KnownRunner] = TaskRunner()
