"""Attempts that are trio code: they run as they are, inside the actor's task."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jobactors.engine.ports.runner import Attempt, Runner


class TaskRunner:
    """Awaits the function.  A cancel arrives at its next cancel point."""

    name = "trio"
    takes_slot = True
    can_abandon = False

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
            if str(exc).startswith(_ASYNCIO_ON_TRIO):
                exc.add_note(
                    "this looks like asyncio code, and the job ran on trio: submit it with "
                    'jobs.options(runner="asyncio")'
                )
            raise


_ASYNCIO_ON_TRIO: Final = ("no running event loop", "trio.run received unrecognized yield message")
"""How asyncio and trio complain when they meet."""

RUNNER: Final[Runner] = TaskRunner()
