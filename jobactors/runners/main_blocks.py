"""The tracked blocks that stand in the main thread, where handlers of signals run as well.

A handler that waited there for the end of such a block would wait for the code below itself.  So
it returns, the block is asked to end as any job is, and what the handler has left to do is done
when the outermost block has been left.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from jobactors.inside.signals.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class MainBlocks:
    """Counts the blocks of the main thread, which alone writes here; its handlers read."""

    def __init__(self) -> None:
        self._count = 0
        self.left: Latch = Latch()
        """Set while there is none, for the threads that wait for that; replaced at the first."""
        self.left.set()
        self.at_end: Callable[[], object] | None = None
        """Called by the main thread when it has left the outermost block."""

    @contextmanager
    def standing(self) -> Generator[None]:
        """Count what is inside as a block of the main thread, if it runs there."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        if not self._count:
            self.left = Latch()
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self.left.set()
                if self.at_end is not None:
                    self.at_end()


MAIN_BLOCKS: Final = MainBlocks()
