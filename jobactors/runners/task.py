"""Attempts that are trio code: they run as they are, inside the actor's task."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jobactors.engine.ports.runner import Attempt, KnownRunner


class TaskRunner:
    """Awaits the function.  A cancel is raised at its next cancel point, as trio does it."""

    name: str = "trio"
    takes_slot: bool = True
    can_abandon: bool = False
    waits_elsewhere: bool = False
    runs_already: bool = False

    async def run(self, attempt: Attempt) -> Any:
        """Await the function in the actor's own task."""
        awaitable = attempt.function(*attempt.args, **attempt.kwargs)
        if not inspect.isawaitable(awaitable):
            raise TypeError(
                f"{attempt.function!r:.100} returned {type(awaitable).__name__}, not something to "
                'await: submit it with runner="thread", or make it an async def'
            )
        try:
            return await awaitable
        except (RuntimeError, TypeError) as exc:
            if _is_asyncio_on_trio(exc):
                exc.add_note(
                    "this looks like asyncio code, and the job ran on trio: submit it with "
                    'jobs.options(runner="asyncio")'
                )
            raise


_ASYNCIO_ON_TRIO: Final = ("no running event loop", "trio.run received unrecognized yield message")
"""The errors of asyncio and trio when they meet."""


def _is_asyncio_on_trio(exc: Exception) -> bool:
    if type(exc) not in {RuntimeError, TypeError}:
        return False  # a class of the user's, whose __str__ and args may raise
    text = exc.args[0] if exc.args else None
    return type(text) is str and text.startswith(_ASYNCIO_ON_TRIO)


RUNNER: Final[KnownRunner] = TaskRunner()
