"""Who may start now: one pure, synchronous object that decides, and does nothing else.

It is told what was submitted, held, released and ended, and answers *what to start*; whoever asks
does the starting.  It reads no clock: the time comes in as an argument.

A job passes four gates, and waits at the first that is shut:

1. **Hold**: nobody holds it.
2. **Dependencies**: the jobs it comes after have ended.
3. **Time**: its start time, or its retry delay, has come.
4. **Turn**: larger priority first, first come first served inside one; a slot is free, and all the
   resources it needs are free *together*.  Nobody overtakes a job that waits for the same resource.

What runs and what is held are tables; free slots and free units are derived from them, never
counted.  Every decision costs O(log n) in the number of waiting jobs: a job that waits for a
resource is parked with that resource, and looked at again only when units of it come back.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

from jobactors.model.resources import NO_NEEDS, Resources
from jobactors.model.states import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


class Guest(Struct, eq=False):
    """A job that waits.  Written by the waiting room only."""

    id: str
    """The job."""
    priority: int
    """Larger first."""
    order: int
    """First come, first served inside one priority."""
    held: bool = False
    """Waits for ``release``."""
    due: float = -math.inf
    """Not before this time."""
    why_due: Waiting = Waiting.START_TIME
    """What the job waits for until it is due."""
    needs: Mapping[str, int] = NO_NEEDS
    """Units of resources it needs."""
    upstream: set[str] = set()
    """Jobs it comes after that have not ended."""
    parked: str | None = None
    """The resource it waits for."""
    ticket: int = -1
    """Which of its heap entries is the valid one; entries with another ticket are skipped."""

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller goes first."""
        return (-self.priority, self.order)


class Decision(Struct, frozen=True):
    """What the waiting room decided."""

    start: list[str]
    """Jobs that start now, in this order; they hold their slots and resources from here on."""
    moved: list[str]
    """Jobs that may wait for something else than before."""


class WaitingRoom:
    """Decides what starts next.

    Args:
        max_running: How many jobs may run at once; None for no limit.
        capacities: The resources with more than one unit.
    """

    def __init__(
        self, max_running: int | None = None, capacities: Mapping[str, int] | None = None
    ) -> None:
        self.max_running = max_running
        self.dispatch_held = False
        """While True nothing starts."""
        self.resources = Resources(capacities or {})
        self.is_claimed: Callable[[str], bool] = lambda _: False
        """Whether a running job waits for units of a resource: it goes before all queued ones."""
        self._guests: dict[str, Guest] = {}
        self._running: set[str] = set()
        self._order = itertools.count()
        self._tickets = itertools.count()
        self._ready: list[tuple[tuple[int, int], int, str]] = []
        self._later: list[tuple[float, int, str]] = []
        self._parked: defaultdict[str, list[tuple[tuple[int, int], int, str]]] = defaultdict(list)
        self._downstream: defaultdict[str, list[str]] = defaultdict(list)
        self._moved: list[str] = []

    def __len__(self) -> int:
        return len(self._guests)

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not self._guests

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._guests

    def __iter__(self) -> Iterator[str]:
        """All waiting jobs in the order in which they would start if nothing held them."""
        guests = sorted(self._guests.values(), key=lambda guest: guest.rank)
        return iter([guest.id for guest in guests])

    @property
    def running(self) -> frozenset[str]:
        """The jobs that hold a slot."""
        return frozenset(self._running)

    def has_slot(self, job_id: str) -> bool:
        """Whether a job holds a slot."""
        return job_id in self._running

    @property
    def free_slots(self) -> float:
        """How many more jobs may run; infinite without a limit, never below 0."""
        if self.max_running is None:
            return math.inf
        return max(0, self.max_running - len(self._running))

    # -- coming and going

    def add(
        self,
        job_id: str,
        priority: int = 0,
        *,
        held: bool = False,
        due: float | None = None,
        why_due: Waiting = Waiting.START_TIME,
        needs: Mapping[str, int] = NO_NEEDS,
        after: Iterable[str] = (),
    ) -> None:
        """Let a job wait for its turn; ``after`` names jobs that have not ended."""
        guest = Guest(job_id, priority, next(self._order), held, needs=needs)
        if due is not None:
            guest.due, guest.why_due = due, why_due
        for upstream in after:
            guest.upstream.add(upstream)
            self._downstream[upstream].append(job_id)
        self._guests[job_id] = guest
        self._place(guest)

    def remove(self, job_id: str) -> bool:
        """Forget a waiting job; returns whether it was there."""
        guest = self._guests.pop(job_id, None)
        if guest is None:
            return False
        if guest.parked is not None:
            self._unpark(guest.parked)  # the next one may need less
        return True

    def hold(self, job_id: str) -> None:
        """Keep a waiting job from starting."""
        guest = self._guests[job_id]
        guest.held = True
        self._withdraw(guest)

    def release(self, job_id: str) -> None:
        """Let a held job start in its turn; it keeps its place."""
        guest = self._guests[job_id]
        if guest.held:
            guest.held = False
            self._place(guest)

    def reprioritise(self, job_id: str, priority: int) -> None:
        """Change a waiting job's priority; inside the new one it keeps its time of arrival."""
        guest = self._guests[job_id]
        self._withdraw(guest)
        guest.priority = priority
        self._place(guest)

    def change_needs(self, job_id: str, needs: Mapping[str, int]) -> None:
        """Change the resources a waiting job needs."""
        guest = self._guests[job_id]
        self._withdraw(guest)
        guest.needs = needs
        self._place(guest)

    def postpone(self, job_id: str, due: float | None) -> None:
        """Change when a waiting job may start; None means now."""
        guest = self._guests[job_id]
        self._withdraw(guest)
        guest.due, guest.why_due = -math.inf if due is None else due, Waiting.START_TIME
        self._place(guest)

    def enter(self, job_id: str) -> None:
        """Give a slot to a job that does not wait for one: it is running already."""
        self._running.add(job_id)

    def leave(self, job_id: str) -> None:
        """A job gave its slot back: it ended, or it paused, or it waits for another job."""
        self._running.discard(job_id)

    def give_back(
        self, job_id: str, names: Iterable[str] | Mapping[str, int] | None = None
    ) -> None:
        """A job gave resources back, by default all it held."""
        for name in self.resources.give_back(job_id, names):
            self._unpark(name)

    def ended(self, job_id: str) -> list[str]:
        """A job has ended: returns the waiting jobs that came after it, and now do so no more."""
        if job_id not in self._downstream:
            return []
        waiting = [other for other in self._downstream.pop(job_id) if other in self._guests]
        for other in waiting:
            guest = self._guests[other]
            guest.upstream.discard(job_id)
            if not guest.upstream:
                self._place(guest)
        return waiting

    # -- deciding

    def take_ready(self, now: float) -> list[str]:
        """Return the jobs that start now; see :meth:`decide`."""
        return self.decide(now).start

    def decide(self, now: float) -> Decision:
        """Say who starts now."""
        if self._later:
            self._ripen(now)
        start: list[str] = []
        while self._ready and not self.dispatch_held and self.free_slots > 0:
            guest = self._pop(self._ready)
            if guest is None:
                continue
            wanted = guest.parked
            missing = self._missing(guest) if guest.needs else None
            if missing is None:
                del self._guests[guest.id]
                self._running.add(guest.id)
                if guest.needs:
                    self.resources.take(guest.id, guest.needs)
                start.append(guest.id)
            else:
                self._park(guest, missing)
            if wanted is not None and wanted != missing:
                self._unpark(wanted)  # there may be units left for the next one
        moved, self._moved = self._moved, []
        return Decision(start, moved)

    def next_due(self) -> float | None:
        """When the next job becomes ready by itself; None when none will."""
        while self._later:
            due, ticket, job_id = self._later[0]
            guest = self._guests.get(job_id)
            if guest is not None and guest.ticket == ticket:
                return due
            heapq.heappop(self._later)
        return None

    def why(self, job_id: str, now: float) -> Waiting:
        """What a waiting job waits for."""
        guest = self._guests[job_id]
        if guest.held or self.dispatch_held:
            return Waiting.HOLD
        if guest.upstream:
            return Waiting.DEPENDENCY
        if guest.due > now:
            return guest.why_due
        # It is looked at again when a slot is free; till then what it was parked for may be free.
        missing = None if guest.parked is None else self._missing(guest)
        return Waiting.SLOT if missing is None else Waiting.RESOURCE

    def is_held(self, job_id: str) -> bool:
        """Whether a waiting job waits for ``release``."""
        return self._guests[job_id].held

    def waits_for(self, job_id: str) -> frozenset[str]:
        """The jobs a waiting job comes after that have not ended."""
        return frozenset(self._guests[job_id].upstream)

    def is_wanted(self, name: str) -> bool:
        """Whether a job waits for units of a resource."""
        return self._first_parked(name) is not None

    # -- placing

    def _place(self, guest: Guest) -> None:
        self._moved.append(guest.id)
        if guest.held or guest.upstream:
            return
        guest.ticket = next(self._tickets)
        if guest.due > -math.inf:
            heapq.heappush(self._later, (guest.due, guest.ticket, guest.id))
        else:
            heapq.heappush(self._ready, (guest.rank, guest.ticket, guest.id))

    def _withdraw(self, guest: Guest) -> None:
        """Take a guest out of whatever heap it is in."""
        guest.ticket = -1
        self._moved.append(guest.id)
        if guest.parked is not None:
            resource, guest.parked = guest.parked, None
            self._unpark(resource)

    def _ripen(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, ticket, job_id = heapq.heappop(self._later)
            guest = self._guests.get(job_id)
            if guest is not None and guest.ticket == ticket:
                guest.due = -math.inf
                self._place(guest)

    def _pop(self, heap: list[tuple[tuple[int, int], int, str]]) -> Guest | None:
        _, ticket, job_id = heapq.heappop(heap)
        guest = self._guests.get(job_id)
        return guest if guest is not None and guest.ticket == ticket else None

    # -- resources

    def _missing(self, guest: Guest) -> str | None:
        """The first resource that keeps a guest waiting, or None."""
        for name, units in guest.needs.items():
            if units > self.resources.free(name) or self.is_claimed(name):
                return name
            first = self._first_parked(name)
            if first is not None and first.rank < guest.rank:
                return name
        return None

    def _park(self, guest: Guest, name: str) -> None:
        guest.parked = name
        guest.ticket = next(self._tickets)
        heapq.heappush(self._parked[name], (guest.rank, guest.ticket, guest.id))
        self._moved.append(guest.id)

    def _first_parked(self, name: str) -> Guest | None:
        queue = self._parked.get(name)
        while queue:
            _, ticket, job_id = queue[0]
            guest = self._guests.get(job_id)
            if guest is not None and guest.ticket == ticket:
                return guest
            heapq.heappop(queue)
        self._parked.pop(name, None)
        return None

    def look_again(self, names: Iterable[str]) -> None:
        """Nobody claims these any more, or not as much: whoever waits for them may start."""
        for name in names:
            self._unpark(name)

    def _unpark(self, name: str) -> None:
        """Let the first one that waits for ``name`` be looked at again."""
        guest = self._first_parked(name)
        if guest is not None:
            self._moved.append(guest.id)
            heapq.heappop(self._parked[name])
            guest.ticket = next(self._tickets)
            heapq.heappush(self._ready, (guest.rank, guest.ticket, guest.id))
