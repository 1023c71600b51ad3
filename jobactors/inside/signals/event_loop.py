"""Finds the event loop of this thread without loading a library."""

from __future__ import annotations

import sys

from jobactors.model.wrong_loop import WrongLoop


def in_trio() -> bool:
    """Whether this is code of a trio loop."""
    trio = sys.modules.get("trio")  # a loop that runs has loaded its library
    if trio is None:
        return False
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def check_in_trio(call: str, instead: str) -> None:
    """Raise unless this is code of a trio loop.

    Args:
        call: The call that the user made.
        instead: What to use elsewhere.

    Raises:
        WrongLoop: in asyncio, and in a thread without a loop.
    """
    if not in_trio():
        raise WrongLoop(call, instead)


def is_cancellation(error: BaseException) -> bool:
    """Whether ``error`` is how a loop cancels its tasks: that of trio, or of asyncio."""
    trio, asyncio = sys.modules.get("trio"), sys.modules.get("asyncio")
    if trio is not None and isinstance(error, trio.Cancelled):
        return True
    return asyncio is not None and isinstance(error, asyncio.CancelledError)
