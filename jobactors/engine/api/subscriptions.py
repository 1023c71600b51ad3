"""Subscriptions to a job system: events as they come, or the whole list after changes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from jobactors.engine.records.event_bus import Subscription
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.events import Event
    from jobactors.model.snapshot import JobSnapshot


class Subscriptions:
    """The part of :class:`~jobactors.Jobs` that publishes events to subscribers."""

    _system: JobSystem

    def _snapshots(self) -> Sequence[JobSnapshot]:
        return self._system.parts.portal.look(
            lambda: [record.snapshot for record in self._system.parts.registry]
        )

    @asynccontextmanager
    async def subscribe(self, *kinds: type[Event]) -> AsyncGenerator[Subscription]:
        """Watch events, in the system's own trio loop.

        The present state comes first, one ``JobRestated`` a job.  State changes are complete and in
        order; progress is conflated if you are slow.  A subscriber that leaves more than 10,000
        state changes unread is cut off by :class:`~jobactors.SubscriberLagged`.  It never slows a
        job.  It ends when the system closes.

        Args:
            *kinds: Only events of these classes; default: all.

        Example::

            async with jobs.subscribe(ja.JobFinished) as batches:
                async for batch in batches:
                    for event in batch: ...
        """
        bus = self._system.parts.bus
        subscription = bus.subscribe(kinds, self._snapshots())
        try:
            yield subscription
        finally:
            bus.unsubscribe(subscription)

    def on_event(
        self, callback: Callable[[Event], object], *kinds: type[Event]
    ) -> Callable[[], None]:
        """Call ``callback(event)`` in the loop's thread for each event, the present state first.

        It should be quick, and only pass the event on.  If it raises, the error is logged and it is
        called no more.  It never slows the job the event is about.

        Returns:
            A function that ends it; from any thread, any number of times.
        """

        async def deliver() -> None:
            async with self.subscribe(*kinds) as batches:
                async for batch in batches:
                    for event in batch:
                        callback(event)

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
