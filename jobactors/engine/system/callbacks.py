"""Calls plain functions with events, in threads, so that none of them slows anything.

A function may block: it writes a file, it asks a server.  In the loop's thread that would stop
every job.  So each has a worker thread while it is called, and its calls come one after the other.
Its events gather in its subscription meanwhile, which bounds them.  An ``async def`` function is
awaited in the loop, as any subscriber is.

At the end of the system the last events are still delivered, within a bound of real time: trio's
clock may be a test's, and threads know no other.
"""

from __future__ import annotations

import time
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.engine.loop.worker_thread import call_in_thread, without_coroutine
from jobactors.inside.context.own_decimals import take_own_decimals
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.latch import Latch
from jobactors.inside.signals.open_nurseries import closing_nurseries
from jobactors.model.last_references import drop_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobactors.engine.records.event_bus import Subscription
    from jobactors.model.snapshot import JobSnapshot

LAST_CALLS: Final = 2.0
"""Seconds that the callbacks of a system have for the last events, all together."""


class Callback:
    """A user's function, called with events.  In the loop's thread, unless stated otherwise."""

    def __init__(self, function: Callable[[Any], object], subscription: Subscription[Any]) -> None:
        self.subscription: Subscription[Any] = subscription
        self.is_async: bool = iscoroutinefunction(function)
        self.ended: Latch = Latch()
        """Set once it is called no more."""
        self._function = function
        self._scope = trio.CancelScope()
        self._is_stopped = False
        """Written by any thread, once."""
        self._in_hand = 0
        """Calls of the present batch that are not done; written by the calling thread."""

    def stop(self) -> None:
        """Call it no more; from any thread, which is to cancel :attr:`scope` in the loop."""
        self._is_stopped = True

    def cancel(self) -> None:
        """End its deliveries; a call that is being made is left behind."""
        self._is_stopped = True
        self._scope.cancel()

    async def deliver_events(self) -> None:
        """Call it with each event, until it is stopped or the system ends."""
        with self._scope:
            async for batch in self.subscription:
                events = list(batch)
                del batch  # the last reference to an event's result goes in the thread
                await self._call(events)

    async def deliver_changes(
        self, snapshots: Callable[[], Sequence[JobSnapshot]], interval: float
    ) -> None:
        """Call it with the whole list after changes, at most once in an interval."""
        with self._scope:
            async for _ in self.subscription:
                await self._call([snapshots()])
                with trio.move_on_after(interval):  # what happens meanwhile is reported once
                    await self.subscription._ending.wait()

    async def _call(self, arguments: list[Any]) -> None:
        self._in_hand = len(arguments)
        if not self.is_async:
            await call_in_thread(partial(self._call_each, arguments), f"calls {self.name}")
            return
        for argument in arguments:
            result: Any = self._function(argument)
            await closing_nurseries(result)

    def _call_each(self, arguments: list[Any]) -> None:
        """Make the calls, in a worker thread; the arguments go there."""
        arguments.reverse()
        while arguments and not self._is_stopped:
            without_coroutine(self._function(arguments.pop()))
            self._in_hand -= 1
        arguments.clear()

    @property
    def left(self) -> int:
        """The number of calls that are still to be made, at least."""
        return self._in_hand + self.subscription.statistics().backlog

    @property
    def name(self) -> str:
        """The function's name, for a person."""
        name = getattr(self._function, "__qualname__", None)
        return name if isinstance(name, str) else type(self._function).__name__


class Callbacks:
    """The callbacks of one system that have not ended.  Written by the loop's thread only."""

    def __init__(self) -> None:
        self._active: set[Callback] = set()

    async def serve(
        self, callback: Callback, deliver: Callable[[], Any], unsubscribe: Callable[[], None]
    ) -> None:
        """Deliver to a callback until that ends."""
        self._active.add(callback)
        take_own_decimals()
        try:
            await deliver()
        finally:
            unsubscribe()
            self._active.discard(callback)
            callback.ended.set()
            drop_elsewhere(callback)

    @property
    def subscriptions_in_threads(self) -> set[Subscription[Any]]:
        """The subscriptions whose readers :meth:`close` waits for."""
        return {callback.subscription for callback in self._active if not callback.is_async}

    async def close(self) -> None:
        """Wait for the last calls, a little; what is not done then is logged, and left behind."""
        deadline = time.monotonic() + LAST_CALLS
        for callback in [one for one in self._active if not one.is_async]:
            if not await _wait(callback.ended, deadline):
                LOG.error(
                    "the callback %s was too slow for the last %d events within %g s; it is "
                    "left behind",
                    callback.name,
                    callback.left,
                    LAST_CALLS,
                )
                callback.cancel()


async def _wait(ended: Latch, deadline: float) -> bool:
    """Wait in a thread, because trio's own clock may leap."""
    left = max(0.0, deadline - time.monotonic())
    try:
        await call_in_thread(partial(ended.wait_in_thread, left), "last calls")
    except RuntimeError:  # the interpreter is ending, and starts no thread any more
        return ended.is_set
    return ended.is_set
