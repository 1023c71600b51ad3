"""The changes of one commit: snapshots of jobs, lines for event logs, checkpoints.

A batch is filled by the loop's thread, and read by the serial thread once it is handed over (or by
the loop's own, if it is small); from then on the loop touches its latches alone, until its call has
been made, or the batch ahead of it has failed and it will not be read.

Everything in it is by the job's id, and a later change replaces an earlier one: a thousand reports
of one job are one row.  A batch that fails is laid *under* the one that gathers, by
:meth:`WriteBatch.take_over`, so that the newer state wins; only lines for event logs add up, and
are bounded by :data:`MOST_EVENTS`.

There is no object for a job in a batch: thousands of them would live as long as a commit takes, and
the garbage collector would go through them all.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, TypeGuard

from msgspec.structs import replace

from jobactors.engine.ports.store import ValueRefused
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import StoreError
from jobactors.model.stored_rows import (
    AddEvent,
    AddOccurrence,
    DeleteJobs,
    DropCheckpoints,
    DropDocument,
    DropOccurrences,
    PutCheckpoint,
    PutDocument,
    PutJob,
    SetStatus,
    column,
)

from .durable_latch import DurableLatch
from .event_lines import left_out_row
from .plain_rows import plainer, plainer_submit
from .row_codec import row_of, status_of
from .small_values import MOST_SIGNS, are_small

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from jobactors.engine.loop.serial_thread import SerialCall
    from jobactors.engine.ports.store import QuickStore, Store
    from jobactors.engine.records.record import Record
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.stored_rows import OccurrenceRow, Write

MOST_EVENTS: Final = 10_000
"""Lines for event logs that wait while nothing can be written; the oldest are dropped."""


class WriteBatch:
    """The changes of one commit.  Written by the loop's thread, until it is handed over."""

    def __init__(self) -> None:
        self.snapshots: dict[str, JobSnapshot] = {}
        """Each job as the batch's last event has left it: a later state is the next batch's."""
        self.whole: dict[str, Record] = {}
        """The jobs of which the whole row is written, and not the status alone."""
        self.new: set[str] = set()
        """Those of them that were never written: if this batch fails, they are refused."""
        self.ended: set[str] = set()
        """The jobs whose results are written."""
        self.latches: dict[str, DurableLatch] = {}
        """Set once a job is written, or refused; made for its first waiter."""
        self.events: list[AddEvent] = []
        """The lines for event logs, in order."""
        self.others: dict[object, Write] = {}
        """Checkpoints by key, and writes without a key by themselves, in order."""
        self.due: float = inf
        """When it is handed over, in seconds since the epoch; 0 for at once."""
        self.call: SerialCall[bool]
        """Its writing, once it is handed over."""
        self.seconds: float | None = None
        """How long its writing took in the serial thread, which writes this."""
        self.left_out: dict[str, str] = {}
        """By job, what of it could not be stored.  Written by the serial thread."""
        self.unstorable: set[str] = set()
        """The jobs of which no row at all could be stored.  Written by the serial thread."""
        self._plain: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.events or self.others)

    @property
    def changes(self) -> int:
        """The number of its rows."""
        return len(self.snapshots) + len(self.events) + len(self.others)

    @property
    def is_small(self) -> bool:
        """Whether each of its rows is made in no time."""
        submits = [record.submit for record in self.whole.values()]
        return (
            not self.others
            and all(submit is None or len(submit.arguments) < MOST_SIGNS for submit in submits)
            and all(map(_is_small, self.snapshots.values()))
        )

    def latch(self, job_id: str, home: int) -> DurableLatch:
        """Return the latch that is set once a job is written, or refused.

        Args:
            job_id: A job of this batch.
            home: The loop's thread.
        """
        latch = self.latches.get(job_id)
        if latch is None:
            latch = self.latches[job_id] = DurableLatch(home)
        return latch

    def add(self, write: Write) -> None:
        """Add a change beside the jobs; a later one of the same key replaces it."""
        key: object = write
        if isinstance(write, PutCheckpoint):
            row = write.row
            row = replace(row, type=column(row.type), subject=column(row.subject))
            write = PutCheckpoint(row)
            key = (row.type, row.subject, row.part)
            # To the end of the order: a drop that waits was made first, and is written first.
            self.others.pop(key, None)
        elif isinstance(write, DropCheckpoints):
            write = DropCheckpoints(column(write.type), column(write.subject), write.part)
            self._leave_out_checkpoints(write)
        elif isinstance(write, DeleteJobs):
            self.leave_out(write.ids)
        elif isinstance(write, PutDocument | DropDocument):
            named = write.row if isinstance(write, PutDocument) else write
            key = ("document", named.kind, named.name)
            self.others.pop(key, None)
        elif isinstance(write, DropOccurrences):
            self._leave_out_occurrences(lambda row: row.schedule == write.schedule)
        self.others[key] = write

    def _leave_out_occurrences(self, goes: Callable[[OccurrenceRow], bool]) -> None:
        for key, write in list(self.others.items()):
            if isinstance(write, AddOccurrence) and goes(write.row):
                del self.others[key]

    def _leave_out_checkpoints(self, drop: DropCheckpoints) -> None:
        for key, write in list(self.others.items()):
            if (
                isinstance(write, PutCheckpoint)
                and (write.row.type, write.row.subject) == (drop.type, drop.subject)
                and drop.part in {None, write.row.part}
            ):
                del self.others[key]

    def write_into(self, store: Store) -> None:
        """Write it, in the serial thread: the snapshots are frozen.

        A value that cannot be stored affects its own job alone, which gets a plainer row, or none,
        and is named in ``left_out``.

        Raises:
            StoreError: if the store cannot be written.
        """
        self.left_out, self.unstorable, self._plain = {}, set(), set()
        writes = self.writes()
        while writes:
            try:
                store.apply(writes)
            except ValueRefused as exc:
                if not exc.which:
                    raise
                writes = list(self._without(writes, exc))
            except StoreError:
                raise
            except Exception:  # the store's own fault, at one of the writes
                LOG.exception(
                    "%s has failed at a batch of changes, which are tried apart", store.name
                )
                self._write_apart(store, writes)
                return
            else:
                return

    def write_now(self, store: QuickStore) -> bool:
        """Write it, in the loop's thread, if nothing stands in its way.

        Returns:
            Whether it is written; if not, nothing of it is, and the serial thread finds out why.
        """
        try:
            return store.apply_now(self._rows())
        except Exception:  # a value of the user's, say, which JSON cannot hold
            return False

    def _rows(self) -> list[Write]:
        jobs = [self._put_or_set(job_id, snapshot) for job_id, snapshot in self.snapshots.items()]
        return [*jobs, *self.events, *self.others.values()]

    def _without(self, writes: Sequence[Write], refusal: ValueRefused) -> Iterator[Write]:
        refused = frozenset(refusal.which)
        doubles = {write.row.job_id for write in map(writes.__getitem__, refused) if _adds(write)}
        for job_id in doubles & self.new:
            self.left_out[job_id] = refusal.why
            self.unstorable.add(job_id)
        for place, write in enumerate(writes):
            if isinstance(write, PutJob) and write.row.id in doubles:
                continue
            if place not in refused:
                yield write
            else:
                yield from self._instead_of(write, refusal.why)

    def _write_apart(self, store: Store, writes: Sequence[Write]) -> None:
        for write in writes:
            try:
                store.apply([write])
            except StoreError:
                raise
            except Exception as exc:  # as above
                list(self._instead_of(write, f"{type(exc).__name__}: {exc}"))

    def writes(self) -> list[Write]:
        """Return the rows."""
        writes: list[Write] = []
        for job_id, snapshot in self.snapshots.items():
            try:
                writes.append(self._put_or_set(job_id, snapshot))
            except Exception as exc:  # a value of the user's, which JSON cannot hold
                writes += self._plain_row(job_id, f"{type(exc).__name__}: {exc}")
        return [*writes, *self.events, *self.others.values()]

    def _put_or_set(self, job_id: str, snapshot: JobSnapshot, why: str = "") -> Write:
        record = self.whole.get(job_id)
        submit = None if record is None else record.submit
        if submit is None:
            return _set(snapshot, with_result=record is not None or job_id in self.ended)
        return PutJob(row_of(snapshot, plainer_submit(submit, why) if why else submit))

    def _plain_row(self, job_id: str, why: str) -> Iterator[Write]:
        """Return a plainer row for a job whose own one cannot be stored, and a line about it."""
        snapshot = self.snapshots[job_id]
        self.left_out[job_id] = why
        self._plain.add(job_id)
        try:
            yield self._put_or_set(job_id, plainer(snapshot), why)
        except Exception:  # whatever it is, the other jobs are written
            self.unstorable.add(job_id)
        else:
            yield AddEvent(left_out_row(job_id, snapshot.changed_at, why))

    def _instead_of(self, write: Write, why: str) -> Iterator[Write]:
        """Return the writes in the place of one that the store has refused."""
        if isinstance(write, PutJob | SetStatus):
            job_id = write.row.id if isinstance(write, PutJob) else write.id
            if job_id in self._plain:  # the plainer one is refused as well
                self.unstorable.add(job_id)
            else:
                yield from self._plain_row(job_id, why)
        elif isinstance(write, PutCheckpoint):
            row = write.row
            self.left_out.setdefault(row.job_id, f"its checkpoint: {why}")
            yield AddEvent(left_out_row(row.job_id, row.saved_at, self.left_out[row.job_id]))

    def take_over(self, earlier: WriteBatch) -> None:
        """Lay this batch over an earlier one that could not be written."""
        self.snapshots = {**earlier.snapshots, **self.snapshots}
        self.whole = {**earlier.whole, **self.whole}
        self.others = {**earlier.others, **self.others}
        self.due = min(self.due, earlier.due)
        self.new |= earlier.new
        self.ended |= earlier.ended
        self.events[:0] = earlier.events
        del self.events[: max(0, len(self.events) - MOST_EVENTS)]
        for job_id, latch in earlier.latches.items():
            mine = self.latches.setdefault(job_id, latch)
            if mine is not latch:
                mine.call_when_set(partial(latch.set_like, mine))

    def leave_out(self, job_ids: Collection[str]) -> None:
        """Leave the state of these jobs out, and wake their waiters."""
        for job_id in job_ids:
            self.snapshots.pop(job_id, None)
            self.whole.pop(job_id, None)
            self.new.discard(job_id)
            self.ended.discard(job_id)
            latch = self.latches.pop(job_id, None)
            if latch is not None:
                latch.set()
        self._leave_out_occurrences(lambda row: row.job_id in job_ids)

    def leave_out_events(self, job_ids: Collection[str]) -> None:
        """Leave the lines for the logs of these jobs out."""
        self.events = [event for event in self.events if event.row.job_id not in job_ids]

    def settle(self, trouble: StoreError | None = None) -> None:
        """Wake all waiters: the batch is written, or with ``trouble`` never will be."""
        for latch in self.latches.values():
            latch.trouble = trouble
            latch.set()


def _adds(write: Write) -> TypeGuard[AddOccurrence]:
    """Whether a write adds an occurrence; one that is refused was submitted before."""
    return isinstance(write, AddOccurrence)


def _is_small(snapshot: JobSnapshot) -> bool:
    outcome, metadata = snapshot.outcome, snapshot.info.metadata
    return (outcome is None or outcome.value is None or are_small([outcome.value])) and (
        not metadata or are_small([*metadata, *metadata.values()])
    )


def _set(snapshot: JobSnapshot, *, with_result: bool) -> SetStatus:
    status, result = status_of(snapshot, with_result=with_result)
    return SetStatus(
        snapshot.info.id,
        snapshot.state,
        snapshot.changed_at,
        snapshot.finished_at,
        snapshot.read,
        status,
        result,
    )
