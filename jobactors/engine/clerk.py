"""Who touches the store: one thread that does what it is told, in order."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from jobactors.inside.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Errand(Generic[T]):
    """Something the clerk was told to do; ``done`` is set when it has."""

    __slots__ = ("_do", "_error", "_value", "done")

    def __init__(self, do: Callable[[], T]) -> None:
        self._do: Callable[[], T] | None = do
        self._value: Any = None
        self._error: BaseException | None = None
        self.done = Latch()

    def run(self) -> None:
        """Do it, in the clerk's thread; what it raises is kept for whoever asked."""
        do, self._do = self._do, None  # what it was told may be large
        try:
            self._value = None if do is None else do()
        except BaseException as exc:  # the clerk serves others, whatever this one raises
            self._error = exc
        self.done.set()

    def answer(self) -> T:
        """Return or raise what it came to; once ``done`` is set."""
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value


class Clerk(Protocol):
    """Runs errands one at a time, in the order in which they came."""

    def send(self, do: Callable[[], T]) -> Errand[T]:
        """Have something done; returns at once, unless it is done on the spot."""
        ...

    def dismiss(self) -> None:
        """Let the clerk go when the errands it has are done."""
        ...


class ClerkOnTheSpot:
    """Does everything at once, for stores that take no time."""

    def send(self, do: Callable[[], T]) -> Errand[T]:
        """Do it now."""
        errand = Errand(do)
        errand.run()
        return errand

    def dismiss(self) -> None:
        """There is nobody to let go."""


class ClerkInThread:
    """Does everything in a thread of its own.

    No executor of the standard library: those refuse work once the main thread has ended, when a
    script's last jobs are still to be written down.
    """

    def __init__(self) -> None:
        self._errands: queue.SimpleQueue[Errand[Any] | None] = queue.SimpleQueue()
        # A daemon: how the program ends is driven by the loop, which dismisses it.
        self._thread = threading.Thread(target=self._serve, name="jobactors-store", daemon=True)
        self._thread.start()

    def send(self, do: Callable[[], T]) -> Errand[T]:
        """Have it done when those before are."""
        errand = Errand(do)
        self._errands.put(errand)
        return errand

    def dismiss(self) -> None:
        """End the thread once it has done what it has."""
        self._errands.put(None)

    def _serve(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand.run()
