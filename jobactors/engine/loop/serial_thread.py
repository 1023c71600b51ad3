"""Who touches the store: one thread that does what it is told, in order."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from jobactors.inside.signals.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class SerialCall(Generic[T]):
    """Something the calls was told to do; ``done`` is set when it has."""

    __slots__ = ("_do", "_error", "_value", "done")

    def __init__(self, do: Callable[[], T]) -> None:
        self._do: Callable[[], T] | None = do
        self._value: Any = None
        self._error: BaseException | None = None
        self.done: Latch = Latch()

    def run(self) -> None:
        """Do it, in the calls's thread; what it raises is kept for whoever asked."""
        do, self._do = self._do, None  # what it was told may be large
        try:
            self._value = None if do is None else do()
        except BaseException as exc:  # the calls serves others, whatever this one raises
            self._error = exc
        self.done.set()

    def answer(self) -> T:
        """Return or raise what it came to; once ``done`` is set."""
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value


class SerialCalls(Protocol):
    """Runs call one at a time, in the order in which they came."""

    def send(self, do: Callable[[], T]) -> SerialCall[T]:
        """Have something done; returns at once, unless it is done on the spot."""
        ...

    def dismiss(self) -> None:
        """Let the calls go when the call it has are done."""
        ...


class InlineCalls:
    """Does everything at once, for stores that take no time."""

    def send(self, do: Callable[[], T]) -> SerialCall[T]:
        """Do it now."""
        call = SerialCall(do)
        call.run()
        return call

    def dismiss(self) -> None:
        """There is nobody to let go."""


class SerialThread:
    """Does everything in a thread of its own.

    No executor of the standard library: those refuse work once the main thread has ended, when a
    script's last jobs are still to be written down.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[SerialCall[Any] | None] = queue.SimpleQueue()
        # A daemon: how the program ends is driven by the loop, which dismisses it.
        self._thread = threading.Thread(target=self._serve, name="jobactors-store", daemon=True)
        self._thread.start()

    def send(self, do: Callable[[], T]) -> SerialCall[T]:
        """Have it done when those before are."""
        call = SerialCall(do)
        self._queue.put(call)
        return call

    def dismiss(self) -> None:
        """End the thread once it has done what it has."""
        self._queue.put(None)

    def _serve(self) -> None:
        while (call := self._queue.get()) is not None:
            call.run()
