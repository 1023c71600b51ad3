"""Heaps of the job queue's entries, out of which any entry can go.

``heapq`` takes out the first item alone.  So an entry that leaves in another way, as it is
cancelled or gets another priority, leaves a void place behind.  Void places are skipped, and
counted: as soon as they are the greater part, the heap is made anew without them.  So an entry
that leaves costs O(1) in the mean, and a heap never holds more void places than entries.
"""

from __future__ import annotations

import heapq
import itertools
from typing import Any, Generic, Protocol, TypeVar


class HeapEntry(Protocol):
    """A member of a heap.  Both fields are written by heaps only."""

    heap: Any
    """The heap in which it is, or None."""
    ticket: int
    """The number of its valid place in that heap."""


E = TypeVar("E", bound=HeapEntry)


class EntryHeap(Generic[E]):
    """Entries in the order of their keys.  An entry is in one heap at most.

    Written by the job queue only.
    """

    def __init__(self) -> None:
        self._places: list[tuple[Any, int, E]] = []
        """Keys, tickets and entries; a place is void unless its entry has that ticket here."""
        self._void = 0
        self._tickets = itertools.count()

    def __len__(self) -> int:
        return len(self._places) - self._void

    def push(self, key: Any, entry: E) -> None:
        """Add an entry; it leaves the heap in which it is."""
        if entry.heap is not None:
            entry.heap.discard(entry)
        entry.heap, entry.ticket = self, next(self._tickets)
        heapq.heappush(self._places, (key, entry.ticket, entry))

    def discard(self, entry: E) -> None:
        """Take out an entry of this heap."""
        entry.heap = None
        self._void += 1
        self._drop_void()

    def first(self) -> tuple[Any, int, E] | None:
        """Return the place of the first entry: its key, its ticket, and the entry."""
        while self._void and not self._is_valid(self._places[0]):
            heapq.heappop(self._places)
            self._void -= 1
        return self._places[0] if self._places else None

    def pop(self) -> E:
        """Take out the first entry; there must be one."""
        self.first()
        entry = heapq.heappop(self._places)[2]
        entry.heap = None
        if self._void:
            self._drop_void()
        return entry

    def _drop_void(self) -> None:
        """Make the heap anew if void places are its greater part."""
        if self._void > len(self):
            self._places = [place for place in self._places if self._is_valid(place)]
            heapq.heapify(self._places)
            self._void = 0

    def _is_valid(self, place: tuple[Any, int, E]) -> bool:
        _, ticket, entry = place
        return entry.heap is self and entry.ticket == ticket
