"""Decides which jobs start now: one pure, synchronous object that does nothing else.

It is given what was submitted, held, released and ended, and answers *what to start*; its caller
does the starting.  It reads no clock: the time comes in as an argument.

A job passes four gates, and waits at the first that is shut:

1. **Hold**: it is not held.
2. **Dependencies**: the jobs it comes after have ended.
3. **Time**: its start time, or its retry delay, has come.
4. **Turn**: larger priority first, first come first served inside one; a slot is free, and all the
   resources it needs are free *together*.  It overtakes no job that waits for the same resource,
   and no running job that has requested it, except those that wait for its own end: they would
   wait for each other for ever.

Free slots and units are derived from tables of what runs and what is held, never counted.  A
decision costs O(log n) in the number of waiting jobs: a job that waits for a resource is parked
with it, and looked at again only when units of it come back.  The exception of gate 4 is free while
no running job waits; else it searches the wait graph for each job parked and each wait that begins.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from typing import TYPE_CHECKING

from jobactors.model.resources import NO_NEEDS, Resources
from jobactors.model.states import Waiting

from .entry import Decision, Entry
from .ready_heaps import ReadyHeaps
from .wait_graph import WaitEdge, WaitGraph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .entry import Place


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
        self.resources: Resources = Resources(capacities or {})
        self.waits: WaitGraph = WaitGraph(self.resources, self._gates_of, self._line_before)
        """Which job waits for which; written by ``Slots`` and ``ResourceRequests``."""
        self.requested: Mapping[str, Mapping[int, Iterable[WaitEdge]]] = {}
        """The requests of running jobs, by resource and units; set by ``ResourceRequests``."""
        self.freed: dict[str, None] = {}
        """Requested resources of which units came back; emptied by ``ResourceRequests``."""
        self._entries: dict[str, Entry] = {}
        self._running: set[str] = set()
        self._order = itertools.count()
        self._tickets = itertools.count()
        self._ready = ReadyHeaps()
        self._later: list[tuple[float, int, str]] = []
        self._parked: defaultdict[str, list[Place]] = defaultdict(list)
        self._downstream: defaultdict[str, list[str]] = defaultdict(list)
        self._moved: list[str] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_empty(self) -> bool:
        """Whether no job waits."""
        return not self._entries

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._entries

    def __iter__(self) -> Iterator[str]:
        """Go through the waiting jobs in the order in which they start if nothing holds them."""
        entries = sorted(self._entries.values(), key=lambda entry: entry.rank)
        return iter([entry.id for entry in entries])

    @property
    def running(self) -> frozenset[str]:
        """The jobs that hold a slot."""
        return frozenset(self._running)

    def has_slot(self, job_id: str) -> bool:
        """Return whether a job holds a slot."""
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
        """Add a job, which waits for its turn; ``after`` names jobs that have not ended."""
        order = next(self._order)
        entry = Entry(job_id, priority, order, held, needs=needs, takes_slot=takes_slot)
        if due is not None:
            entry.due, entry.why_due = due, why_due
        entry.upstream = dict.fromkeys(after)
        for upstream in entry.upstream:
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
        """Hold a waiting job, which does not start until it is released."""
        entry = self._entries[job_id]
        entry.held = True
        self._withdraw(entry)

    def release(self, job_id: str) -> None:
        """Let a held job start in its turn; its place is as before."""
        entry = self._entries[job_id]
        if entry.held:
            entry.held = False
            self._place(entry)

    def reprioritise(self, job_id: str, priority: int) -> None:
        """Change a waiting job's priority; inside the new one its time of arrival counts."""
        entry = self._entries[job_id]
        self._withdraw(entry)
        entry.priority = priority
        self._place(entry)

    def check_needs(self, job_id: str, needs: Mapping[str, int]) -> None:
        """Raise for needs with which a job, if it waits, could never start.

        Raises:
            TooMuch: if there are not as many units at all.
            Deadlock: if a job that waits for this one holds them.
        """
        self.resources.check(needs)
        if job_id in self._entries:
            self.check_start(job_id, needs)

    def check_start(self, job_id: str, needs: Mapping[str, int]) -> None:
        """Raise Deadlock if a job that waits for this one, which holds nothing, has its needs."""
        if needs:
            self.waits.check(WaitEdge(job_id, units=(needs,), words="is queued for"))

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
        """Take a job's slot back: it ended, or it paused, or it waits for another job."""
        self._running.discard(job_id)

    def give_back(
        self, job_id: str, names: Iterable[str] | Mapping[str, int] | None = None
    ) -> None:
        """Take resources back from a job, by default all it held."""
        for name in self.resources.give_back(job_id, names):
            if name in self.requested:
                self.freed[name] = None
            self._unpark(name)

    def ended(self, job_id: str) -> list[str]:
        """Note that a job has ended; returns the waiting jobs that came after it."""
        if job_id not in self._downstream:
            return []
        waiting = [other for other in self._downstream.pop(job_id) if other in self._entries]
        for entry in map(self._entries.__getitem__, waiting):
            entry.upstream.pop(job_id, None)
            if entry.upstream:
                self._moved.append(entry.id)  # it waits for fewer
            else:
                self._place(entry)
        return waiting

    # -- deciding

    def take_ready(self, now: float) -> list[str]:
        """Return the jobs that start now; see :meth:`decide`."""
        return self.decide(now).start

    def decide(self, now: float) -> Decision:
        """Decide which jobs start now."""
        if self._later:
            self._ripen(now)
        start: list[str] = []
        while not self.dispatch_held and (ready := self._ready.next(self.free_slots)):
            _, ticket, job_id = heapq.heappop(ready)
            if (entry := self._valid(ticket, job_id)) is None:
                continue
            wanted = entry.parked
            missing = self.missing(entry) if entry.needs else None
            if missing is None:
                del self._entries[entry.id]
                if entry.takes_slot:
                    self._running.add(entry.id)
                if entry.needs:
                    self.resources.take(entry.id, entry.needs)
                start.append(entry.id)
            else:
                self._park(entry, missing)
                self.give_way(entry.id)
            if wanted is not None and wanted != missing:
                self._unpark(wanted)  # there may be units left for the next one
        moved, self._moved = self._moved, []
        return Decision(start, moved)

    def next_due(self) -> float | None:
        """Return when the next job becomes ready by itself; None when none will."""
        while self._later:
            due, ticket, job_id = self._later[0]
            if self._valid(ticket, job_id):
                return due
            heapq.heappop(self._later)
        return None

    def entry(self, job_id: str) -> Entry:
        """Return the entry of a waiting job, to be read only."""
        return self._entries[job_id]

    def is_held(self, job_id: str) -> bool:
        """Return whether a waiting job waits for ``release``."""
        return self._entries[job_id].held

    def waits_for(self, job_id: str) -> frozenset[str]:
        """Return the jobs a waiting job comes after that have not ended."""
        return frozenset(self._entries[job_id].upstream)

    def is_wanted(self, name: str) -> bool:
        """Return whether a job waits for units of a resource."""
        return self._first_parked(name) is not None

    # -- the exception of gate 4

    def give_way(self, job_id: str) -> None:
        """Let jobs overtake that stand still with ``job_id`` for nothing but their place in line.

        Called when that job begins to wait, or is parked: if something stands still since then, the
        jobs that can end that are among those it depends on.
        """
        if not (self.waits and self._parked):
            return
        for other in self.waits.standstill(job_id):
            entry = self._entries.get(other)
            if entry and entry.parked is not None and self.resources.are_free(entry.needs):
                entry.overtakes = True
                self._look_at(entry)

    def _gates_of(self, job_id: str) -> Iterator[WaitEdge]:
        """Go through what a queued job waits for, whatever its place in line."""
        entry = self._entries.get(job_id)
        if entry is None:
            return
        if entry.needs:
            yield WaitEdge(job_id, units=(entry.needs,), words="is queued for")
        for upstream in entry.upstream:
            yield WaitEdge(job_id, (upstream,), words="comes after")

    def _line_before(self, job_id: str) -> Iterator[WaitEdge]:
        """Go through the jobs that a queued job must not overtake."""
        entry = self._entries.get(job_id)
        if entry is None or entry.overtakes:
            return
        for name in entry.needs:
            for requests in self.requested.get(name, {}).values():
                for request in requests:
                    yield WaitEdge(job_id, (request.job_id,))
            first = self._first_parked(name)
            if first is not None and first.rank < entry.rank:
                yield WaitEdge(job_id, (first.id,))

    # -- placing

    def _place(self, entry: Entry) -> None:
        if entry.due == -math.inf and not (entry.held or entry.upstream):
            self._look_at(entry)
            return
        self._moved.append(entry.id)
        if not (entry.held or entry.upstream):
            entry.ticket = next(self._tickets)
            heapq.heappush(self._later, (entry.due, entry.ticket, entry.id))

    def _withdraw(self, entry: Entry) -> None:
        """Take an entry out of the heap it is in."""
        entry.ticket = -1
        self._moved.append(entry.id)
        if entry.parked is not None:
            resource, entry.parked = entry.parked, None
            self._unpark(resource)

    def _ripen(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, ticket, job_id = heapq.heappop(self._later)
            entry = self._valid(ticket, job_id)
            if entry is not None:
                entry.due = -math.inf
                self._place(entry)

    def _valid(self, ticket: int, job_id: str) -> Entry | None:
        """Return the entry that a place in a heap stands for; None if it is in another by now."""
        entry = self._entries.get(job_id)
        return entry if entry is not None and entry.ticket == ticket else None

    # -- resources

    def missing(self, entry: Entry) -> str | None:
        """Return the first resource that an entry has to wait for, or None."""
        for name, units in entry.needs.items():
            if units > self.resources.free(name):
                return name
            if name in self.requested and not entry.overtakes:
                return name
            first = None if entry.overtakes else self._first_parked(name)
            if first is not None and first.rank < entry.rank:
                return name
        return None

    def _park(self, entry: Entry, name: str) -> None:
        entry.parked, entry.overtakes = name, False
        entry.ticket = next(self._tickets)
        heapq.heappush(self._parked[name], (entry.rank, entry.ticket, entry.id))
        self._moved.append(entry.id)

    def _first_parked(self, name: str) -> Entry | None:
        queue = self._parked.get(name)
        while queue:
            _, ticket, job_id = queue[0]
            if entry := self._valid(ticket, job_id):
                return entry
            heapq.heappop(queue)
        self._parked.pop(name, None)
        return None

    def look_again(self, names: Iterable[str]) -> None:
        """Look at the jobs that wait for resources of which less is requested than before."""
        for name in names:
            self._unpark(name)

    def _unpark(self, name: str) -> None:
        """Let the first one that waits for ``name`` be looked at again."""
        entry = self._first_parked(name)
        if entry is not None:
            heapq.heappop(self._parked[name])
            self._look_at(entry)

    def _look_at(self, entry: Entry) -> None:
        """Let the next decision look at an entry; any other place of it is void."""
        self._moved.append(entry.id)
        entry.ticket = next(self._tickets)
        self._ready.push(entry)
