"""Jobs of an earlier process: brought to rest when a store is opened, and revived when resumed.

What becomes of a job whose process has stopped, by the state it was in:

============================  =====================  ===========================================
it was                        ``recover="ask"``      ``recover="auto"``
============================  =====================  ===========================================
queued, waiting to retry      rests interrupted      queued again; a retry keeps its due time
queued, on a cluster          rests interrupted      queued again: it had not begun there
held                          rests interrupted      queued again, held
running                       rests interrupted      queued again, for its next attempt
paused, or told to pause      rests interrupted      rests interrupted: somebody wanted it still
cancelling                    cancelled              cancelled
interrupted before            as it was              as above, by what it was before
============================  =====================  ===========================================

A job whose process has ended under it three times is not started again by itself: it may be the
reason.  A job that cannot be resumed, because its type is not registered (yet) or its arguments
were not kept, rests interrupted in any case.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from jobactors.engine.ports.late_binding import choose_runner, is_runner_known
from jobactors.engine.records.record import Edge, Record
from jobactors.engine.records.references import JobReference
from jobactors.engine.records.submit_context import submitter_context
from jobactors.engine.storage.stored_jobs import records_from, unrevived
from jobactors.engine.storage.submit_codec import arguments_from, options_from, source_of
from jobactors.inside.signals.latch import Latch
from jobactors.inside.verbs.ranges import Range
from jobactors.model.errors import JobactorsError, NotResumable, UnknownJobType
from jobactors.model.events import JobRequeued
from jobactors.model.job_type import job_type_named
from jobactors.model.outcome import NotKept, Outcome
from jobactors.model.states import JobState, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.stored_submit import StoredSubmit
    from jobactors.model.job_type import JobType
    from jobactors.model.stored_rows import JobRow

    from .core import Core
    from .parts import Parts

_log = logging.getLogger("jobactors")
Recover = Literal["ask", "auto"]
RECOVER: Final = ("ask", "auto")
MOST_DEATHS: Final = 3
"""So many processes a job may take with it until "auto" starts it no more by itself."""

_WHY: Final = {
    JobState.QUEUED: "its process ended before it had started",
    JobState.RUNNING: "its process ended while it was running",
    JobState.PAUSED: "its process ended while it was paused",
}


def check_recover(recover: object) -> None:
    """Raise for a policy that does not exist.

    Raises:
        ValueError: the message says which there are.
    """
    if recover not in RECOVER:
        raise ValueError(f'recover is "ask" or "auto", not {recover!r:.100}')


class Recovery:
    """What is done with jobs that came from a store.  Called in the loop's thread only."""

    def __init__(self, parts: Parts, core: Core) -> None:
        self._parts = parts
        self._core = core

    # -- at the opening

    def restore(self, unfinished: Iterable[JobRow], ended: Iterable[JobRow]) -> None:
        """Take in the jobs of earlier processes: the ended ones as they are, the others to rest.

        Args:
            unfinished: In the order of their submission.
            ended: In the order of their ends.
        """
        at_rest, over = records_from(unfinished), records_from(ended)
        for record in sorted([*at_rest, *over], key=_when_submitted):
            self._parts.registry.add(record)
        for record in over:
            self._keep_ended(record)
        for record in at_rest:
            self._rest(record)

    def _keep_ended(self, record: Record) -> None:
        registry = self._parts.registry
        registry.finished(record)
        if record.snapshot.read:
            registry.read(record)
        record.settled.set()

    def _rest(self, record: Record) -> None:
        core, state = self._core, record.snapshot.state
        self._parts.keys.take(record)
        if state is JobState.CANCELLING:
            reason = record.snapshot.reason or "its process ended while it was being cancelled"
            core.settle(record, Outcome(JobState.CANCELLED, reason=reason))
        elif state is not JobState.INTERRUPTED:
            core.settle(record, Outcome(JobState.INTERRUPTED, reason=_WHY[state]))
        else:
            record.settled.set()

    def resume_all(self) -> None:
        """Start again what may start by itself: the policy "auto"."""
        for record in self._parts.registry:
            snapshot = record.snapshot
            if snapshot.state is JobState.INTERRUPTED and snapshot.request is not Request.PAUSE:
                self._resume_if_it_can(record)

    def _resume_if_it_can(self, record: Record) -> None:
        if self._deaths(record) >= MOST_DEATHS:
            _log.warning(
                "job %s rests: its process has ended under it %d times; resume() tries once more",
                record.id,
                MOST_DEATHS,
            )
            return
        try:
            self.resume(record, as_it_was=True)
        except JobactorsError as exc:
            _log.warning("%s", exc)

    def _deaths(self, record: Record) -> int:
        """How often a job's process has ended while it was running."""
        journal, why = self._parts.journal, _WHY[JobState.RUNNING]
        if journal is None or record.snapshot.reason != why:
            return 0
        log = journal.read(lambda store: store.events(record.id))
        return sum(event.kind == "JobStopped" and why in event.detail for event in log)

    # -- one job

    def resume(self, record: Record, *, as_it_was: bool = False) -> None:
        """Queue an interrupted job for its next attempt.

        Args:
            record: The job.
            as_it_was: Whether a held one is held again, and a retry's delay is kept.

        Raises:
            NotResumable: if it cannot; it rests on.
        """
        self.revive(record)
        core = self._core
        waiting, due = _wait_again(record) if as_it_was else (Waiting.SLOT, None)
        record.settled = Latch()
        record.context = submitter_context()
        event = JobRequeued(record.id, core.clock.now(), waiting)
        core.requeue(record, event, due)

    def revive(self, record: Record) -> None:
        """Find the function and the arguments of a job that came from a store.

        Raises:
            NotResumable: if there is something it cannot run without; the message says what.
        """
        if record.function is not unrevived:
            return
        why = self.obstacle(record)
        spec = record.submit
        if why or spec is None:
            raise NotResumable(record.id, why)
        kind = job_type_named(record.snapshot.type)
        try:
            options = options_from(spec.options, kind.options)
            runner = choose_runner(kind.function, options)
            kept = arguments_from(spec.arguments)
            args, kwargs = kept.args, kept.kwargs
            for where, job_id, how in kept.jobs:
                place: Any = args if isinstance(where, int) else kwargs
                place[where] = self._argument(job_id, how)
        except (ValueError, TypeError) as exc:
            raise NotResumable(record.id, f"what was kept of it makes no sense: {exc}") from None
        edges = tuple(self._edge(job_id, when) for job_id, when in spec.after)
        record.args, record.kwargs, record.edges = tuple(args), kwargs, edges
        record.options, record.runner, record.function = options, runner, kind.function
        self._parts.checkpoints.name_part(record)

    def find_revived(self, job_id: str) -> Record | None:
        """Return a job with its function and arguments; None if these cannot be had."""
        record = self._core.ended.find_anywhere(job_id)
        if record is None:
            return None
        try:
            self.revive(record)
        except NotResumable:
            return None
        return record

    def obstacle(self, record: Record) -> str:
        """Why a job cannot be resumed here and now; empty if it can."""
        spec = record.submit
        if record.function is not unrevived:
            return ""
        if spec is None or spec.lost:
            return spec.lost if spec is not None else "nothing is known of its submit"
        try:
            kind = job_type_named(record.snapshot.type)
        except UnknownJobType:
            return (
                f"its job type {record.snapshot.type!r} is not registered yet: run the cell, or "
                "import the module, that declares it"
            )
        missing = _missing_runner(spec, kind)
        if missing:
            return (
                f"its runner {missing!r} is not known here: it is not resumable until a runner of "
                "that name is given again, with jobs.options(runner=…)"
            )
        for job_id, _ in spec.after:
            upstream = self._core.ended.find_anywhere(job_id)
            if upstream is None:
                return f"the job {job_id} it comes after is no longer kept"
            outcome = upstream.snapshot.outcome
            if outcome is not None and isinstance(outcome.value, NotKept):
                return f"the result of {job_id}, of type {outcome.value.type}, was not kept"
        return ""

    def has_changed(self, record: Record) -> bool:
        """Whether the job type's source is another than when the job was submitted."""
        spec = record.submit
        if spec is None or not spec.source:
            return False
        try:
            kind = job_type_named(record.snapshot.type)
        except UnknownJobType:
            return False
        source = source_of(kind)
        return bool(source) and source != spec.source

    def _argument(self, job_id: str, how: str) -> object:
        if how == "range":
            return Range.from_text(job_id)
        record = self._core.ended.find_anywhere(job_id)
        if record is None:
            raise ValueError(f"job {job_id} is no longer kept")
        return JobReference(record, "handle" if how == "handle" else "result")

    def _edge(self, job_id: str, when: Any) -> Edge:
        upstream = self._core.ended.find_anywhere(job_id)
        if upstream is None:
            raise NotResumable(job_id, "it is no longer kept")
        return Edge(upstream, when)


def _missing_runner(spec: StoredSubmit, kind: JobType) -> str:
    """Return the name of a job's runner if none of that name was given in this process."""
    try:
        runner = options_from(spec.options, kind.options).runner
    except (ValueError, TypeError):
        return ""  # the resume says what is wrong with them
    return runner if isinstance(runner, str) and not is_runner_known(runner) else ""


def _when_submitted(record: Record) -> tuple[float, int]:
    """The order of submission; of jobs of one moment, the ids count."""
    count = record.id.rsplit("-", 2)[1:2]
    number = int(count[0]) if count and count[0].isdecimal() else 0
    return record.snapshot.info.submitted_at, number


def _wait_again(record: Record) -> tuple[Waiting, float | None]:
    """What a job goes on waiting for, that waited when its process stopped, and until when."""
    snapshot = record.snapshot
    if snapshot.waiting is Waiting.HOLD:
        return Waiting.HOLD, None
    if snapshot.due is not None:
        return Waiting.RETRY, snapshot.due
    if snapshot.attempt == 0 and record.options.start_at is not None:
        return Waiting.START_TIME, record.options.start_at
    return Waiting.SLOT, None
