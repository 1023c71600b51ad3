"""Bounds the number of jobs that start in one turn of the loop.

One end, one release or one long input may let thousands of jobs start, and each start costs the
loop a tenth of a millisecond, and its first step as much.  So the loop answers others between a
hundred of them and the next.

trio does not tell its turns.  But a task that is started in one turn runs in the next: the first
attempt to run of those that were started together begins a new turn here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from jobactors.engine.queue.entry import MOST_STARTS

if TYPE_CHECKING:
    from collections.abc import Callable


class StartPace:
    """Lets the starts of one system rest for a turn.  In the loop's thread only.

    Args:
        pump: Starts the jobs that may start, in a step.
    """

    def __init__(self, pump: Callable[[], None]) -> None:
        self._pump = pump
        self.turn: int = 0
        """The number of the present turn: of those in which any job has started."""
        self.room: int = MOST_STARTS
        """The number of jobs that may still start in this turn."""
        self.rests: bool = False
        """Whether so many jobs have started in this turn that the others have to wait."""

    def count(self, starts: int, start_task: Callable[..., None]) -> None:
        """Count jobs that have started; with the last for which there is room, pump next turn."""
        self.room -= starts
        if self.room <= 0 and not self.rests:
            self.rests = True
            start_task(self._go_on, name="start more jobs")

    def pass_turn(self, turn: int) -> None:
        """Take note that an attempt runs which was started in this turn: it is over."""
        if turn == self.turn:
            self.turn += 1
            self.room = MOST_STARTS

    async def _go_on(self) -> None:
        await trio.lowlevel.checkpoint()
        self.rests = False
        self.pass_turn(self.turn)
        self._pump()
