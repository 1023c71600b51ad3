"""A flag that is set once, and can be waited for from any thread and any event loop.

Neither ``trio.Event`` nor ``asyncio.Event`` nor ``threading.Event`` will do: a job's end is waited
for in the jobs' own loop, in another trio run of the same program, in a kernel's asyncio loop, and
in cells' threads, by the same code.  Which of them a waiter is in is decided by the running trio
*token*, then by the running asyncio loop, never by a library's name.

``is_set`` is written by the setting thread alone, from False to True.  ``_callbacks`` is appended
by waiters of any thread and emptied by the setting one, without a lock: a waiter appends first and
looks at ``is_set`` afterwards, the setter does both in the other order, so that no waiter is
missed, and one that comes in between may be called twice.  The list is made by the first waiter:
most latches never have one, and each job has a latch.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.report.guarded_log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SLICE: Final = 0.2
"""Seconds after which a waiting main thread looks for signals.

Python handles signals in the main thread.  One that comes between the last look for signals and the
system call that waits wakes nothing, nor does one that the system hands to another thread: the main
thread would handle it when it has waited to the end.  So it waits in slices, and looks in between.
"""

_CREATION_LOCK: Final = threading.RLock()
"""Held while a list is put into its field; the handler of a signal may come while it is held."""


class Latch:
    """A flag, set once for ever; waited for from trio (any run), asyncio, and plain threads.

    Cancelling a waiter ends its waiting and nothing else.
    """

    __slots__ = ("_callbacks", "is_set")

    def __init__(self) -> None:
        self.is_set: bool = False
        """Whether it has been set; written by :meth:`set` alone."""
        self._callbacks: list[Callable[[], None]] | None = None

    def set(self) -> None:
        """Set it and wake all waiters, from any thread; a second time does nothing.

        A callback that raises is logged, and takes no other waiter's wake-up along.
        """
        self.is_set = True
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop()
            except IndexError:  # another thread emptied it meanwhile
                return
            try:
                callback()
            except Exception:
                LOG.exception("a callback of a latch failed: %r", callback)

    def call_when_set(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback()`` in the setting thread, or now if set.

        It may be called twice when it is added in the very moment of setting, so it must not mind.

        Returns:
            A function that takes the callback back.
        """
        callbacks = self._callbacks
        if callbacks is None:
            callbacks = self._make_list()

        def take_back() -> None:
            with suppress(ValueError):  # it has been called
                callbacks.remove(callback)

        callbacks.append(callback)
        if self.is_set:
            take_back()  # it would stay: the setting thread may have emptied the list before
            callback()
        return take_back

    def _make_list(self) -> list[Callable[[], None]]:
        made: list[Callable[[], None]] = []
        with _CREATION_LOCK:
            if self._callbacks is None:
                self._callbacks = made
            return self._callbacks

    def wait_in_thread(self, timeout: float | None = None) -> bool:
        """Block this thread until it is set.

        KeyboardInterrupt (a notebook's *Interrupt*) leaves it at once and disturbs nothing else.
        It is handled within :data:`SLICE` even if the interpreter has lost it, see there.

        Args:
            timeout: Seconds to wait; default: for as long as it takes.

        Returns:
            Whether it is set; False if ``timeout`` seconds passed before.
        """
        if self.is_set:
            return True
        woken = threading.Lock()  # an Event would do the same, in ten times as many calls
        woken.acquire()

        def wake() -> None:
            try:  # noqa: SIM105 - each job's end may come here, and suppress is three calls
                woken.release()
            except RuntimeError:  # called twice
                pass

        take_back, is_woken = self.call_when_set(wake), False
        try:
            is_woken = wait_for_lock(woken, timeout)
        finally:
            if not is_woken:  # else it has been called, and is no more there
                take_back()
        return is_woken

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
        if self.is_set:
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

        try:
            take_back = self.call_when_set(wake)
            parked = True
            await trio.lowlevel.wait_task_rescheduled(abort)
        finally:
            waiting = False  # a Ctrl-C may have come before the task was parked

    async def _wait_in_asyncio(self) -> None:
        import asyncio  # only reached with a running asyncio loop

        loop = asyncio.get_running_loop()
        if self.is_set:
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


def wait_for_lock(lock: threading.Lock, timeout: float | None) -> bool:
    """Wait for a lock that another thread releases; the main thread handles signals meanwhile.

    No loop waits for a handler of the package's own log while the handler waits here.

    Args:
        lock: The lock.
        timeout: Seconds to wait; None for as long as it takes.

    Returns:
        Whether it was released in time.
    """
    if threading.current_thread() is not threading.main_thread():
        is_handler = LOG.wait_for_none()
        try:
            if timeout is None:
                return lock.acquire()
            return lock.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX))
        finally:
            if is_handler:
                LOG.handler_goes_on()
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > SLICE:
        if lock.acquire(timeout=SLICE):
            return True
    return lock.acquire(timeout=max(0.0, left))


PASSED: Final = Latch()
"""Set already: awaiting it is a cancel point and no more, in trio and in asyncio."""
PASSED.set()
