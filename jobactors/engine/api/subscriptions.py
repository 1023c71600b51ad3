"""Subscriptions to a job system: events as they come, or the whole list after changes."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from jobactors.engine.system.callbacks import Callback
from jobactors.engine.system.job_system import JobSystem
from jobactors.model.checks import as_seconds, check_seconds
from jobactors.model.events import JobRestated, check_kinds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from jobactors.engine.records.event_bus import Subscription
    from jobactors.model.checks import Seconds
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
    def subscribe(
        self, *, present: bool | None = None
    ) -> AbstractAsyncContextManager[Subscription[Event]]: ...
    @overload
    def subscribe(
        self, *kinds: type[E], present: bool | None = None
    ) -> AbstractAsyncContextManager[Subscription[E]]: ...
    def subscribe(
        self, *kinds: type[Any], present: bool | None = None
    ) -> AbstractAsyncContextManager[Subscription[Any]]:
        """Watch events, in the system's own trio loop, from the entry of the block on.

        State changes are complete and in order; progress is conflated if you are slow.
        A subscriber that leaves more than 10,000 state changes unread is cut off by
        :class:`~jobactors.SubscriberLagged`.  It never slows a job, and ends when the system
        closes.

        Args:
            *kinds: Events of these classes and no others; default: all.
            present: Whether the present state comes first, in one ``JobRestated`` a job; default:
                where no kinds are given, or ``JobRestated`` is one of them.

        Raises:
            WrongLoop: outside the system's own trio loop; use :meth:`on_event` there.
            TypeError: for a kind that is no class of events.

        Example::

            async with jobs.subscribe(ja.JobFinished) as batches:
                async for batch in batches:
                    for event in batch: ...
        """
        check_kinds(kinds)
        if present is None:
            present = not kinds or JobRestated in kinds
        return self._subscribe(kinds, present)

    @asynccontextmanager
    async def _subscribe(
        self, kinds: tuple[type[Any], ...], present: bool
    ) -> AsyncGenerator[Subscription[Any]]:
        self._system.parts.portal.check_loop(
            "jobs.subscribe()", "jobs.on_event(function), which works everywhere"
        )
        bus = self._system.parts.bus
        subscription = bus.subscribe(kinds, self._snapshots if present else None)
        try:
            yield subscription
        finally:
            bus.unsubscribe(subscription)

    @overload
    def on_event(
        self, callback: Callable[[Event], object], *, present: bool | None = None
    ) -> Callable[[], None]: ...
    @overload
    def on_event(
        self, callback: Callable[[E], object], *kinds: type[E], present: bool | None = None
    ) -> Callable[[], None]: ...
    def on_event(
        self, callback: Callable[[Any], object], *kinds: type[Any], present: bool | None = None
    ) -> Callable[[], None]:
        """Call ``callback(event)`` for each event from this call on, one after the other.

        A plain function is called in a worker thread, and may block: it slows no job and no other
        callback.  An ``async def`` function is awaited in the jobs' own loop.  If it raises, the
        error is logged and it is called no more; so it is if it leaves more than 10,000 state
        changes waiting.  When the system closes, plain functions have two seconds, and the others
        one, for the last events; what is not delivered then is logged.

        Args:
            callback: Takes one event.
            *kinds: Events of these classes and no others; default: all.
            present: Whether the present state comes first, in one ``JobRestated`` a job; default:
                if ``JobRestated`` is one of the kinds.

        Returns:
            A function that ends it; from any thread, any number of times.  A call that is being
            made goes on.

        Raises:
            TypeError: for a kind that is no class of events, or a callback that cannot be called.
        """
        check_kinds(kinds)
        if present is None:
            present = JobRestated in kinds
        called = self._callback(callback, kinds, present)
        return self._serve(called, called.deliver_events)

    def on_change(
        self, callback: Callable[[Sequence[JobSnapshot]], object], interval: Seconds = 0.1
    ) -> Callable[[], None]:
        """Call ``callback(snapshots)`` with the whole list, now and after changes.

        For views that redraw everything: changes within ``interval`` seconds are reported once, the
        last state always.  Where it is called, what happens if it raises, and how it ends, is as
        with :meth:`on_event`.

        Args:
            callback: Gets the snapshots of all jobs, in the order of submission.
            interval: Seconds between two calls, at least; default: 0.1.

        Returns:
            A function that ends it; from any thread, any number of times.

        Raises:
            TypeError, ValueError: for a callback that cannot be called; for an interval that is no
                length of time, or negative.
        """
        interval = as_seconds(interval)
        check_seconds("interval", interval)
        called = self._callback(callback, (), present=True)
        return self._serve(called, partial(called.deliver_changes, self._snapshots, interval))

    def _callback(
        self, callback: Callable[[Any], object], kinds: tuple[type[Any], ...], present: bool
    ) -> Callback:
        """Subscribe for a callback: what happens from now on is its."""
        if not callable(callback):
            raise TypeError(f"a callback is a function, not {callback!r:.100}")
        portal, bus = self._system.parts.portal, self._system.parts.bus
        snapshots = self._snapshots if present else None
        return Callback(callback, portal.move(bus.subscribe, kinds, snapshots))

    def _serve(
        self, callback: Callback, deliver: Callable[[], Awaitable[None]]
    ) -> Callable[[], None]:
        """Deliver to a callback until the returned function is called."""
        parts = self._system.parts
        unsubscribe = partial(parts.bus.unsubscribe, callback.subscription)
        service = partial(parts.callbacks.serve, callback, deliver, unsubscribe)
        parts.portal.call(self._system.attach, service)

        def stop() -> None:
            callback.stop()
            parts.portal.post_quietly(callback.cancel)

        return stop
