"""The jobs that are ready, in the order of their turn: those that need a slot, and the others.

Two heaps, not one: without a free slot, a job that needs none still has its turn, and must not be
looked for behind thousands that wait for one.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .entry import Entry, Place


class ReadyHeaps:
    """Heaps of places of ready jobs.  Written by the job queue only."""

    def __init__(self) -> None:
        self._with_slot: list[Place] = []
        self._without_slot: list[Place] = []

    def push(self, entry: Entry) -> None:
        """Add the place of an entry."""
        heap = self._with_slot if entry.takes_slot else self._without_slot
        heapq.heappush(heap, (entry.rank, entry.ticket, entry.id))

    def next(self, free_slots: float) -> list[Place] | None:
        """Return the heap whose first place is next; without a free slot, that of the others."""
        ready = self._with_slot if self._with_slot and free_slots > 0 else None
        others = self._without_slot
        if not others:
            return ready
        return others if ready is None or others[0] < ready[0] else ready
