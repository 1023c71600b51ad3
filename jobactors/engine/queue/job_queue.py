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


class Entry(Struct, eq=False):
    """A job that waits.  Written by the job queue only."""

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
    takes_slot: bool = True
    """Whether it needs a free slot, and holds it while it runs."""
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
    """What the job queue decided."""

    start: list[str]
    """Jobs that start now, in this order; they hold their slots and resources from here on."""
    moved: list[str]
    """Jobs that may wait for something else than before."""


class JobQueue:
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
        self.is_requested: Callable[[str], bool] = lambda _: False
        """Whether a running job waits for units of a resource: it goes before all queued ones."""
        self._entries: dict[str, Entry] = {}
        self._running: set[str] = set()
        self._order = itertools.count()
        self._tickets = itertools.count()
        self._ready: list[tuple[tuple[int, int], int, str]] = []
        self._ready_without_slot: list[tuple[tuple[int, int], int, str]] = []
        self._later: list[tuple[float, int, str]] = []
        self._parked: defaultdict[str, list[tuple[tuple[int, int], int, str]]] = defaultdict(list)
        self._downstream: defaultdict[str, list[str]] = defaultdict(list)
        self._moved: list[str] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not self._entries

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._entries

    def __iter__(self) -> Iterator[str]:
        """All waiting jobs in the order in which they would start if nothing held them."""
        entry = sorted(self._entries.values(), key=lambda entry: entry.rank)
        return iter([entry.id for entry in entry])

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
        takes_slot: bool = True,
    ) -> None:
        """Let a job wait for its turn; ``after`` names jobs that have not ended."""
        order = next(self._order)
        entry = Entry(job_id, priority, order, held, needs=needs, takes_slot=takes_slot)
        if due is not None:
            entry.due, entry.why_due = due, why_due
        for upstream in after:
            entry.upstream.add(upstream)
            self._downstream[upstream].append(job_id)
        self._entries[job_id] = entry
        self._place(entry)

    def remove(self, job_id: str) -> bool:
        """Forget a waiting job; returns whether it was there."""
        entry = self._entries.pop(job_id, None)
        if entry is None:
            return False
        if entry.parked is not None:
            self._unpark(entry.parked)  # the next one may need less
        return True

    def hold(self, job_id: str) -> None:
        """Keep a waiting job from starting."""
        entry = self._entries[job_id]
        entry.held = True
        self._withdraw(entry)

    def release(self, job_id: str) -> None:
        """Let a held job start in its turn; it keeps its place."""
        entry = self._entries[job_id]
        if entry.held:
            entry.held = False
            self._place(entry)

    def reprioritise(self, job_id: str, priority: int) -> None:
        """Change a waiting job's priority; inside the new one it keeps its time of arrival."""
        entry = self._entries[job_id]
        self._withdraw(entry)
        entry.priority = priority
        self._place(entry)

    def change_needs(self, job_id: str, needs: Mapping[str, int]) -> None:
        """Change the resources a waiting job needs."""
        entry = self._entries[job_id]
        self._withdraw(entry)
        entry.needs = needs
        self._place(entry)

    def postpone(self, job_id: str, due: float | None) -> None:
        """Change when a waiting job may start; None means now."""
        entry = self._entries[job_id]
        self._withdraw(entry)
        entry.due, entry.why_due = -math.inf if due is None else due, Waiting.START_TIME
        self._place(entry)

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
        waiting = [other for other in self._downstream.pop(job_id) if other in self._entries]
        for other in waiting:
            entry = self._entries[other]
            entry.upstream.discard(job_id)
            if not entry.upstream:
                self._place(entry)
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
        while not self.dispatch_held and (ready := self._next_ready()):
            entry = self._pop(ready)
            if entry is None:
                continue
            wanted = entry.parked
            missing = self._missing(entry) if entry.needs else None
            if missing is None:
                del self._entries[entry.id]
                if entry.takes_slot:
                    self._running.add(entry.id)
                if entry.needs:
                    self.resources.take(entry.id, entry.needs)
                start.append(entry.id)
            else:
                self._park(entry, missing)
            if wanted is not None and wanted != missing:
                self._unpark(wanted)  # there may be units left for the next one
        moved, self._moved = self._moved, []
        return Decision(start, moved)

    def _next_ready(self) -> list[tuple[tuple[int, int], int, str]] | None:
        """The heap whose first entry is next: without a free slot, only that of those without."""
        ready = self._ready if self._ready and self.free_slots > 0 else None
        others = self._ready_without_slot
        if not others:
            return ready
        return others if ready is None or others[0] < ready[0] else ready

    def _heap_for(self, entry: Entry) -> list[tuple[tuple[int, int], int, str]]:
        return self._ready if entry.takes_slot else self._ready_without_slot

    def next_due(self) -> float | None:
        """When the next job becomes ready by itself; None when none will."""
        while self._later:
            due, ticket, job_id = self._later[0]
            entry = self._entries.get(job_id)
            if entry is not None and entry.ticket == ticket:
                return due
            heapq.heappop(self._later)
        return None

    def why(self, job_id: str, now: float) -> Waiting:
        """What a waiting job waits for."""
        entry = self._entries[job_id]
        if entry.held or self.dispatch_held:
            return Waiting.HOLD
        if entry.upstream:
            return Waiting.DEPENDENCY
        if entry.due > now:
            return entry.why_due
        # It is looked at again when a slot is free; till then what it was parked for may be free.
        missing = None if entry.parked is None else self._missing(entry)
        return Waiting.SLOT if missing is None else Waiting.RESOURCE

    def is_held(self, job_id: str) -> bool:
        """Whether a waiting job waits for ``release``."""
        return self._entries[job_id].held

    def waits_for(self, job_id: str) -> frozenset[str]:
        """The jobs a waiting job comes after that have not ended."""
        return frozenset(self._entries[job_id].upstream)

    def is_wanted(self, name: str) -> bool:
        """Whether a job waits for units of a resource."""
        return self._first_parked(name) is not None

    # -- placing

    def _place(self, entry: Entry) -> None:
        self._moved.append(entry.id)
        if entry.held or entry.upstream:
            return
        entry.ticket = next(self._tickets)
        if entry.due > -math.inf:
            heapq.heappush(self._later, (entry.due, entry.ticket, entry.id))
        else:
            heapq.heappush(self._heap_for(entry), (entry.rank, entry.ticket, entry.id))

    def _withdraw(self, entry: Entry) -> None:
        """Take a entry out of whatever heap it is in."""
        entry.ticket = -1
        self._moved.append(entry.id)
        if entry.parked is not None:
            resource, entry.parked = entry.parked, None
            self._unpark(resource)

    def _ripen(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, ticket, job_id = heapq.heappop(self._later)
            entry = self._entries.get(job_id)
            if entry is not None and entry.ticket == ticket:
                entry.due = -math.inf
                self._place(entry)

    def _pop(self, heap: list[tuple[tuple[int, int], int, str]]) -> Entry | None:
        _, ticket, job_id = heapq.heappop(heap)
        entry = self._entries.get(job_id)
        return entry if entry is not None and entry.ticket == ticket else None

    # -- resources

    def _missing(self, entry: Entry) -> str | None:
        """The first resource that keeps a entry waiting, or None."""
        for name, units in entry.needs.items():
            if units > self.resources.free(name) or self.is_requested(name):
                return name
            first = self._first_parked(name)
            if first is not None and first.rank < entry.rank:
                return name
        return None

    def _park(self, entry: Entry, name: str) -> None:
        entry.parked = name
        entry.ticket = next(self._tickets)
        heapq.heappush(self._parked[name], (entry.rank, entry.ticket, entry.id))
        self._moved.append(entry.id)

    def _first_parked(self, name: str) -> Entry | None:
        queue = self._parked.get(name)
        while queue:
            _, ticket, job_id = queue[0]
            entry = self._entries.get(job_id)
            if entry is not None and entry.ticket == ticket:
                return entry
            heapq.heappop(queue)
        self._parked.pop(name, None)
        return None

    def look_again(self, names: Iterable[str]) -> None:
        """Nobody requests these any more, or not as much: whoever waits for them may start."""
        for name in names:
            self._unpark(name)

    def _unpark(self, name: str) -> None:
        """Let the first one that waits for ``name`` be looked at again."""
        entry = self._first_parked(name)
        if entry is not None:
            self._moved.append(entry.id)
            heapq.heappop(self._parked[name])
            entry.ticket = next(self._tickets)
            heapq.heappush(self._heap_for(entry), (entry.rank, entry.ticket, entry.id))
