"""Bounds the number of jobs that start in one turn of the loop.

One end, or one release, may let thousands of jobs start, and each start costs the loop a tenth of a
millisecond.  So the loop answers others between a hundred of them and the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable


class StartPace:
    """Lets the starts of one system rest for a turn.  In the loop's thread only.

    Args:
        pump: Starts the jobs that may start, in a step.
    """

    def __init__(self, pump: Callable[[], None]) -> None:
        self._pump = pump
        self.rests: bool = False
        """Whether many jobs have started in this turn, so that the others have to wait."""

    def rest(self, start_task: Callable[..., None]) -> None:
        """Start no more in this turn, and pump in the next one."""
        self.rests = True
        start_task(self._go_on, name="start more jobs")

    async def _go_on(self) -> None:
        await trio.lowlevel.checkpoint()
        self.rests = False
        self._pump()
