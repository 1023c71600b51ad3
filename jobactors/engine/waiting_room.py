"""Who may start now: one pure, synchronous object that decides, and does nothing else.

It is told what was submitted, held, released and ended, and answers *what to start*; whoever asks
does the starting.  It reads no clock: the time comes in as an argument.

1. Larger priority first; first come, first served inside one priority.
2. Not while held, before its time, or while all dispatch is held.
3. Not beyond ``max_running``.  What runs is a set, and free slots are derived from it.

Every decision costs O(log n) in the number of waiting jobs.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING

import attrs

from jobactors.model.states import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.define
class Guest:
    """A job that waits.  Written by the waiting room only."""

    id: str
    """The job."""
    priority: int
    """Larger first."""
    order: int
    """First come, first served inside one priority; kept when the job waits again after a pause."""
    held: bool = False
    """Waits for ``release``."""
    due: float = -math.inf
    """Not before this time."""
    why_due: Waiting = Waiting.START_TIME
    """What the job waits for until it is due."""
    ticket: int = -1
    """Which of its heap entries is the valid one; entries with another ticket are skipped."""


class WaitingRoom:
    """Decides what starts next.

    Args:
        max_running: How many jobs may run at once; None for no limit.
    """

    def __init__(self, max_running: int | None = None) -> None:
        self.max_running = max_running
        self.dispatch_held = False
        """While True nothing starts."""
        self._guests: dict[str, Guest] = {}
        self._running: set[str] = set()
        self._order = itertools.count()
        self._tickets = itertools.count()
        self._ready: list[tuple[int, int, int, str]] = []
        self._later: list[tuple[float, int, str]] = []

    def __len__(self) -> int:
        return len(self._guests)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._guests

    def __iter__(self) -> Iterator[str]:
        """All waiting jobs in the order in which they would start if nothing held them."""
        guests = sorted(self._guests.values(), key=lambda guest: (-guest.priority, guest.order))
        return iter([guest.id for guest in guests])

    @property
    def running(self) -> frozenset[str]:
        """The jobs that hold a slot."""
        return frozenset(self._running)

    @property
    def free_slots(self) -> float:
        """How many more jobs may run; infinite without a limit, never below 0."""
        if self.max_running is None:
            return math.inf
        return max(0, self.max_running - len(self._running))

    def add(
        self,
        job_id: str,
        priority: int = 0,
        *,
        held: bool = False,
        due: float | None = None,
        why_due: Waiting = Waiting.START_TIME,
    ) -> None:
        """Let a job wait for its turn."""
        guest = Guest(job_id, priority, next(self._order), held)
        if due is not None:
            guest.due, guest.why_due = due, why_due
        self._guests[job_id] = guest
        self._place(guest)

    def remove(self, job_id: str) -> bool:
        """Forget a waiting job; returns whether it was there."""
        return self._guests.pop(job_id, None) is not None

    def hold(self, job_id: str) -> None:
        """Keep a waiting job from starting."""
        self._guests[job_id].held = True
        self._guests[job_id].ticket = -1

    def release(self, job_id: str) -> None:
        """Let a held job start in its turn; it keeps its place."""
        guest = self._guests[job_id]
        if guest.held:
            guest.held = False
            self._place(guest)

    def reprioritise(self, job_id: str, priority: int) -> None:
        """Change a waiting job's priority; inside the new one it keeps its time of arrival."""
        guest = self._guests[job_id]
        guest.priority = priority
        if not guest.held:
            self._place(guest)

    def enter(self, job_id: str) -> None:
        """Give a slot to a job that does not wait for one: it is running already."""
        self._running.add(job_id)

    def leave(self, job_id: str) -> None:
        """A job gave its slot back: it ended, or it paused."""
        self._running.discard(job_id)

    def take_ready(self, now: float) -> list[str]:
        """Return the jobs that may start now, in order; they hold their slots from here on."""
        self._ripen(now)
        started: list[str] = []
        while self._ready and not self.dispatch_held and self.free_slots > 0:
            _, _, ticket, job_id = heapq.heappop(self._ready)
            guest = self._guests.get(job_id)
            if guest is not None and guest.ticket == ticket:
                del self._guests[job_id]
                self._running.add(job_id)
                started.append(job_id)
        return started

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
        if guest.due > now:
            return guest.why_due
        return Waiting.SLOT

    def is_held(self, job_id: str) -> bool:
        """Whether a waiting job waits for ``release`` only."""
        return self._guests[job_id].held

    def _place(self, guest: Guest) -> None:
        if guest.held:
            return
        guest.ticket = next(self._tickets)
        if guest.due > -math.inf:
            heapq.heappush(self._later, (guest.due, guest.ticket, guest.id))
        else:
            heapq.heappush(self._ready, (-guest.priority, guest.order, guest.ticket, guest.id))

    def _ripen(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, ticket, job_id = heapq.heappop(self._later)
            guest = self._guests.get(job_id)
            if guest is not None and guest.ticket == ticket:
                guest.due = -math.inf
                self._place(guest)
