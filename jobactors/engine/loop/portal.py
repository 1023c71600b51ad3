"""The one way into the loop from outside it."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import JobsClosed, WrongProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    _Call = tuple[Callable[..., object], tuple[Any, ...]]

T = TypeVar("T")
_log = logging.getLogger("jobactors")


class Portal:
    """Runs plain functions in the loop's thread, in the order they were given, from any thread.

    Everything a system owns is written in that one thread, so a notebook's *Interrupt*, which only
    strikes the main thread, never leaves it half written.

    Calls that come while the loop has not yet got round to an earlier one are served with that one:
    waking the loop costs more than most of what it is woken for.
    """

    def __init__(self) -> None:
        self.token = trio.lowlevel.current_trio_token()
        self.thread = threading.get_ident()
        self._process = os.getpid()
        self._closed = False
        # Appended from any thread, emptied in the loop's.
        self._waiting: deque[_Call] = deque()
        self._called = False
        """Whether the loop has been called, and will look at what waits."""

    @property
    def is_home(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.get_ident() == self.thread and not self._closed

    @property
    def is_closed(self) -> bool:
        """Whether the system has ended."""
        return self._closed

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    def check(self, doing: str) -> None:
        """Raise unless the loop can be reached.

        Raises:
            WrongProcess: in a forked child.
            JobsClosed: when the system has ended.
        """
        if os.getpid() != self._process:
            raise WrongProcess
        if self._closed:
            raise JobsClosed(doing)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Run ``function(*args)`` soon, or now in the loop's own thread; its result is dropped.

        What it raises is raised in the loop's own thread; from another one it is logged.

        Raises:
            JobsClosed, WrongProcess: when the loop cannot be reached.
        """
        self.check("be told anything")
        if threading.get_ident() == self.thread:
            function(*args)
            return
        self._send(function, args)

    def post_quietly(self, function: Callable[..., object], *args: Any) -> None:
        """The same for news that nobody needs once the loop has gone."""
        if not self._closed and os.getpid() == self._process:
            with suppress(JobsClosed):
                self._send(function, args)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function(*args)`` in the loop's thread; return or raise what it does.

        Blocks other threads for as long as the loop needs to get round to it, usually a tenth of a
        millisecond.

        Raises:
            JobsClosed, WrongProcess: when the loop cannot be reached.
        """
        self.check("be asked anything")
        if threading.get_ident() == self.thread:
            return function(*args)
        answer = _PortalCall(function, args)
        self._send(answer.give, ())
        answer.given.wait_in_thread()
        answered: T = answer.take()
        return answered

    def look(self, function: Callable[..., T], *args: Any) -> T:
        """Like :meth:`call`, for reading only: it also works after the end, when nobody writes.

        Raises:
            WrongProcess: in a forked child.
        """
        if self._closed and os.getpid() == self._process:
            return function(*args)
        try:
            return self.call(function, *args)
        except JobsClosed:
            return function(*args)  # it has ended in this very moment

    def _send(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        call = function, args
        self._waiting.append(call)  # before looking: who clears the flag looks here afterwards
        if self._called:
            return
        try:
            self._called = True
            self.token.run_sync_soon(self._serve)
        except BaseException as exc:  # a KeyboardInterrupt as well: nobody may trust the flag now
            self._called = False
            if not isinstance(exc, trio.RunFinishedError):
                raise
            self._serve_after_the_end(call)
            raise JobsClosed("be reached") from None

    def _serve(self) -> None:
        """Make the calls that wait; those that come meanwhile call the loop again."""
        self._called = False
        for _ in range(len(self._waiting)):
            _make(self._waiting.popleft())

    def _serve_after_the_end(self, refused: _Call) -> None:
        """Serve those who trusted this thread's call of a loop that has ended in this moment."""
        with suppress(IndexError):
            while True:
                call = self._waiting.popleft()
                if call is not refused:
                    _make(call)


def _make(call: _Call) -> None:
    function, args = call
    try:
        function(*args)
    except Exception:  # raised further, it would end the loop, and the other calls with it
        _log.exception("a call posted into the jobs' loop failed: %r", function)


class _PortalCall:
    """A call on its way to the loop and back."""

    __slots__ = ("_args", "_error", "_function", "_value", "given")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args
        self._value: Any = None
        self._error: BaseException | None = None
        self.given = Latch()

    def give(self) -> None:
        try:
            self._value = self._function(*self._args)
        except BaseException as exc:  # carried to the caller, whatever it is
            self._error = exc
        self.given.set()

    def take(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value
