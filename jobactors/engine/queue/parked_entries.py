"""The entries that wait for a resource, by resource, in the order of their rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .entry_heap import EntryHeap

if TYPE_CHECKING:
    from .entry import Entry


class ParkedEntries:
    """Heaps of entries, one a resource that an entry waits for.  Written by the job queue only."""

    def __init__(self) -> None:
        self._heaps: dict[str, EntryHeap[Entry]] = {}

    def __bool__(self) -> bool:
        return bool(self._heaps)

    def add(self, name: str, entry: Entry) -> None:
        """Let an entry wait for a resource, behind those of a smaller rank."""
        entry.parked, entry.overtakes = name, False
        heap = self._heaps.setdefault(name, EntryHeap())
        entry.ahead = len(heap)
        heap.push(entry.rank, entry)

    def first(self, name: str) -> Entry | None:
        """Return the first entry that waits for a resource; None if none does."""
        heap = self._heaps.get(name)
        first = None if heap is None else heap.first()
        if first is not None:
            return first[2]
        self._heaps.pop(name, None)
        return None
