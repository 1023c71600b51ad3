"""A flag that is set once, and can be waited for from any thread and any event loop."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Latch:
    """Set once, for ever.  Waiting is possible from trio (any run), asyncio, and plain threads.

    Which of them is asked is decided by the running trio *token*, then by the running asyncio loop,
    never by a library's name: a trio program may wait for a job of another trio loop.

    Cancelling a waiter ends its waiting and nothing else.
    """

    __slots__ = ("_callbacks", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        # Appended by waiters of any thread, emptied by whoever sets the latch.
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        """Whether it has been set."""
        return self._is_set

    def set(self) -> None:
        """Set it and wake all waiters.  From any thread; a second time does nothing."""
        self._is_set = True
        while self._callbacks:
            try:
                callback = self._callbacks.pop()
            except IndexError:  # another thread emptied it meanwhile
                return
            callback()

    def call_when_set(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback()`` in the setting thread, or now if set; returns how to take it back.

        It may be called twice when it is added in the very moment of setting, so it must not mind.
        """
        self._callbacks.append(callback)
        if self._is_set:
            callback()

        def take_back() -> None:
            with suppress(ValueError):  # it has been called
                self._callbacks.remove(callback)

        return take_back

    def wait_in_thread(self, timeout: float | None = None) -> bool:
        """Block this thread until it is set; returns False if ``timeout`` seconds pass before.

        KeyboardInterrupt (a notebook's *Interrupt*) leaves it at once and disturbs nothing else.
        """
        if self._is_set:
            return True
        woken = threading.Lock()  # an Event would do the same, in ten times as many calls
        woken.acquire()

        def wake() -> None:
            with suppress(RuntimeError):  # called twice
                woken.release()

        take_back = self.call_when_set(wake)
        try:
            if timeout is None:
                return woken.acquire()
            return woken.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX))
        finally:
            take_back()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        # A loop that runs has imported its library: nothing is loaded to find out.
        trio = sys.modules.get("trio")
        if trio is not None:
            try:
                token = trio.lowlevel.current_trio_token()
            except RuntimeError:
                pass
            else:
                await self._wait_in_trio(trio, token)
                return
        await self._wait_in_asyncio()

    async def _wait_in_trio(self, trio: Any, token: Any) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_set:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        task = trio.lowlevel.current_task()
        home = threading.get_ident()
        waiting, parked = True, False

        def reschedule() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                trio.lowlevel.reschedule(task)

        def wake() -> None:
            if parked and threading.get_ident() == home:
                reschedule()
                return
            with suppress(trio.RunFinishedError):  # the waiter's loop is gone, and it too
                token.run_sync_soon(reschedule, idempotent=True)

        def abort(_: object) -> Any:
            nonlocal waiting
            waiting = False
            take_back()
            return trio.lowlevel.Abort.SUCCEEDED

        take_back = self.call_when_set(wake)
        parked = True
        await trio.lowlevel.wait_task_rescheduled(abort)

    async def _wait_in_asyncio(self) -> None:
        import asyncio  # only reached with a running asyncio loop

        loop = asyncio.get_running_loop()
        if self._is_set:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = loop.create_future()

        def finish() -> None:
            if not woken.done():
                woken.set_result(None)

        def wake() -> None:
            with suppress(RuntimeError):  # the waiter's loop is closed, and it too
                loop.call_soon_threadsafe(finish)

        take_back = self.call_when_set(wake)
        try:
            await woken
        finally:
            take_back()
