"""Admission: a submitted job is checked, stored, published, and put into the queue.

All checks stand before all changes, in one step of the loop, so a refused submit leaves no trace,
and two submits with one key cannot both find it free.  The obvious other order, to take a key or a
lease first and give it back on an error, would have to undo a replaced job as well: that cancel
cannot be taken back.

A job that may be refused is admitted by a call that its submitter waits for.  For any other one the
submitter does not wait: it has the handle already, so :meth:`Admission.accept_or_settle` must not
raise, and ends the job instead.

Admission has no state of its own.  In the loop's thread it writes ``record.deadline``, and for a
job that it could not accept ``record.snapshot``; the tables it calls write the rest.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobactors.model.checkpoint_errors import CheckpointFound
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import JobsClosed, ResourceBusy
from jobactors.model.events import JobFinished
from jobactors.model.fold import fold
from jobactors.model.outcome import Outcome
from jobactors.model.states import JobState, Request

from .job_spans import begin_span
from .unique_keys import same_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.records.record import Record
    from jobactors.inside.signals.latch import Latch

    from .core import Core
    from .parts import Parts
    from .recovery import Recovery


class Admission:
    """Accepts new jobs into one system.  In the loop's thread only."""

    def __init__(self, parts: Parts, core: Core, recovery: Recovery) -> None:
        self._parts = parts
        self._core = core
        self._recovery = recovery
        self.accept_posted: Callable[[Record], None] = partial(
            parts.portal.step, self.accept_or_settle
        )
        """Accepts a job in a step of its own; made once, for submits by the thousand."""

    def accept(self, record: Record) -> Record:
        """Accept a job; returns it, or the unfinished job that has its key.

        1. Refuse it, if the system is closed, the store cannot hold it, or it can never run.
        2. With the key of an unfinished job, return that one, or replace it.
        3. Give it its key and the lease on its checkpoints, and the id of the job that it goes on
           from; store and publish it.
        4. Start it, if it runs already; otherwise put it into the queue.

        Raises:
            JobsClosed: when no more jobs are taken.
            StoreError: if it could not be stored.
            DuplicateJob: depending on ``on_duplicate``.
            TooMuch: for resources that it can never have.
            ResourceBusy: if they are taken, with ``on_busy="raise"``.
            CheckpointFound: if it is open what to do with an earlier checkpoint.
            CompareFirst: if objects of the user have to be compared, by the submitter's thread.
        """
        parts, core = self._parts, self._core
        core.check_open()
        options = record.options
        existing = parts.keys.owner(record)
        if existing is not None and options.on_duplicate != "replace":
            return self._same_job(existing, record)
        if options.resources:
            self._check_resources(record)  # before it replaces another job
        parts.leases.check(record)
        if existing is not None:
            core.cancel(existing, "replaced by a later submit with the same key")
        parts.keys.take(record)
        found = parts.leases.take_lease(record)
        if found.goes_on_from is not None:
            _set_continues(record, found.goes_on_from)
        parts.registry.add(record)
        begin_span(record, record.snapshot.info.submitted_at)
        if parts.journal is not None:
            parts.journal.add(record)
        if parts.bus.is_heard:
            parts.bus.publish(record.first_event())
        for job_id in found.jobs:
            self._end_interrupted(job_id, f"its work goes on as {record.id}")
        if record.runner.runs_already:
            core.at_work.begin(record)
            core.start(record, core.clock.now())
            return record
        if options.start_deadline is not None:
            self._set_start_deadline(record, options.start_deadline)
        core.enqueue(record, held=options.hold, due=options.start_at)
        return record

    def accept_stored(self, record: Record) -> tuple[Record, Latch | None]:
        """Accept a job, and return the latch that is set once it is stored; None if it is."""
        accepted = self.accept(record)
        return accepted, self._core.until_durable(accepted)

    def accept_or_settle(self, record: Record) -> None:
        """Accept a job whose submitter does not wait for the answer.

        If the system has closed in between, the job ends as cancelled: its submitter has the handle
        already, and waiters must wake up.
        """
        try:
            self.accept(record)
        except (JobsClosed, CheckpointFound) as exc:
            outcome = Outcome(JobState.CANCELLED, reason=f"not taken: {exc}")
            record.context = None
            record.snapshot = fold(
                record.snapshot, JobFinished(record.id, self._core.clock.now(), outcome)
            )
            record.settled.set()

    def _end_interrupted(self, job_id: str, reason: str) -> None:
        """End an interrupted job whose checkpoint another has now; resumed, it would begin anew."""
        earlier = self._core.find(job_id)
        if earlier is not None and earlier.snapshot.state is JobState.INTERRUPTED:
            self._core.cancel(earlier, reason)

    def _same_job(self, existing: Record, record: Record) -> Record:
        """Return the unfinished job that has the key; one that rests goes on."""
        if existing.snapshot.state is JobState.INTERRUPTED:
            self._recovery.revive(existing)
        same = same_job(existing, record)
        if same.snapshot.state is JobState.INTERRUPTED:
            self._recovery.resume(same, release=not record.options.hold)
        return same

    def _check_resources(self, record: Record) -> None:
        needs = record.options.resources
        resources = self._parts.queue.resources
        self._parts.rates.advance()
        resources.check(needs)
        if record.options.on_busy == "raise":
            for name, units in needs.items():
                if units > resources.free(name) or self._is_wanted(name):
                    raise ResourceBusy(name, resources.holders(name))

    def _is_wanted(self, name: str) -> bool:
        return self._parts.requests.waits_for(name) or self._parts.queue.is_wanted(name)

    def _set_start_deadline(self, record: Record, limit: float) -> None:
        at = record.snapshot.info.submitted_at + limit
        record.deadline = self._parts.timers.set(at, lambda: self._miss_start(record, limit))

    def _miss_start(self, record: Record, limit: float) -> None:
        if record.snapshot.state is JobState.QUEUED and record.snapshot.attempt == 0:
            reason = f"it had not started within its start_deadline of {limit:g} s"
            if record.actor is not None:  # it waits on a cluster, which has to let go of it
                self._core.cancel(record, reason, Request.TIME_OUT)
                return
            self._parts.queue.remove(record.id)
            error = ErrorText("jobactors.JobTimedOut", reason, "")
            self._core.settle(record, Outcome(JobState.FAILED, error=error, reason=reason))


def _set_continues(record: Record, earlier: str) -> None:
    """Record in a new job from which one it goes on, before it is published."""
    queued = record.first_event()
    info = queued.info
    info = replace(info, continues=info.continues or earlier, from_checkpoint=True)
    record.snapshot = fold(None, replace(queued, info=info))
