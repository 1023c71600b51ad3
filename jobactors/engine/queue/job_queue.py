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

import itertools
import math
from collections import defaultdict
from typing import TYPE_CHECKING

from jobactors.model.resources import NO_NEEDS, Resources
from jobactors.model.states import Waiting

from .entry import MOST_STARTS, Entry, StartDecision
from .entry_heap import EntryHeap
from .parked_entries import ParkedEntries
from .queued_waits import QueuedWaits
from .ready_heaps import ReadyHeaps
from .request_lines import RequestLines
from .wait_graph import WaitEdge, WaitGraph

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jobactors.model.rate import Rate


class JobQueue:
    """Decides what starts next.

    Args:
        max_running: How many jobs may run at once; None for no limit.
        capacities: The resources with more than one unit.
    """

    def __init__(
        self, max_running: int | None = None, capacities: Mapping[str, int | Rate] | None = None
    ) -> None:
        self.max_running = max_running
        self.dispatch_held = False
        self.resources: Resources = Resources(capacities or {})
        self.lines: RequestLines = RequestLines()
        """The requests of running jobs; written by ``ResourceRequests``."""
        self.freed: dict[str, None] = {}
        """Requested resources of which units came back; emptied by ``ResourceRequests``."""
        self._entries: dict[str, Entry] = {}
        self._parked = ParkedEntries()
        queued = QueuedWaits(self._entries, self._parked.first, self.lines, self.resources)
        self.waits: WaitGraph = queued.graph
        """The jobs that wait for each other; written by ``Slots`` and ``ResourceRequests``."""
        self._running: set[str] = set()
        self._order = itertools.count()
        self._ready = ReadyHeaps()
        self._later: EntryHeap[Entry] = EntryHeap()
        self._downstream: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._moved: dict[str, None] = {}

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

    @property
    def is_any_running(self) -> bool:
        """Whether any job holds a slot."""
        return bool(self._running)

    def has_slot(self, job_id: str) -> bool:
        """Return whether a job holds a slot."""
        return job_id in self._running

    @property
    def free_slots(self) -> float:
        """The number of jobs that may start now; infinite without a limit, never below 0."""
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
        after: Collection[str] = (),
        takes_slot: bool = True,
    ) -> None:
        """Add a job, which waits for its turn; ``after`` names jobs that have not ended."""
        order = next(self._order)
        entry = Entry(job_id, priority, order, held, needs=needs, takes_slot=takes_slot)
        if due is not None:
            entry.due, entry.why_due = due, why_due
        if after:
            entry.upstream = dict.fromkeys(after)
            for upstream in entry.upstream:
                self._downstream[upstream][job_id] = None
        self._entries[job_id] = entry
        self._place(entry)

    def start_at_once(self, job_id: str, *, takes_slot: bool = True) -> bool:
        """Let a job that waits for nothing start, if none waits before it; else change nothing.

        What :meth:`add` and :meth:`decide` would come to, without an entry that no one looks at.

        Returns:
            Whether it starts; it holds its slot from here on.
        """
        if self._entries or self.dispatch_held or (takes_slot and self.free_slots <= 0):
            return False
        if takes_slot:
            self._running.add(job_id)
        return True

    def remove(self, job_id: str) -> bool:
        """Forget a waiting job; returns whether it was there."""
        entry = self._entries.pop(job_id, None)
        if entry is None:
            return False
        for upstream in entry.upstream or ():
            after = self._downstream[upstream]
            del after[job_id]
            if not after:
                del self._downstream[upstream]
        self._withdraw(entry)
        self._moved.pop(job_id, None)
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
        freed = self.resources.give_back(job_id, names)
        if freed:
            self._come_back(freed)

    def advance(self, now: float) -> None:
        """Tell the rates the time, and take note of the units that come back."""
        self._come_back([name for name, one in self.resources.rates.items() if one.advance(now)])

    def _come_back(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self.lines:
                self.freed[name] = None
            self._unpark(name)

    def ended(self, job_id: str) -> list[str]:
        """Note that a job has ended; returns the waiting jobs that came after it."""
        if job_id not in self._downstream:
            return []
        waiting = list(self._downstream.pop(job_id))
        for entry in map(self._entries.__getitem__, waiting):
            upstream = entry.upstream or {}
            del upstream[job_id]
            if upstream:
                self._moved[entry.id] = None  # it waits for fewer jobs
            else:
                self._place(entry)
        return waiting

    # -- deciding

    def take_ready(self, now: float) -> list[str]:
        """Return the jobs that start now; see :meth:`decide`."""
        return self.decide(now).start

    def decide(self, now: float, most: int = MOST_STARTS) -> StartDecision:
        """Decide which jobs start now, ``most`` of them."""
        if self._later:
            self._ripen(now)
        start: list[str] = []
        while self._entries and not self.dispatch_held and len(start) < most:
            if (ready := self._ready.next(self.free_slots)) is None:
                break
            entry = ready.pop()
            wanted = self._parked.take(entry)
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
        moved, self._moved = self._moved, {}
        return StartDecision(start, list(moved))

    def next_due(self) -> float | None:
        """Return when the next job becomes ready by itself; None when none will."""
        first = self._later.first()
        return None if first is None else first[0]

    def entry(self, job_id: str) -> Entry:
        """Return the entry of a waiting job, to be read only."""
        return self._entries[job_id]

    def is_held(self, job_id: str) -> bool:
        """Return whether a waiting job waits for ``release``."""
        return self._entries[job_id].held

    def waits_for(self, job_id: str) -> frozenset[str]:
        """Return the jobs a waiting job comes after that have not ended."""
        return frozenset(self._entries[job_id].upstream or ())

    def is_wanted(self, name: str) -> bool:
        """Return whether a job waits for units of a resource."""
        return self._parked.first(name) is not None

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

    # -- placing

    def _place(self, entry: Entry) -> None:
        if entry.due == -math.inf and not (entry.held or entry.upstream):
            self._look_at(entry)
            return
        self._moved[entry.id] = None
        if not (entry.held or entry.upstream):
            self._later.push(entry.due, entry)

    def _withdraw(self, entry: Entry) -> None:
        """Take an entry out of the heap it is in."""
        if entry.heap is not None:
            entry.heap.discard(entry)
        self._moved[entry.id] = None
        resource = self._parked.take(entry)
        if resource is not None:
            self._unpark(resource)  # the next one may need less

    def _ripen(self, now: float) -> None:
        while (due := self.next_due()) is not None and due <= now:
            entry = self._later.pop()
            entry.due = -math.inf
            self._place(entry)

    # -- resources

    def missing(self, entry: Entry) -> str | None:
        """Return the first resource that an entry has to wait for, or None."""
        for name, units in entry.needs.items():
            if units > self.resources.free(name):
                return name
            if name in self.lines and not entry.overtakes:
                return name
            first = None if entry.overtakes else self._parked.first(name)
            if first is not None and first.rank < entry.rank:
                return name
        return None

    def _park(self, entry: Entry, name: str) -> None:
        self._parked.add(name, entry)
        self._moved[entry.id] = None

    def look_again(self, names: Iterable[str]) -> None:
        """Look at the jobs that wait for resources of which less is requested than before."""
        for name in names:
            self._unpark(name)

    def _unpark(self, name: str) -> None:
        """Let the first one that waits for ``name`` be looked at again."""
        entry, woken = self._parked.first(name), self._parked.woken(name)
        self._moved.update(dict.fromkeys([other.id for other in woken]))
        # Behind another one, it is looked at when that has been.
        if entry is not None and all(entry.rank < other.rank for other in woken):
            self._look_at(entry)
            self._parked.first(name)  # it may have been the last

    def _look_at(self, entry: Entry) -> None:
        """Let the next decision look at an entry, wherever it was."""
        self._moved[entry.id] = None
        self._parked.wake(entry)
        self._ready.push(entry)
