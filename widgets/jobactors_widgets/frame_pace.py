"""When the next frame may be sent: ten a second on average, and a little sooner than due at most.

The jobs are sampled ten times a second as well.  A frame that is as punctual as a sample is sent
in the turn of the loop that has brought it, where a stricter one would need a turn of its own.
"""

from __future__ import annotations

import math
from typing import Final

import trio

FRAME_SECONDS: Final = 0.1
_SOONER: Final = 0.02


class FramePace:
    """Limits frames to ten a second.  In the loop's thread only."""

    def __init__(self) -> None:
        self._due = -math.inf

    def is_due(self) -> bool:
        """Return whether a frame may be sent now."""
        return trio.current_time() >= self._due - _SOONER

    async def until_due(self) -> None:
        """Wait until a frame may be sent; later, if another one is sent meanwhile."""
        while trio.current_time() < self._due:  # noqa: ASYNC110 - an event a frame costs more
            await trio.sleep_until(self._due)

    def note(self) -> None:
        """Take note that a frame is sent."""
        self._due = max(self._due, trio.current_time()) + FRAME_SECONDS
