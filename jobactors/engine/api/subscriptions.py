"""Subscriptions to a job system: events as they come, or the whole list after changes."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import trio

from jobactors.engine.system.job_system import JobSystem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from jobactors.engine.records.event_bus import Subscription
    from jobactors.model.events import Event
    from jobactors.model.snapshot import JobSnapshot


E = TypeVar("E", bound="Event")


class Subscriptions:
    """The part of :class:`~jobactors.Jobs` that publishes events to subscribers."""

    _system: JobSystem

    def _snapshots(self) -> Sequence[JobSnapshot]:
        return self._system.parts.portal.look(
            lambda: [record.snapshot for record in self._system.parts.registry]
        )

    @overload
    def subscribe(self) -> AbstractAsyncContextManager[Subscription[Event]]: ...
    @overload
    def subscribe(self, *kinds: type[E]) -> AbstractAsyncContextManager[Subscription[E]]: ...
    def subscribe(self, *kinds: type[Any]) -> AbstractAsyncContextManager[Subscription[Any]]:
        """Watch events, in the system's own trio loop, from the entry of the block on.

        Without kinds, the present state comes first, in one ``JobRestated`` a job.  State changes
        are complete and in order; progress is conflated if you are slow.  A subscriber that leaves
        more than 10,000 state changes unread is cut off by :class:`~jobactors.SubscriberLagged`.
        It never slows a job, and ends when the system closes.

        Args:
            *kinds: Events of these classes and no others; default: all.  The present state comes
                with ``JobRestated`` among them.

        Example::

            async with jobs.subscribe(ja.JobFinished) as batches:
                async for batch in batches:
                    for event in batch: ...
        """
        return self._subscribe(kinds)

    @asynccontextmanager
    async def _subscribe(self, kinds: tuple[type[Any], ...]) -> AsyncGenerator[Subscription[Any]]:
        bus = self._system.parts.bus
        subscription = bus.subscribe(kinds, self._snapshots)
        try:
            yield subscription
        finally:
            bus.unsubscribe(subscription)

    @overload
    def on_event(self, callback: Callable[[Event], object]) -> Callable[[], None]: ...
    @overload
    def on_event(self, callback: Callable[[E], object], *kinds: type[E]) -> Callable[[], None]: ...
    def on_event(self, callback: Callable[[Any], object], *kinds: type[Any]) -> Callable[[], None]:
        """Call ``callback(event)`` in the loop's thread for each event from this call on.

        Without kinds, the present state comes first, in one ``JobRestated`` a job.  The callback
        should be quick, and only pass the event on.  If it raises, the error is logged and it is
        called no more.  It never slows the job the event is about.

        Args:
            callback: Takes one event.
            *kinds: Events of these classes and no others; default: all.

        Returns:
            A function that ends it; from any thread, any number of times.
        """
        portal, bus = self._system.parts.portal, self._system.parts.bus
        subscription = portal.move(bus.subscribe, kinds, self._snapshots)

        async def deliver() -> None:
            try:
                async for batch in subscription:
                    for event in batch:
                        callback(event)
            finally:
                bus.unsubscribe(subscription)

        return self._serve(deliver)

    def on_change(
        self, callback: Callable[[Sequence[JobSnapshot]], object], interval: float = 0.1
    ) -> Callable[[], None]:
        """Call ``callback(snapshots)`` with the whole list, now and after changes.

        For views that redraw everything: changes within ``interval`` seconds are reported once, the
        last state always.  It is called in the loop's thread and should be quick; if it raises, the
        error is logged and it is called no more.

        Args:
            callback: Gets the snapshots of all jobs, in the order of submission.
            interval: Seconds between two calls, at least; default: 0.1.

        Returns:
            A function that ends it; from any thread, any number of times.
        """

        async def deliver() -> None:
            async with self.subscribe() as batches:
                async for _ in batches:
                    callback(self._snapshots())
                    await trio.sleep(interval)  # events of that time gather, and are reported once

        return self._serve(deliver)

    def _serve(self, service: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Run a service until the returned function is called."""
        scope = trio.CancelScope()
        portal = self._system.parts.portal

        async def serve() -> None:
            with scope:
                await service()

        portal.call(self._system.attach, serve)
        return partial(portal.post_quietly, scope.cancel)
