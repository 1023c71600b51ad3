"""The jobs that are ready, in the order of their turn: those that need a slot, and the others.

Two heaps, not one: without a free slot, a job that needs none still has its turn, and must not be
looked for behind thousands that wait for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .entry_heap import EntryHeap

if TYPE_CHECKING:
    from .entry import Entry


class ReadyHeaps:
    """Heaps of ready jobs.  Written by the job queue only."""

    def __init__(self) -> None:
        self._with_slot: EntryHeap[Entry] = EntryHeap()
        self._without_slot: EntryHeap[Entry] = EntryHeap()

    def __len__(self) -> int:
        return len(self._with_slot) + len(self._without_slot)

    def push(self, entry: Entry) -> None:
        """Add an entry; it leaves the heap in which it is."""
        heap = self._with_slot if entry.takes_slot else self._without_slot
        heap.push(entry.rank, entry)

    def next(self, free_slots: float) -> EntryHeap[Entry] | None:
        """Return the heap whose first entry is next; without a free slot, that of the others."""
        ready = self._with_slot.first() if free_slots > 0 else None
        other = self._without_slot.first()
        if ready is None and other is None:
            return None
        if ready is None or (other is not None and other[0] < ready[0]):
            return self._without_slot
        return self._with_slot
