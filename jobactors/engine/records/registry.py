"""The live table of jobs: every unfinished one, and every finished one until it is read.

Finished jobs leave by retention: read ones before unread ones, the oldest end first, by number, by
the size of their results, and by age.  Two ordered tables of ids, unread and read, stand beside the
records, so that every decision looks at the first entry alone.  A third one has those jobs whose
calls are large: see :mod:`.held_memory`.  These are there for a restart alone: they go before any
job does, and when the result of their job is read.  Rejected: one table sorted by end,
in which the oldest read job must be searched for, and a timer for each job, of which ten thousand
would wait for a week.

The ends of jobs call :meth:`Registry.prune` by the thousand, and nearly all of them find nothing to
do.  The time of the next expiry is therefore remembered, and the sizes of results are summed up as
they come and go.

The registry publishes nothing: it returns what it has removed, and
:class:`~jobactors.engine.system.ended_jobs.EndedJobs` makes events of that.  All of it is written
by the loop's thread.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import partial
from itertools import islice, takewhile
from types import FunctionType
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from jobactors.model.errors import IllegalVerb, UnknownJob
from jobactors.model.retention import Retention
from jobactors.model.states import JobState

from .batch_tally import BatchTallies
from .held_memory import SMALL, let_go, size_of_call, size_of_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .record import Record


TAKEN: Final = "taken"
"""The reason of a removal by ``take``, which also reads the outcome."""
DELETED: Final = "deleted"
"""The reason of a removal by ``delete``, which covers the store as well."""


class Removal(Struct, frozen=True):
    """A job that was removed from the registry."""

    record: Record
    why: str
    unread: bool
    is_failure: bool
    """Whether it had failed in this process, unread."""


def _plain(job_id: object) -> str:
    """Return the text of an id that is of a class of its own.

    Raises:
        UnknownJob: for what is no text.
    """
    if issubclass(type(job_id), str):
        return str.__str__(cast("str", job_id))
    raise UnknownJob(f"(found by its id, a text, not by {type(job_id).__name__})")


class _EndOrder:
    """Finished jobs in the order of their ends, with the sizes of their results and the sum."""

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
    """Holds records by id, in the order of submission, and decides which finished ones are removed.

    Written by the loop's thread only.
    """

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self.pruned_unread: int = 0
        """The number of finished jobs that retention removed unread."""
        self.pruned_failures: int = 0
        """The number of failed jobs of this process among them."""
        self._inherited: set[str] = set()
        """The jobs that had ended before this registry was made, in an earlier process."""
        self._records: dict[str, Record] = {}
        self.batches: BatchTallies = BatchTallies()
        """The counts of the batches whose jobs it has, or has had."""
        self.look_at: float = math.inf
        """The time before which no finished job is too old, in seconds since the epoch."""
        self._unread = _EndOrder()
        self._read = _EndOrder()
        self._calls = _EndOrder()

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
        if type(job_id) is not str:  # its hash would be code of the user
            job_id = _plain(job_id)
        try:
            return self._records[job_id]
        except KeyError:
            raise UnknownJob(job_id) from None

    def unread(self) -> list[Record]:
        """Return the finished jobs that are unread, oldest end first."""
        return [self._records[job_id] for job_id in self._unread.sizes]

    def unread_failures(self) -> list[Record]:
        """Return the failed jobs that are unread and have ended in this process."""
        failed = (record for record in self.unread() if record.snapshot.state is JobState.FAILED)
        own = (record for record in failed if record.id not in self._inherited)
        # A schedule's failures were logged as they came: it may run for months.
        return [record for record in own if not record.snapshot.info.schedule]

    def add(self, record: Record) -> None:
        """Add a new job."""
        self._records[record.id] = record
        if record.snapshot.info.batch:
            self.batches.add(record)

    def inherit(self, record: Record) -> None:
        """Add a job that has ended in an earlier process, which has reported its failure."""
        self._inherited.add(record.id)
        self.finished(record)
        if record.snapshot.read:
            self.read(record)

    def finished(self, record: Record) -> None:
        """Add a job that has reached its terminal state to the unread ones."""
        outcome = record.snapshot.outcome
        ended_at = record.snapshot.finished_at
        if ended_at is not None:
            self.look_at = min(self.look_at, ended_at + self._age_of(record))
        # At nearly every job's end both are nothing, which costs no call.
        metadata, log = record.snapshot.info.metadata, record.log
        size = 0
        if (
            metadata
            or log is not None
            or (outcome and (outcome.value is not None or outcome.exception is not None))
        ):
            size = size_of_end(outcome, metadata, log)
        self._unread.put(record.id, size)
        function = record.function
        if (
            record.args
            or record.kwargs
            or type(function) is not FunctionType
            or function.__closure__
            or function.__defaults__
            or function.__kwdefaults__
            or record.options.on_done is not None
        ):
            size = size_of_call(record)
            if size > SMALL:
                self._calls.put(record.id, size)

    def read(self, record: Record) -> bool:
        """Mark a finished job as read; returns whether it was unread."""
        size = self._unread.pop(record.id)
        if size is None:
            return False
        self._read.put(record.id, size)
        # One that has failed may be restarted.
        if self._calls.sizes and record.snapshot.state is JobState.SUCCEEDED:
            self._drop_call(record.id)
        return True

    def remove(self, job_id: str, why: str) -> Removal:
        """Remove a finished job.

        Raises:
            UnknownJob: if there is no such job.
            IllegalVerb: if it has not finished.
        """
        record = self.get(job_id)
        if not record.snapshot.state.is_terminal:
            raise IllegalVerb(record.id, record.snapshot.state, "remove", "cancel it first")
        removal = self._drop(record.id, why)
        return replace(removal, unread=removal.unread and why != TAKEN)

    def prune(self, now: float) -> list[Removal]:
        """Remove the jobs that exceed retention, read ones before unread ones."""
        removals = self.prune_read() if len(self._read.sizes) > self.retention.read else []
        if now < self.look_at and self._excess() is None:
            return removals  # the case at nearly every job's end
        return removals + self._prune_unread(now)

    def prune_read(self) -> list[Removal]:
        """Remove the read jobs that exceed retention by their number."""
        removals: list[Removal] = []
        read = self._read.sizes
        while len(read) > self.retention.read:
            removals.append(self._drop(next(iter(read)), "read"))
        return removals

    def _prune_unread(self, now: float) -> list[Removal]:
        rules, removals = self.retention, list[Removal]()
        while self._calls.sizes and self._size > rules.result_bytes:
            self._drop_call(next(iter(self._calls.sizes)))
        while (why := self._excess()) is not None and (job_id := self._oldest()) is not None:
            removals.append(self._drop(job_id, why))
        for ended in (self._read, self._unread):
            for job_id in self._old(ended, now):
                age = self._age_of(self._records[job_id])
                removals.append(self._drop(job_id, f"older than {age:g} s"))
        self.look_at = self.next_expiry() or math.inf
        lost = [removal.record for removal in removals if removal.unread]
        self.pruned_unread += len(lost)
        self.pruned_failures += sum(removal.is_failure for removal in removals)
        return removals

    def next_expiry(self) -> float | None:
        """Return the time at which the oldest finished job is too old; None if there is none."""
        expiries = [
            ended_at + self._age_of(record)
            for ended in (self._read, self._unread)
            for job_id in self._first_to_expire(ended)
            if (ended_at := (record := self._records[job_id]).snapshot.finished_at) is not None
        ]
        return min(expiries, default=None)

    def _first_to_expire(self, ended: _EndOrder) -> Iterable[str]:
        """Return the job that ended first; all, if their ages differ by type."""
        return ended.sizes if self.retention.by_type else islice(ended.sizes, 1)

    def _old(self, ended: _EndOrder, now: float) -> list[str]:
        """Return the jobs that are too old; they ended before all others unless ages differ."""
        is_old = partial(self._is_old, now=now)
        return list((filter if self.retention.by_type else takewhile)(is_old, ended.sizes))

    def _oldest(self) -> str | None:
        for ended in (self._read, self._unread):
            if ended.sizes:
                return next(iter(ended.sizes))
        return None

    def _is_old(self, job_id: str, now: float) -> bool:
        record = self._records[job_id]
        finished_at = record.snapshot.finished_at
        return finished_at is not None and now - finished_at > self._age_of(record)

    def _age_of(self, record: Record) -> float:
        rules = self.retention
        return rules._age_of(record.snapshot.info.type) if rules.by_type else rules.age

    def _excess(self) -> str | None:
        rules = self.retention
        read, unread = self._read, self._unread
        if len(read.sizes) + len(unread.sizes) > rules.jobs:
            return f"more than {rules.jobs} finished jobs"
        if read.total + unread.total + self._calls.total > rules.result_bytes:
            return f"results larger than {rules.result_bytes} bytes"
        return None

    @property
    def _size(self) -> int:
        """Bytes of the ends and the large calls of finished jobs."""
        return self._read.total + self._unread.total + self._calls.total

    def _drop_call(self, job_id: str) -> None:
        if self._calls.pop(job_id) is not None:
            let_go(self._records[job_id])

    def _drop(self, job_id: str, why: str) -> Removal:
        unread = self._unread.pop(job_id) is not None
        if not unread:
            self._read.pop(job_id)
        if self._calls.sizes:
            self._drop_call(job_id)  # the user may hold a handle for long
        record = self._records.pop(job_id)
        if record.snapshot.info.batch:
            self.batches.forget(record)
        failed = unread and record.snapshot.state is JobState.FAILED
        is_failure = failed and job_id not in self._inherited and not record.snapshot.info.schedule
        self._inherited.discard(job_id)
        return Removal(record, why, unread, is_failure)
