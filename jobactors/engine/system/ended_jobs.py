"""What becomes of jobs that have ended: found, read, removed, pruned, here and in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.records.registry import DELETED
from jobactors.engine.storage.stored_jobs import records_from
from jobactors.model.events import JobRead, JobRemoved
from jobactors.model.stored_rows import DeleteJobs

if TYPE_CHECKING:
    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record
    from jobactors.engine.records.registry import Removal

    from .core import System


class EndedJobs:
    """The ended jobs of one system.  In the loop's thread only, unless said otherwise."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._expiry: Timer | None = None
        """Rings when the oldest one has become too old."""

    # -- looking

    def find_anywhere(self, job_id: str) -> Record | None:
        """Return a job's record, from the store if it is no longer here; None if it is nowhere."""
        return self._system.find(job_id) or self.find_kept(job_id)

    def find_kept(self, job_id: str) -> Record | None:
        """Return the record of an ended job that only the store knows; from any thread."""
        if self._system.journal is None or not isinstance(job_id, str):
            return None
        for record in records_from(self._system.journal.read(lambda store: store.get((job_id,)))):
            if record.snapshot.state.is_terminal:
                record.settled.set()
                return record
        return None

    def forget(self, job_ids: tuple[str, ...]) -> None:
        """Let ended jobs go from the store."""
        if self._system.journal is not None and job_ids:
            self._system.journal.write(DeleteJobs(job_ids))

    # -- reading and removing

    def read(self, record: Record) -> None:
        """Somebody has read a finished job."""
        if record.snapshot.state.is_terminal and self._system.registry.read(record):
            now = self._system.clock.now()
            self._system.emit(record, JobRead(record.id, now))
            self.prune(now)

    def remove(self, job_id: str, why: str) -> Record:
        """Let a finished job go.

        Raises:
            UnknownJob, IllegalVerb: if it is not there, or not finished.
        """
        removal = self._system.registry.remove(job_id, why)
        self._removed(removal, self._system.clock.now())
        if self._system.journal is not None and why == DELETED:
            self._system.journal.write(DeleteJobs((job_id,)))
        return removal.record

    def prune(self, now: float) -> None:
        """Let go of what retention does not keep, now and when more has become too old."""
        for removal in self._system.registry.prune(now):
            self._removed(removal, now)
        if self._expiry is not None and self._expiry.call is not None:
            return
        expiry = self._system.registry.next_expiry()
        if expiry is not None:
            # A little later than due, so that many that end together go together.
            self._expiry = self._system.timers.set(max(expiry, now) + 1.0, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self.prune(self._system.clock.now())

    def _removed(self, removal: Removal, now: float) -> None:
        event = JobRemoved(removal.record.id, now, removal.why, removal.unread)
        self._system.bus.publish(event)
