"""One call of another thread to the loop."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from jobactors.model.errors import JobsClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.signals.latch import Latch


class PortalCall:
    """Carries a call to the loop, and what it returns or raises back.

    Args:
        function: Called in the loop's thread.
        args: Its arguments.
    """

    __slots__ = ("_args", "_error", "_function", "_value", "is_made", "unanswered")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args
        self._value: Any = None
        self._error: BaseException | None = None
        self.is_made: bool = False
        """Whether the loop has taken it."""
        self.unanswered: Lock = Lock()  # not a latch: one thread waits, and that is cheaper
        """Held until its caller may go on."""
        self.unanswered.acquire()

    def make(self) -> None:
        """Make the call, in the loop's thread."""
        self.is_made = True
        try:
            self._value = self._function(*self._args)
        except BaseException as exc:  # carried to the caller, whatever it is
            self._error = exc
        self.answer()

    def answer(self) -> None:
        """Let the caller go on; a second time does nothing."""
        with suppress(RuntimeError):
            self.unanswered.release()

    def fail(self, failure: BaseException) -> None:
        """Answer a call that the loop does not make any more."""
        error = JobsClosed("be reached")
        error.__cause__ = failure
        self._error = error
        self.answer()

    def take(self) -> Any:
        """Return or raise what the call does; once it is answered."""
        if self._error is not None:
            raise self._error
        return self._value


class LatchedCall(PortalCall):
    """Answers a call once the latch is set which that returns beside its value."""

    __slots__ = ()

    def make(self) -> None:
        """Make the call, in the loop's thread; an error is answered at once."""
        self.is_made = True
        latch: Latch | None = None
        try:
            self._value, latch = self._function(*self._args)
        except BaseException as exc:  # carried to the caller, whatever it is
            self._error = exc
        if latch is None:
            self.answer()
        else:
            latch.call_when_set(self.answer)
