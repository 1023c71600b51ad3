"""What is written in one commit: jobs as they stand, lines for event logs, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.model.stored import AddEvent, PutJob, SetStatus

from .filing import event_row, row_of, status_of

if TYPE_CHECKING:
    from jobactors.inside.latch import Latch
    from jobactors.model.events import Event
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.stored import Write

    from .clerk import Errand
    from .record import Record

MOST_EVENTS: Final = 10_000
"""Lines for event logs that wait while nothing can be written; the oldest are dropped."""


class Entry(Struct, eq=False):
    """One job in a batch."""

    record: Record
    snapshot: JobSnapshot
    """As the batch's last event has left it: a later one is the next batch's."""
    whole: bool
    """Whether all of it is written, and not only how it stands."""
    ended: bool = False
    """Whether its result is written."""
    new: bool = False
    """Whether it was never written before: if it cannot be now, it is refused."""
    kept: Latch | None = None
    """Set once it is written, or refused; made when somebody waits."""


class Batch:
    """What is written in one commit."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.errand: Errand[None]
        """Its writing, once it is handed over."""
        self.events: list[Event] = []
        self.others: dict[object, Write] = {}

    def __bool__(self) -> bool:
        return bool(self.entries or self.events or self.others)

    def writes(self) -> list[Write]:
        """The rows, made in the clerk's thread: what they are made of is frozen."""
        rows = [_write_of(entry) for entry in self.entries.values()]
        return [*rows, *(AddEvent(event_row(e)) for e in self.events), *self.others.values()]

    def take_over(self, earlier: Batch) -> None:
        """Add what an earlier batch could not write."""
        for job_id, entry in earlier.entries.items():
            mine = self.entries.setdefault(job_id, entry)
            mine.whole |= entry.whole
            mine.ended |= entry.ended
            mine.new |= entry.new
            if mine is not entry and entry.kept is not None:
                mine.kept = _both(entry.kept, mine.kept)
        self.events[:0] = earlier.events
        del self.events[: max(0, len(self.events) - MOST_EVENTS)]
        self.others = {**earlier.others, **self.others}


def _both(first: Latch, second: Latch | None) -> Latch:
    if second is not None:
        second.call_when_set(first.set)
        return second
    return first


def _write_of(entry: Entry) -> Write:
    snapshot, spec = entry.snapshot, entry.record.spec
    if entry.whole and spec is not None:
        return PutJob(row_of(snapshot, spec))
    status, result = status_of(snapshot, with_result=entry.ended)
    return SetStatus(
        snapshot.id,
        snapshot.state,
        snapshot.changed_at,
        snapshot.finished_at,
        snapshot.read,
        status,
        result,
    )
