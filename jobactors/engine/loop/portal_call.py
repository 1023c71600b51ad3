"""One call of another thread to the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import JobsClosed

if TYPE_CHECKING:
    from collections.abc import Callable


class PortalCall:
    """Carries a call to the loop, and what it returns or raises back.

    Args:
        function: Called in the loop's thread.
        args: Its arguments.
    """

    __slots__ = ("_args", "_error", "_function", "_value", "answered", "is_made")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args
        self._value: Any = None
        self._error: BaseException | None = None
        self.is_made: bool = False
        """Whether the loop has taken it."""
        self.answered: Latch = Latch()
        """Set once its caller goes on."""

    def make(self) -> None:
        """Make the call, in the loop's thread."""
        self.is_made = True
        try:
            self._value = self._function(*self._args)
        except BaseException as exc:  # carried to the caller, whatever it is
            self._error = exc
        self.answered.set()

    def fail(self, failure: BaseException) -> None:
        """Answer a call that the loop does not make any more."""
        error = JobsClosed("be reached")
        error.__cause__ = failure
        self._error = error
        self.answered.set()

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
            self.answered.set()
        else:
            latch.call_when_set(self.answered.set)
