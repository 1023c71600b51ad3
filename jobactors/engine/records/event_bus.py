"""The event bus: one shared log, and a channel of batches for each subscriber.

Waking a subscriber costs far more than handing it an event.  So events are appended to one list,
and once the loop has finished what it was doing, every subscriber gets the whole list as one batch,
sent into its memory channel.  (A wake-up an event was 54 times slower on ten subscribers.)

A slow subscriber costs memory, not speed: its events gather in a backlog, where
progress of one job is conflated to the last value.  State changes are never dropped; a backlog of
more than :data:`LONGEST_BACKLOG` of them cuts the subscriber off, with an error that counts them.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import trio
from msgspec import Struct

from jobactors.model.errors import JobactorsError
from jobactors.model.events import Event, JobLogged, JobProgressed, JobRestated
from jobactors.model.field_docs import documented

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Iterable

    from jobactors.engine.loop.timers import SamplingTicks
    from jobactors.model.snapshot import JobSnapshot

E = TypeVar("E", bound=Event)
LONGEST_BACKLOG: Final = 10_000
_SAMPLED: Final = (JobProgressed, JobLogged)
"""The events that come when a job is sampled."""
LAST_READING: Final = 1.0
"""Seconds that subscribers have for the last events once the system has ended."""


class SubscriberLagged(JobactorsError):
    """This subscription was cut off, because it left too many state changes unread."""

    def __init__(self, events: int) -> None:
        super().__init__(
            f"the subscription was cut off with {events} events unread: subscribe again "
            "(the present state comes first), and read faster or name the kinds you need"
        )


@documented
class SubscriptionStatistics(Struct, frozen=True):
    """The counters of one subscription."""

    delivered: int
    """Events handed over."""
    backlog: int
    """Events waiting for the subscriber."""
    conflated: int
    """Progress events that a later one replaced before they were read."""
    cut_off: bool
    """Whether it was cut off, with state changes unread."""


class Subscription(Generic[E]):
    """An asynchronous iterator over batches (tuples) of events, in order.

    Read by one task of the jobs' own loop.  It ends when the system closes, or by
    :class:`SubscriberLagged`.
    """

    def __init__(
        self, kinds: tuple[type[Event], ...], looks_anew: Callable[[], None] = lambda: None
    ) -> None:
        self._kinds = kinds
        self._looks_anew = looks_anew
        self._in_sight: frozenset[str] | None = None
        self._send, self._receive = trio.open_memory_channel[tuple[Event, ...]](1)
        self._backlog: list[Event] = []
        self._delivered = 0
        self._conflated = 0
        self._cut_off = False
        self._ending: trio.Event = trio.Event()
        """Set when no more events come."""
        self._read_out = trio.Event()
        """Set when the reader has come to the end, or has left."""

    def __aiter__(self) -> AsyncIterator[tuple[E, ...]]:
        return self

    async def __anext__(self) -> tuple[E, ...]:
        try:
            batch = await self._receive.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            self._read_out.set()
            if self._cut_off:
                raise SubscriberLagged(len(self._backlog)) from None
            raise StopAsyncIteration from None
        self._delivered += len(batch)
        self._push()
        if self._ending.is_set() and not self._backlog:
            self._send.close()
        return cast("tuple[E, ...]", batch)

    def rest(self) -> tuple[E, ...]:
        """Return the unread events without waiting: for a last look when cancelled."""
        batches: list[tuple[Event, ...]] = []
        with suppress(trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
            batches.append(self._receive.receive_nowait())
        batches.append(tuple(self._backlog))
        self._backlog.clear()
        rest = tuple(chain.from_iterable(batches))
        self._delivered += len(rest)
        return cast("tuple[E, ...]", rest)

    def focus(self, job_ids: Iterable[str] | None) -> None:
        """Ask for the progress of some jobs alone ten times a second, once a second for the others.

        For a display that shows a part of many jobs: what is not looked at costs next to nothing.
        State changes come as ever, and the last progress before each.  All are sampled ten times
        a second as long as another subscription wants that.  In the jobs' own loop only.

        Args:
            job_ids: Those jobs; None for all, as it is at first.
        """
        in_sight = None if job_ids is None else frozenset(job_ids)
        if in_sight != self._in_sight:
            self._in_sight = in_sight
            self._looks_anew()

    def statistics(self) -> SubscriptionStatistics:
        """Return the counters of this subscription so far."""
        return SubscriptionStatistics(
            self._delivered, len(self._backlog), self._conflated, self._cut_off
        )

    def close(self) -> None:
        """End the subscription; events that were not read are dropped."""
        self._backlog.clear()
        self._send.close()
        self._receive.close()
        self._read_out.set()

    # -- the bus's side

    @property
    def _wants_progress(self) -> bool:
        return not self._kinds or any(issubclass(_, self._kinds) for _ in _SAMPLED)

    def _start_with(self, present: list[Event]) -> None:
        """Begin with the present state, whatever kinds are subscribed to."""
        self._backlog += present
        self._push()

    def _offer(self, batch: Iterable[Event]) -> None:
        """Add the events of the subscribed kinds to the backlog."""
        if self._cut_off:
            return
        kinds = self._kinds
        self._backlog += [event for event in batch if isinstance(event, kinds)] if kinds else batch
        self._push()
        if len(self._backlog) > LONGEST_BACKLOG:
            self._conflate()

    def _end(self) -> None:
        """Close the channel once the events already there have been read."""
        self._ending.set()
        self._push()
        if not self._backlog:
            self._send.close()

    def _push(self) -> None:
        if not self._backlog:
            return
        try:
            self._send.send_nowait(tuple(self._backlog))
        except trio.WouldBlock:
            return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the reader has left
        self._backlog.clear()

    def _conflate(self) -> None:
        last = {event.job_id: event for event in self._backlog if type(event) is JobProgressed}
        left = [
            event
            for event in self._backlog
            if type(event) is not JobProgressed or last[event.job_id] is event
        ]
        self._conflated += len(self._backlog) - len(left)
        self._backlog = left
        if len(left) > LONGEST_BACKLOG:
            self._cut_off = True
            self._send.close()


class Bus:
    """Fans events out to subscriptions.  Written by the loop's thread only.

    Args:
        now: The time.
        ticks: Those of the jobs' samples: told which are in sight, and handed out at once.
    """

    def __init__(
        self,
        now: Callable[[], float],
        ticks: SamplingTicks,
    ) -> None:
        self._now = now
        self._ticks = ticks
        ticks.held = self.flush
        self._log: list[Event] = []
        self._subscriptions: list[Subscription[Any]] = []
        self.is_heard: bool = False
        """Whether there is a subscription, so that events need to be made and published."""
        self._filled = trio.Event()
        self._has_ended = False
        self._look_anew()

    def publish(self, event: Event) -> None:
        """Hand ``event`` to all subscribers once the loop has finished its present step."""
        if self.is_heard:
            if not self._log:
                self._filled.set()
            self._log.append(event)

    def subscribe(
        self,
        kinds: tuple[type[E], ...],
        present: Callable[[], Iterable[JobSnapshot]] | None = None,
    ) -> Subscription[E]:
        """Add a subscription: from here on nothing is missed, or delivered twice.

        Args:
            kinds: Only events of these classes; none for all.
            present: Returns how the jobs stand now, which comes first; default: it does not come.
        """
        self.flush()
        subscription = Subscription[E](kinds, self._look_anew)
        if present is not None:
            now = self._now()
            subscription._start_with([JobRestated(one.id, now, one) for one in present()])
        self._subscriptions.append(subscription)
        self.is_heard = True
        self._look_anew()
        if self._has_ended:
            subscription._end()
        return subscription

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        """Remove a subscription, and close it."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self.is_heard = bool(self._subscriptions)
            self._look_anew()
        subscription.close()

    def _look_anew(self) -> None:
        together = frozenset[str]()
        for one in self._subscriptions:
            if one._wants_progress:
                if one._in_sight is None:
                    self._ticks.show(None)
                    return
                together |= one._in_sight
        self._ticks.show(together)

    def flush(self) -> None:
        """Hand the gathered events to all subscriptions."""
        log, self._log = self._log, []
        if log:
            for subscription in self._subscriptions:
                subscription._offer(log)

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Hand out batches until cancelled."""
        while True:
            await self._filled.wait()
            self._filled = trio.Event()
            self.flush()

    def end(self) -> list[Subscription[Any]]:
        """Hand out the last events, and end all subscriptions; returns these."""
        self.flush()
        self._has_ended = True
        ending = list(self._subscriptions)
        for subscription in ending:
            subscription._end()
        return ending

    async def close(self, apart: Container[Subscription[Any]] = ()) -> None:
        """End all subscriptions, and give their readers time to read the last events.

        Args:
            apart: Those whose readers are not waited for here.
        """
        ending = self.end()
        with trio.move_on_after(LAST_READING):
            for subscription in ending:
                if subscription not in apart:
                    await subscription._read_out.wait()
