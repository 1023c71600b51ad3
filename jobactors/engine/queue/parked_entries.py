"""The entries that wait for a resource, by resource, in the order of their rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .entry_heap import EntryHeap

if TYPE_CHECKING:
    from collections.abc import Collection

    from .entry import Entry


class ParkedEntries:
    """Heaps of entries, one a resource that an entry waits for.  Written by the job queue only."""

    def __init__(self) -> None:
        self._heaps: dict[str, EntryHeap[Entry]] = {}
        self._woken: dict[str, dict[str, Entry]] = {}

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

    # -- looked at again

    def wake(self, entry: Entry) -> None:
        """Note that a parked entry will be looked at again, which may take until a slot is free."""
        if entry.parked is not None:
            self._woken.setdefault(entry.parked, {})[entry.id] = entry

    def woken(self, name: str) -> Collection[Entry]:
        """Return the entries that were parked with a resource and wait to be looked at again."""
        woken = self._woken.get(name)
        return woken.values() if woken else ()

    def take(self, entry: Entry) -> str | None:
        """Let an entry wait for no resource; returns the one it was parked with."""
        name, entry.parked = entry.parked, None
        woken = None if name is None else self._woken.get(name)
        if name is not None and woken and woken.pop(entry.id, None) and not woken:
            del self._woken[name]
        return name
