"""What a job waits in: a point where it can be stopped, and a cancel that may come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobactors.model.errors import WrongThread

from .latch import Latch

if TYPE_CHECKING:
    from collections.abc import Generator

    from .control import Control

_PASSED: Final = Latch()
"""Set already: awaiting it is a cancel point and no more, in trio and in asyncio."""
_PASSED.set()


class CancelPoint:
    """What :meth:`JobContext.check` returns; awaiting it is the check of trio code."""

    __slots__ = ("_control",)

    def __init__(self, control: Control) -> None:
        self._control = control

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        await _PASSED
        if self._control.asked:
            await self._control.obey_in_loop()


class CancelRequest:
    """A cancel that may come: awaited in trio, waited for by ``result(timeout)`` in a thread."""

    __slots__ = ("_control",)

    def __init__(self, control: Control) -> None:
        self._control = control

    def __await__(self) -> Generator[Any, Any, str | None]:
        return self._wait().__await__()

    async def _wait(self) -> str | None:
        await self._control.cancel_requested
        return self._control.reason

    def result(self, timeout: float | None = None) -> str | None:
        """Block this thread until the cancel comes; returns its reason.

        Raises:
            TimeoutError: if ``timeout`` seconds pass before.
            WrongThread: in trio code, which would wait for itself.
        """
        if self._control.is_home:
            raise WrongThread(
                "wait_cancel_requested().result()", "'await ctx.wait_cancel_requested()'"
            )
        if not self._control.cancel_requested.wait_in_thread(timeout):
            raise TimeoutError(f"no cancel was requested within {timeout} s")
        return self._control.reason
