"""The changes of one commit: snapshots of jobs, lines for event logs, checkpoints.

A batch is filled by the loop's thread, and read by the serial thread once it is handed over; from
then on the loop touches its latches alone, until its call has been made, or the batch ahead of it
has failed and it will not be read.

Everything in it is by the job's id, and a later change replaces an earlier one: a thousand reports
of one job are one row.  A batch that fails is laid *under* the one that gathers, by
:meth:`WriteBatch.take_over`, so that the newer state wins; only lines for event logs add up, and
are bounded by :data:`MOST_EVENTS`.

There is no object for a job in a batch: thousands of them would live as long as a commit takes, and
the garbage collector would go through them all.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from jobactors.model.stored_rows import (
    AddEvent,
    DeleteJobs,
    DropCheckpoints,
    PutCheckpoint,
    PutJob,
    SetStatus,
)

from .durable_latch import DurableLatch
from .row_codec import row_of, status_of
from .row_structs import column

if TYPE_CHECKING:
    from collections.abc import Collection

    from jobactors.engine.loop.serial_thread import SerialCall
    from jobactors.engine.records.record import Record
    from jobactors.model.errors import StoreError
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.stored_rows import Write

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
        self.is_urgent: bool = False
        """Whether it is handed over at once; without a waiter it gathers a little longer."""
        self.call: SerialCall[None]
        """Its writing, once it is handed over."""

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.events or self.others)

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
        self.others[key] = write

    def _leave_out_checkpoints(self, drop: DropCheckpoints) -> None:
        for key, write in list(self.others.items()):
            if (
                isinstance(write, PutCheckpoint)
                and (write.row.type, write.row.subject) == (drop.type, drop.subject)
                and drop.part in {None, write.row.part}
            ):
                del self.others[key]

    def writes(self) -> list[Write]:
        """Return the rows, made in the serial thread: the snapshots are frozen."""
        rows = [
            _put(snapshot, self.whole[job_id])
            if job_id in self.whole
            else _set(snapshot, with_result=job_id in self.ended)
            for job_id, snapshot in self.snapshots.items()
        ]
        return [*rows, *self.events, *self.others.values()]

    def take_over(self, earlier: WriteBatch) -> None:
        """Lay this batch over an earlier one that could not be written."""
        self.snapshots = {**earlier.snapshots, **self.snapshots}
        self.whole = {**earlier.whole, **self.whole}
        self.others = {**earlier.others, **self.others}
        self.is_urgent |= earlier.is_urgent
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

    def leave_out_events(self, job_ids: Collection[str]) -> None:
        """Leave the lines for the logs of these jobs out."""
        self.events = [event for event in self.events if event.row.job_id not in job_ids]

    def settle(self, trouble: StoreError | None = None) -> None:
        """Wake all waiters: the batch is written, or with ``trouble`` never will be."""
        for latch in self.latches.values():
            latch.trouble = trouble
            latch.set()


def _put(snapshot: JobSnapshot, record: Record) -> Write:
    submit = record.submit
    return _set(snapshot, with_result=True) if submit is None else PutJob(row_of(snapshot, submit))


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
