"""Ended jobs: finds, reads, removes and prunes them, in the registry and in the store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobactors.engine.records.registry import DELETED
from jobactors.model.errors import IllegalVerb, UnknownJob
from jobactors.model.events import JobRead, JobRemoved
from jobactors.model.states import JobState
from jobactors.model.stored_rows import DeleteJobs

from .metrics_table import MetricsTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record
    from jobactors.engine.records.registry import Removal
    from jobactors.model.events import Event
    from jobactors.model.snapshot import JobSnapshot

    from .parts import Parts


class EndedJobs:
    """The ended jobs of one system.  In the loop's thread only, unless stated otherwise.

    Args:
        parts: The parts of the system.
        emit: Makes an event true.
    """

    def __init__(self, parts: Parts, emit: Callable[[Record, Event], None]) -> None:
        self._registry = parts.registry
        self._journal = parts.journal
        self._bus = parts.bus
        self._clock = parts.clock
        self._timers = parts.timers
        self._emit = emit
        self.read_posted: Callable[[Record], None] = partial(parts.portal.step, self.read)
        """Marks a job as read in a step of its own; made once, as thousands may be read."""
        self._expiry: Timer | None = None
        """Due when the oldest ended job has become too old."""
        self.metrics: MetricsTable = MetricsTable(parts.clock.now, parts.journal, parts.timers)
        """Counts and times of the ended jobs."""

    def add(self, record: Record) -> None:
        """Take note of a job that has just ended.

        One that succeeded is read at once if a thread waits for its result.  A failure is read by
        its reader alone, which may be interrupted in this very moment, and never see it.
        """
        self._registry.finished(record)
        self.metrics.count(record)
        if record.is_awaited and record.snapshot.state is JobState.SUCCEEDED:
            self.read(record)

    # -- looking

    def find_anywhere(self, job_id: str) -> Record | None:
        """Return a job's record, from the store if the registry has dropped it, or None."""
        if job_id in self._registry:
            return self._registry.get(job_id)
        return self.find_stored(job_id)

    def find_stored(self, job_id: str) -> Record | None:
        """Return the record of an ended job that only the store holds; from any thread."""
        if self._journal is None or not isinstance(job_id, str):
            return None
        from jobactors.engine.storage.stored_jobs import records_from  # loaded by the journal

        for record in records_from(self._journal.read(lambda store: store.get((job_id,)))):
            if record.snapshot.state.is_terminal:
                record.settled.set()
                return record
        return None

    def forget(self, job_ids: tuple[str, ...]) -> None:
        """Drop ended jobs from the store."""
        if self._journal is not None and job_ids:
            self._journal.write(DeleteJobs(job_ids))

    # -- reading and removing

    def read(self, record: Record) -> None:
        """Mark an ended job as read."""
        if record.snapshot.state.is_terminal and self._registry.read(record):
            now = self._clock.now()
            self._emit(record, JobRead(record.id, now))
            removals = self._registry.prune_read()  # nothing has become older, or larger
            if self._bus.is_heard:
                for removal in removals:
                    self._publish(removal, now)

    def remove(self, job_id: str, why: str) -> Record:
        """Drop an ended job from the registry, and a deleted one from the store as well.

        Raises:
            UnknownJob: if it is not there.
            IllegalVerb: if it is not finished.
        """
        removal = self._registry.remove(job_id, why)
        self._publish(removal, self._clock.now())
        if why == DELETED:
            self.forget((removal.record.id,))
        return removal.record

    def delete(self, record: Record) -> None:
        """Forget an ended job, in the registry and in the store.

        Raises:
            IllegalVerb: if it is unfinished, or an unfinished job comes after it.
            UnknownJob: if it has been removed already.
        """
        state = record.snapshot.state
        for other in self._registry:
            if record.id in _needs(other):
                raise IllegalVerb(record.id, state, "delete", f"{other.id} comes after it")
        if record.id in self._registry:
            self.remove(record.id, DELETED)
        elif state.is_terminal and self.find_stored(record.id) is not None:
            self.forget((record.id,))
        else:
            raise UnknownJob(record.id)

    def clear(self, stored: list[str], wanted: Callable[[JobSnapshot], bool], until: float) -> int:
        """Forget all ended jobs that match, but for those that unfinished jobs come after.

        Jobs of the registry are judged as they stand now, not as they stood when they were read.

        Args:
            stored: The ids of those that match in the store.
            wanted: Whether one in the registry matches.
            until: Only jobs that had ended by then, in seconds since the epoch.

        Returns:
            The number of jobs that were forgotten.
        """
        here, needed = list[str](), set[str]()
        for record in self._registry:
            needed.update(_needs(record))
            if wanted(record.snapshot) and (record.snapshot.finished_at or 0) <= until:
                here.append(record.id)
        elsewhere = [i for i in stored if i not in needed and i not in self._registry]
        going = [job_id for job_id in here if job_id not in needed]
        for job_id in going:
            self.remove(job_id, DELETED)
        self.forget(tuple(elsewhere))
        return len(going) + len(elsewhere)

    def prune(self, now: float) -> None:
        """Drop what retention does not hold, now and when more has become too old."""
        for removal in self._registry.prune(now):
            self._publish(removal, now)
        if self._expiry is not None and self._expiry.call is not None:
            if self._expiry.at <= self._registry.look_at + 1.0:
                return
            self._expiry.cancel()  # of a type that stays less long than those before it
        expiry = self._registry.next_expiry()
        if expiry is not None:
            # A little later than due, so that many that end together go together.
            self._expiry = self._timers.set(max(expiry, now) + 1.0, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self.prune(self._clock.now())

    def _publish(self, removal: Removal, now: float) -> None:
        if self._bus.is_heard:
            self._bus.publish(JobRemoved(removal.record.id, now, removal.why, removal.unread))


def _needs(record: Record) -> Sequence[str]:
    """Return the ids of the jobs that an unfinished one comes after; it may rest unrevived."""
    if record.edges:
        return list(record.edges)
    submit = record.submit
    if submit is None or not submit.after or record.snapshot.state.is_terminal:
        return ()
    return [job_id for job_id, _ in submit.after]
