"""The waits of a job's code: for leave to go on, and for a cancel request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.checks import as_timeout
from jobactors.model.errors import WrongThread

from .latch import PASSED

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.model.checks import Seconds

    from .control import Control


class CancelPoint:
    """A point where trio code is cancelled or paused; awaited.

    Returned by :meth:`JobContext.check`.  Where a thread called that, the check has been made.
    """

    __slots__ = ("_control",)

    def __init__(self, control: Control) -> None:
        self._control = control

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        try:
            await PASSED
            if self._control.asked:
                await self._control.obey_in_loop()
        except BaseException:  # trio's or asyncio's cancellation: it notifies the job's code
            self._control.look()
            raise


class CancelRequest:
    """A cancel that may come: awaited in trio, waited for by ``result(timeout)`` in a thread.

    Returned by :meth:`JobContext.wait_cancel_requested`.
    """

    __slots__ = ("_control",)

    def __init__(self, control: Control) -> None:
        self._control = control

    def __await__(self) -> Generator[Any, Any, str | None]:
        return self._wait().__await__()

    async def _wait(self) -> str | None:
        await self._control.cancel_requested
        self._control.look()
        return self._control.reason

    def result(self, timeout: Seconds | None = None) -> str | None:
        """Block this thread until the cancel comes, and return its reason.

        Args:
            timeout: Seconds to wait; default: for as long as it takes.

        Raises:
            TimeoutError: if ``timeout`` seconds pass before.
            WrongThread: in trio code, whose loop would have to deliver the cancel meanwhile.
        """
        if self._control.is_home:
            raise WrongThread(
                "wait_cancel_requested().result()", "'await ctx.wait_cancel_requested()'"
            )
        timeout = as_timeout(timeout)
        if not self._control.cancel_requested.wait_in_thread(timeout):
            raise TimeoutError(f"no cancel was requested within {timeout} s")
        self._control.look()
        return self._control.reason


class CancelEvent:
    """The cancel of a job in the form of a ``threading.Event``, for code that takes one to stop by.

    Returned by :attr:`JobContext.cancel_event`.
    """

    __slots__ = ("_control",)

    def __init__(self, control: Control) -> None:
        self._control = control

    def is_set(self) -> bool:
        """Return whether a cancel was requested; True notifies the job's code."""
        return self._control.look()

    def wait(self, timeout: Seconds | None = None) -> bool:
        """Block this thread until a cancel is requested, and return whether it was.

        Args:
            timeout: Seconds to wait; default: for as long as it takes.

        Raises:
            WrongThread: in trio code, whose loop would have to deliver the cancel meanwhile.
        """
        if self._control.is_home:
            raise WrongThread("cancel_event.wait()", "'await ctx.wait_cancel_requested()'")
        self._control.cancel_requested.wait_in_thread(as_timeout(timeout))
        return self._control.look()
