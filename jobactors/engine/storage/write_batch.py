"""What is written in one commit: jobs as they stand, lines for event logs, checkpoints."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from jobactors.model.stored_rows import AddEvent, PutJob, SetStatus

from .durable_latch import DurableLatch
from .row_encoder import row_of, status_of

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
    """What is written in one commit.  Written by the loop's thread, until it is handed over.

    Everything is by the job's id.  There is no object for a job in a batch: thousands of them
    would live as long as a commit takes, and the garbage collector would go through them all.
    """

    def __init__(self) -> None:
        self.snapshots: dict[str, JobSnapshot] = {}
        """Each job as the batch's last event has left it: a later state is the next batch's."""
        self.whole: dict[str, Record] = {}
        """The jobs of which all is written, and not only how they stand."""
        self.new: set[str] = set()
        """Those of them that were never written: if they cannot be now, they are refused."""
        self.ended: set[str] = set()
        """The jobs whose results are written."""
        self.kept: dict[str, DurableLatch] = {}
        """Set once a job is written, or refused; made when somebody waits for that."""
        self.events: list[AddEvent] = []
        self.others: dict[object, Write] = {}
        self.is_urgent: bool = False
        """Whether it is handed over as soon as may be, and not a little later."""
        self.call: SerialCall[None]
        """Its writing, once it is handed over."""

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.events or self.others)

    def latch(self, job_id: str, home: int) -> DurableLatch:
        """What is set once a job of it is written, or refused; ``home`` is the loop's thread."""
        kept = self.kept.get(job_id)
        if kept is None:
            kept = self.kept[job_id] = DurableLatch(home)
        return kept

    def writes(self) -> list[Write]:
        """The rows, made in the calls's thread: what they are made of is frozen."""
        rows = [
            _put(snapshot, self.whole[job_id])
            if job_id in self.whole
            else _set(snapshot, with_result=job_id in self.ended)
            for job_id, snapshot in self.snapshots.items()
        ]
        return [*rows, *self.events, *self.others.values()]

    def take_over(self, earlier: WriteBatch) -> None:
        """Add what an earlier batch could not write."""
        self.snapshots = {**earlier.snapshots, **self.snapshots}
        self.whole = {**earlier.whole, **self.whole}
        self.others = {**earlier.others, **self.others}
        self.is_urgent |= earlier.is_urgent
        self.new |= earlier.new
        self.ended |= earlier.ended
        self.events[:0] = earlier.events
        del self.events[: max(0, len(self.events) - MOST_EVENTS)]
        for job_id, kept in earlier.kept.items():
            mine = self.kept.setdefault(job_id, kept)
            if mine is not kept:
                mine.call_when_set(partial(kept.set_like, mine))

    def leave_out(self, job_ids: Collection[str]) -> None:
        """Write nothing of how these jobs stand; nobody waits for that any more."""
        for job_id in job_ids:
            self.snapshots.pop(job_id, None)
            self.whole.pop(job_id, None)
            self.new.discard(job_id)
            self.ended.discard(job_id)
            kept = self.kept.pop(job_id, None)
            if kept is not None:
                kept.set()

    def leave_out_events(self, job_ids: Collection[str]) -> None:
        """Write no lines for the logs of these jobs."""
        self.events = [event for event in self.events if event.row.job_id not in job_ids]

    def let_go(self, trouble: StoreError | None = None) -> None:
        """It is written, or never will be because of this trouble: nobody waits any more."""
        for kept in self.kept.values():
            kept.trouble = trouble
            kept.set()


def _put(snapshot: JobSnapshot, record: Record) -> Write:
    spec = record.submit
    return _set(snapshot, with_result=True) if spec is None else PutJob(row_of(snapshot, spec))


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
