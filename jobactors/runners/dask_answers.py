"""The answers of one attempt to questions, on their way from its worker to those who asked.

An answer is rebuilt in a thread, beside the loop: that runs the code of its classes.  A job often
answers and returns, and its last word is here before the thread has begun.  The questions of a job
that has ended get no answer any more, so its end waits for the answers that came before it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from .dask_side import EngineSide
    from .process_mail import Mail

LINGER: Final = 5.0
"""Seconds for which the end waits, as that of a process does."""


class Answers:
    """The answers that are being rebuilt.  In the engine's loop.

    Args:
        side: This loop's end of the link.
        mail: Knows the questions.
    """

    def __init__(self, side: EngineSide, mail: Mail) -> None:
        self._side = side
        self._mail = mail
        self._open = 0
        self._none_open = trio.Event()

    @property
    def are_open(self) -> bool:
        """Whether any is being rebuilt."""
        return self._open > 0

    def take(self, content: bytes) -> None:
        """Rebuild an answer, and hand it to the question."""
        self._open += 1
        self._side.spawn(partial(self._answer, bytearray(content)))

    async def _answer(self, content: bytearray) -> None:
        try:
            self._mail.answered(*await self._side.rebuild(self._mail.rebuilt, content))
        finally:
            self._open -= 1
            if not self._open:
                self._none_open.set()

    async def arrive(self) -> None:
        """Wait until all of them are with those who asked, or have taken too long."""
        with trio.move_on_after(LINGER, shield=True):
            while self._open:
                self._none_open = trio.Event()
                await self._none_open.wait()
