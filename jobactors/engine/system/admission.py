"""How a job comes in: it is checked, kept, told of, and put into the job queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.errors import CheckpointFound, JobsClosed, ResourceBusy
from jobactors.model.events import JobFinished
from jobactors.model.fold import fold
from jobactors.model.outcome import ErrorText, Outcome
from jobactors.model.states import JobState, Waiting

from .unique_keys import same_job

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record
    from jobactors.inside.signals.latch import Latch
    from jobactors.model.errors import StoreError
    from jobactors.model.events import JobRequeued

    from .core import System


class Admission:
    """Takes jobs into one system, new ones and those that rested.  In the loop's thread only."""

    def __init__(self, system: System) -> None:
        self._system = system

    def accept(self, record: Record) -> Record:
        """Take a job in; returns it, or the unfinished job that has its key.

        Raises:
            JobsClosed: when no more jobs are taken.
            StoreError: if it could not be kept.
            DuplicateJob: as ``on_duplicate`` says.
            TooMuch, ResourceBusy: for resources it can never have, or does not want to wait for.
        """
        self.check_open()
        info, options = record.snapshot.info, record.options
        existing = self._system.keys.owner(info.key)
        if existing is not None and options.on_duplicate != "replace":
            return self._same_job(existing, record)
        if options.resources:
            self._check_resources(record)  # before anything is replaced by what cannot be taken
        self._system.checkpoints.check(record)
        if existing is not None:
            self._system.cancel(existing, "replaced by a later submit with the same key")
        self._system.keys.take(record)
        taken_over = self._system.checkpoints.claim(record)
        self._system.registry.add(record)
        if self._system.journal is not None:
            self._system.journal.add(record)
        self._system.bus.publish(record.queued)
        del record.queued  # all that it said is in the snapshot
        for job_id in taken_over:
            self._end_interrupted(job_id, f"its work goes on as {record.id}")
        if not record.runner.takes_slot:
            self._system.at_work[record.id] = record
            self._system.start(record, self._system.clock.now())
            return record
        if options.start_deadline is not None:
            self._set_start_deadline(record, options.start_deadline)
        self._put_into_room(record, held=options.hold, due=options.start_at)
        return record

    def _end_interrupted(self, job_id: str, reason: str) -> None:
        """Resumed later, it would begin anew beside whoever has its checkpoint now."""
        earlier = self._system.find(job_id)
        if earlier is not None and earlier.snapshot.state is JobState.INTERRUPTED:
            self._system.cancel(earlier, reason)

    def check_open(self) -> None:
        """Raise unless a job could be taken in now.

        Raises:
            JobsClosed: when no more are taken.
            StoreError: when it could not be kept.
        """
        if not self._system.accepts:
            raise JobsClosed
        if self._system.journal is not None:
            self._system.journal.check()

    def _same_job(self, existing: Record, record: Record) -> Record:
        """Return the unfinished job that has the key; one that rests goes on."""
        if existing.snapshot.state is JobState.INTERRUPTED:
            self._system.recovery.revive(existing)
        same = same_job(existing, record)
        if same.snapshot.state is JobState.INTERRUPTED:
            self._system.recovery.resume(same)
        return same

    def take_in_again(self, record: Record, event: JobRequeued, due: float | None) -> None:
        """Bring a job from rest back into the job queue."""
        self.check_open()
        self._system.emit(record, event)
        self._put_into_room(
            record,
            held=event.waiting is Waiting.HOLD,
            due=due,
            why_due=Waiting.RETRY if event.waiting is Waiting.RETRY else Waiting.START_TIME,
        )

    def _put_into_room(
        self,
        record: Record,
        *,
        held: bool,
        due: float | None,
        why_due: Waiting = Waiting.START_TIME,
    ) -> None:
        self._system.at_work[record.id] = record
        self._system.queue.add(
            record.id,
            record.snapshot.info.priority,
            held=held,
            due=due,
            why_due=why_due,
            needs=record.options.resources,
            after=[e.upstream.id for e in record.edges if not e.upstream.settled_for_good],
        )
        if record.edges:
            self._system.break_if_upstream_failed(record)
        self._system.pump()

    def refuse(self, record: Record, error: StoreError) -> None:
        """A job could not be kept: it ends before it has begun."""
        if record.snapshot.state is JobState.QUEUED and record.actor is None:
            self._system.queue.remove(record.id)
            self._system.settle(record, Outcome(JobState.FAILED, None, error, ErrorText.of(error)))

    def accept_kept(self, record: Record) -> tuple[Record, Latch | None]:
        """Take in a job, and say what is set once it is kept; None if it is already."""
        accepted, journal = self.accept(record), self._system.journal
        return accepted, None if journal is None else journal.latch_for(accepted)

    def accept_or_settle(self, record: Record) -> None:
        """Take in a job whose submitter has not waited for the answer.

        If the system has closed in between, the job ends as cancelled: its handle is out, and
        whoever waits for it must hear something.
        """
        try:
            self.accept(record)
        except (JobsClosed, CheckpointFound) as exc:
            outcome = Outcome(JobState.CANCELLED, reason=f"not taken: {exc}")
            record.context = None
            record.snapshot = fold(
                record.snapshot, JobFinished(record.id, self._system.clock.now(), outcome)
            )
            record.settled.set()

    def _check_resources(self, record: Record) -> None:
        needs = record.options.resources
        resources = self._system.queue.resources
        resources.check(needs)
        if record.options.on_busy == "raise":
            for name, units in needs.items():
                if units > resources.free(name) or self._is_wanted(name):
                    raise ResourceBusy(name, resources.holders(name))

    def _is_wanted(self, name: str) -> bool:
        return self._system.requests.waits_for(name) or self._system.queue.is_wanted(name)

    def _set_start_deadline(self, record: Record, limit: float) -> None:
        at = record.snapshot.info.submitted_at + limit
        record.deadline = self._system.timers.set(at, lambda: self._miss_start(record, limit))

    def forget_start_deadline(self, record: Record) -> None:
        """It has started, or never will."""
        if record.deadline is not None:
            record.deadline.take_back()  # it would keep the record until then
            record.deadline = None

    def _miss_start(self, record: Record, limit: float) -> None:
        if record.snapshot.state is JobState.QUEUED and record.snapshot.attempt == 0:
            self._system.queue.remove(record.id)
            reason = f"it had not started within its start_deadline of {limit:g} s"
            error = ErrorText("jobactors.JobTimedOut", reason, "")
            self._system.settle(record, Outcome(JobState.FAILED, error=error, reason=reason))
