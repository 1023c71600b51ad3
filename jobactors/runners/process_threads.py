"""Users' code beside the loop of a conversation with a process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import trio

from jobactors.inside.context.current_job import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable


async def in_thread(
    function: Callable[..., Any], *args: Any, limiter: trio.CapacityLimiter | None = None
) -> Any:
    """Call a function that may take long in a worker thread; a cancel leaves it behind.

    Args:
        function: What to call.
        *args: Its arguments.
        limiter: Limits the threads that are used at once; default: no limit.
    """
    return await trio.to_thread.run_sync(
        function, *args, abandon_on_cancel=True, limiter=limiter or trio.CapacityLimiter(1)
    )


def echo(text: str, source: str) -> None:
    """Write a job's lines to our own stdout or stderr, too."""
    CURRENT.set(None)  # in this call's copy of the context: the log has them already
    stream = sys.stdout if source == "out" else sys.stderr
    if stream is not None:  # None under pythonw
        stream.write(text)
        stream.flush()
