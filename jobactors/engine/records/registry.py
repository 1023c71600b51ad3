"""The live table of jobs: every unfinished one, and every finished one until it is read."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from jobactors.model.errors import IllegalVerb, UnknownJob
from jobactors.model.retention import Retention, size_of
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .record import Record


TAKEN: Final = "taken"
"""Why a job was removed whose outcome somebody took, which is reading."""
DELETED: Final = "deleted"
"""Why a job was removed that somebody wanted gone, from the store as well."""


class Removal(Struct, frozen=True):
    """A job the registry let go."""

    record: Record
    why: str
    unread: bool


class _EndOrder:
    """EndedJobs jobs in the order of their end, with their results' sizes and the sum of these."""

    def __init__(self) -> None:
        self.sizes: OrderedDict[str, int] = OrderedDict()
        self.total = 0

    def put(self, job_id: str, size: int) -> None:
        self.sizes[job_id] = size
        self.total += size

    def pop(self, job_id: str) -> int | None:
        size = self.sizes.pop(job_id, None)
        self.total -= size or 0
        return size


class Registry:
    """Holds records by id, in the order of submission, and knows which finished ones may go.

    Written by the loop's thread only, and only through :class:`~.system.System`, which says every
    removal on the bus.
    """

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self.pruned_unread: int = 0
        """How many finished jobs retention removed before anybody had read them."""
        self.pruned_failures: int = 0
        """How many of these had failed."""
        self._records: dict[str, Record] = {}
        self._look_at = math.inf
        """When the oldest finished job may be too old."""
        # EndedJobs jobs in the order of their end, unread and read apart.
        self._unread = _EndOrder()
        self._read = _EndOrder()

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._records

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records.values()))

    def __reversed__(self) -> Iterator[Record]:
        return iter(list(reversed(self._records.values())))

    def get(self, job_id: str) -> Record:
        """Return a job's record.

        Raises:
            UnknownJob: if there is none (any more).
        """
        try:
            return self._records[job_id]
        except (KeyError, TypeError):
            raise UnknownJob(job_id) from None

    def unread(self) -> list[Record]:
        """The finished jobs nobody has read, oldest end first."""
        return [self._records[job_id] for job_id in self._unread.sizes]

    def add(self, record: Record) -> None:
        """Take a new job in."""
        self._records[record.id] = record

    def finished(self, record: Record) -> None:
        """A job reached its terminal state."""
        outcome = record.snapshot.outcome
        ended_at = record.snapshot.finished_at
        if ended_at is not None:
            self._look_at = min(self._look_at, ended_at + self.retention.age)
        self._unread.put(record.id, 0 if outcome is None else size_of(outcome.value))

    def read(self, record: Record) -> bool:
        """Somebody read a finished job; returns whether that is news."""
        size = self._unread.pop(record.id)
        if size is None:
            return False
        self._read.put(record.id, size)
        return True

    def remove(self, job_id: str, why: str) -> Removal:
        """Let a finished job go.

        Raises:
            UnknownJob: if there is no such job.
            IllegalVerb: if it has not finished.
        """
        record = self.get(job_id)
        if not record.snapshot.state.is_terminal:
            raise IllegalVerb(job_id, record.snapshot.state, "remove", "cancel it first")
        removal = self._drop(job_id, why)
        return replace(removal, unread=removal.unread and why != TAKEN)

    def prune(self, now: float) -> list[Removal]:
        """Remove what retention does not keep; read jobs go before unread ones."""
        removals: list[Removal] = []
        read = self._read.sizes
        while len(read) > self.retention.read:
            removals.append(self._drop(next(iter(read)), "read"))
        if now < self._look_at and self._excess() is None:
            return removals  # which is what nearly every job's end comes to
        return removals + self._prune_unread(now)

    def _prune_unread(self, now: float) -> list[Removal]:
        rules, removals = self.retention, list[Removal]()
        while (why := self._excess()) is not None and (job_id := self._oldest()) is not None:
            removals.append(self._drop(job_id, why))
        for ended in (self._read, self._unread):
            while ended.sizes and self._is_old(oldest := next(iter(ended.sizes)), now):
                removals.append(self._drop(oldest, f"older than {rules.age:g} s"))
        self._look_at = self.next_expiry() or math.inf
        lost = [removal.record for removal in removals if removal.unread]
        self.pruned_unread += len(lost)
        self.pruned_failures += sum(r.snapshot.state is JobState.FAILED for r in lost)
        return removals

    def next_expiry(self) -> float | None:
        """When the oldest finished job will be too old; None if there is none."""
        ends = [
            self._records[next(iter(ended.sizes))].snapshot.finished_at
            for ended in (self._read, self._unread)
            if ended.sizes
        ]
        known = [end for end in ends if end is not None]
        return min(known) + self.retention.age if known else None

    def _oldest(self) -> str | None:
        for ended in (self._read, self._unread):
            if ended.sizes:
                return next(iter(ended.sizes))
        return None

    def _is_old(self, job_id: str, now: float) -> bool:
        finished_at = self._records[job_id].snapshot.finished_at
        return finished_at is not None and now - finished_at > self.retention.age

    def _excess(self) -> str | None:
        rules = self.retention
        if len(self._read.sizes) + len(self._unread.sizes) > rules.jobs:
            return f"more than {rules.jobs} finished jobs"
        if self._read.total + self._unread.total > rules.result_bytes:
            return f"results larger than {rules.result_bytes} bytes"
        return None

    def _drop(self, job_id: str, why: str) -> Removal:
        unread = self._unread.pop(job_id) is not None
        self._read.pop(job_id)
        return Removal(self._records.pop(job_id), why, unread)
