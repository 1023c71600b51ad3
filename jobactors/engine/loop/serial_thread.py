"""A thread that makes the calls to a store, one at a time and in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from jobactors.inside.signals.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class SerialCall(Generic[T]):
    """A call that is to be made; its latch ``done`` is set once it has been."""

    __slots__ = ("_error", "_function", "_value", "done")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function: Callable[[], T] | None = function
        self._value: Any = None
        self._error: BaseException | None = None
        self.done: Latch = Latch()

    def run(self) -> None:
        """Make the call, in the thread of the calls, and set ``done``."""
        self.make()
        self.done.set()

    def make(self) -> None:
        """Make the call, and leave it to the caller to set ``done``; an error is stored."""
        function, self._function = self._function, None  # it may hold a large batch
        try:
            self._value = None if function is None else function()
        except BaseException as exc:  # whatever it is: the thread serves other calls
            self._error = exc

    def answer(self) -> T:
        """Return or raise what the call did; once ``done`` is set."""
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value


class SerialCalls(Protocol):
    """Makes calls one at a time, in the order in which they were sent."""

    def send(self, function: Callable[[], T]) -> SerialCall[T]:
        """Have a call made; returns at once, unless calls are made on the spot."""
        ...

    def dismiss(self) -> None:
        """Take no more calls; those already sent are made."""
        ...

    def make_here(self, function: Callable[[], T]) -> SerialCall[T] | None:
        """Make a call now, in this thread, unless another one is being made or waits."""
        ...


class InlineCalls:
    """Makes each call on the spot, for stores that take no time."""

    def send(self, function: Callable[[], T]) -> SerialCall[T]:
        """Make the call now."""
        call = SerialCall(function)
        call.run()
        return call

    def make_here(self, function: Callable[[], T]) -> SerialCall[T]:
        """Make the call now."""
        return self.send(function)

    def dismiss(self) -> None:
        """Do nothing: there is no thread."""


class SerialThread:
    """Makes calls in a thread of its own.

    No executor of the standard library: those refuse work once the main thread has ended, when the
    last jobs of a script have still to be stored.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[SerialCall[Any] | None] = queue.SimpleQueue()
        self._unmade: deque[object] = deque()
        """One entry for each call that was sent and has not been made."""
        self._turn = threading.Lock()
        """Held while a call is made, in whichever thread."""
        # A daemon: the loop dismisses it at the end of the program, and nothing else waits for it.
        self._thread = threading.Thread(target=self._serve, name="jobactors-store", daemon=True)
        self._thread.start()

    def send(self, function: Callable[[], T]) -> SerialCall[T]:
        """Have a call made after those that were sent before; from any thread."""
        call = SerialCall(function)
        self._unmade.append(call)  # before it can be made
        self._queue.put(call)
        return call

    def make_here(self, function: Callable[[], T]) -> SerialCall[T] | None:
        """Make a call now, in this thread, unless another one is being made or waits.

        Calls that are sent meanwhile wait for its end.
        """
        if self._unmade or not self._turn.acquire(blocking=False):
            return None
        try:
            if self._unmade:  # sent in between, and first
                return None
            call = SerialCall(function)
            call.run()
        finally:
            self._turn.release()
        return call

    def dismiss(self) -> None:
        """End the thread once it has made the calls that were sent."""
        self._queue.put(None)

    def _serve(self) -> None:
        while (call := self._queue.get()) is not None:
            with self._turn:
                call.make()
                self._unmade.popleft()  # before its waiters look whether there is a turn for them
            call.done.set()
            del call  # its answer may be large, and the next call may come much later
