"""Jobs of an earlier process: brought to rest when a store is opened, and revived when resumed.

The fate of a job whose process has stopped, by the state it was in:

============================  =====================  ===========================================
its state                     ``recover="ask"``      ``recover="auto"``
============================  =====================  ===========================================
queued, waiting to retry      rests interrupted      queued again; a retry keeps its due time
queued, on a cluster          rests interrupted      queued again: it had not begun there
held                          rests interrupted      queued again, held
to start at a later time      rests interrupted      queued again, for that time
running                       rests interrupted      queued again, for its next attempt
paused, or asked to pause     rests interrupted      rests interrupted: the pause was wanted
cancelling                    cancelled              cancelled
interrupted before            as it was              as above, by what it was before
a block, an open job, a       cancelled              cancelled: its code was the process's own
command of another process
============================  =====================  ===========================================

A resume by a call does under ``"ask"`` what ``"auto"`` does by itself, with two differences: it
does not wait for the rest of a retry's delay, and it lets a paused job go on.

A job whose process has ended under it three times is not started again by itself: it may be the
cause.  A job that cannot be resumed, because its type is not registered (yet) or its arguments were
not stored, rests interrupted in any case.

Functions and arguments are looked up at the resume, and not when the store is opened: a notebook
opens its store in the first cell, and registers its job types in later ones.  Until then a record
has :func:`~jobactors.engine.records.record.unrevived` for its function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec.structs import replace

from jobactors.engine.checkpoints.table import fraction_of_newest
from jobactors.engine.ports.late_binding import newest
from jobactors.engine.records.held_memory import has_function
from jobactors.engine.records.record import unrevived
from jobactors.engine.records.submit_context import submitter_context
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import JobactorsError, NotResumable
from jobactors.model.events import JobProgressed, JobRequeued
from jobactors.model.job_type import CHAIN_TYPE
from jobactors.model.outcome import Outcome
from jobactors.model.states import JobState, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobactors.engine.records.record import Record
    from jobactors.engine.records.stored_submit import StoredSubmit
    from jobactors.model.job_type import JobType

    from .core import Core
    from .parts import Parts
    from .revival import Revival

Recover = Literal["ask", "auto"]
RECOVER: Final = ("ask", "auto")
MOST_DEATHS: Final = 3
"""Processes that may end under a running job before "auto" starts it no more."""
MOST_PASTS: Final = 1_000
"""Jobs at rest whose event logs are read at the opening, the newest: more would delay it."""

_NOT_STARTED_HERE: Final = frozenset({"block", "guest"})
"""The runners of jobs whose code no runner has started: nothing can start it again either, and a
job type that happens to have their name is another thing."""
_NOT_OURS: Final = "it was a block of code, or a command: run that again"

_REST_REASONS: Final = {
    JobState.QUEUED: "its process ended before it had started",
    JobState.RUNNING: "its process ended while it was running",
    JobState.PAUSED: "its process ended while it was paused",
}


def check_recover(recover: object) -> None:
    """Raise for a policy that does not exist.

    Raises:
        ValueError: the message lists those that do.
    """
    if recover not in RECOVER:
        raise ValueError(f'recover is "ask" or "auto", not {recover!r:.100}')


class Recovery:
    """Restores, resumes and revives jobs that came from a store.  In the loop's thread only."""

    def __init__(self, parts: Parts, core: Core) -> None:
        self._parts = parts
        self._core = core
        self.restored_at: float = 0.0
        """When it took the jobs of earlier processes over, in seconds since the epoch."""

    # -- at the opening

    def restore(
        self, at_rest: Sequence[Record], ended: Sequence[Record], last_written: float | None
    ) -> None:
        """Add the jobs of earlier processes: the ended ones as they are, the others at rest.

        Args:
            at_rest: The unfinished ones, in the order of their submission.
            ended: In the order of their ends.
            last_written: When the store was written last before, if that is known: its process may
                have ended long ago, and no job was at work since.
        """
        self.restored_at = self._core.clock.now()
        for record in sorted([*at_rest, *ended], key=_when_submitted):
            self._parts.registry.add(record)
        for record in ended:
            self._add_ended(record)
        self._take_turns([record for record in at_rest if record.snapshot.attempt][-MOST_PASTS:])
        died_at = self.restored_at if last_written is None else last_written
        for record in at_rest:
            # Never before what is known of the job, nor later than now: clocks are set.
            at = min(self.restored_at, max(record.snapshot.changed_at, died_at))
            self._rest(record, at)

    def _take_turns(self, records: list[Record]) -> None:
        """Let jobs that have started know when they paused and were retried: they may go on."""
        from jobactors.engine.storage.past_turns import turns_from  # of a store alone

        journal = self._parts.journal
        if journal is None or not records:
            return
        ids = [record.id for record in records]
        logs = journal.read(lambda store: [store.events(job_id) for job_id in ids])
        for record, log in zip(records, logs, strict=True):
            record.turns = turns_from(log) or None

    def _add_ended(self, record: Record) -> None:
        self._parts.registry.inherit(record)
        record.settled.set()

    def _rest(self, record: Record, at: float) -> None:
        core, state = self._core, record.snapshot.state
        self._parts.keys.take(record)
        if state.is_active:
            self._show_saved(record, at)
        if state is JobState.CANCELLING:
            reason = record.snapshot.reason or "its process ended while it was being cancelled"
            core.settle(record, Outcome(JobState.CANCELLED, reason=reason), at)
        elif record.snapshot.runner in _NOT_STARTED_HERE:
            why = record.snapshot.reason or _REST_REASONS.get(state)
            core.settle(record, Outcome(JobState.CANCELLED, reason=why), at)
        elif state is not JobState.INTERRUPTED:
            core.settle(record, Outcome(JobState.INTERRUPTED, reason=_REST_REASONS[state]), at)
        else:
            record.settled.set()

    def _show_saved(self, record: Record, at: float) -> None:
        """Show the progress from which a job goes on: it was saved later than its row."""
        fraction = fraction_of_newest(self._parts.checkpoints.rows_of(record.id))
        if fraction is not None:
            progress = replace(record.snapshot.progress, fraction=fraction)
            self._core.emit(record, JobProgressed(record.id, at, progress))

    def resume_all(self) -> None:
        """Resume the jobs that may start by themselves: the policy "auto"."""
        for record in self._parts.registry:
            snapshot = record.snapshot
            if snapshot.state is JobState.INTERRUPTED and snapshot.request is not Request.PAUSE:
                self._resume_if_it_can(record)

    def _resume_if_it_can(self, record: Record) -> None:
        if self._deaths(record) >= MOST_DEATHS:
            LOG.warning(
                "job %s rests: its process has ended under it %d times; resume() tries once more",
                record.id,
                MOST_DEATHS,
            )
            return
        try:
            self.resume(record, with_delay=True)
        except JobactorsError as exc:
            LOG.warning("%s", exc)

    def _deaths(self, record: Record) -> int:
        """Return the number of processes that have ended while the job was running."""
        journal, reason = self._parts.journal, _REST_REASONS[JobState.RUNNING]
        if journal is None or record.snapshot.reason != reason:
            return 0
        log = journal.read(lambda store: store.events(record.id))
        return sum(event.kind == "JobStopped" and reason in event.detail for event in log)

    # -- one job

    @property
    def _revival(self) -> Revival:
        """Reads the submits of stored jobs; loaded with the first: most programs have none."""
        from .revival import Revival

        return Revival(self._parts, self._core)

    def resume(self, record: Record, *, with_delay: bool = False, release: bool = False) -> None:
        """Queue an interrupted job for its next attempt; one that was held is held again.

        One that has not begun waits for its start time.

        Args:
            record: The job.
            with_delay: Whether the rest of a retry's delay passes first.
            release: Whether it may start, although it was held.

        Raises:
            NotResumable: if it cannot be; it stays at rest.
        """
        self.revive(record)
        core = self._core
        now = core.clock.now()
        waiting, due = _wait_again(record, now, with_delay=with_delay)
        if release and waiting is Waiting.HOLD:
            waiting = Waiting.SLOT
        record.runner = newest(record.runner)
        if record.snapshot.type == CHAIN_TYPE:
            from .stored_phases import with_newest_runners

            record.kwargs = with_newest_runners(record.kwargs)
        record.settled = Latch()
        record.context = submitter_context()
        event = JobRequeued(record.id, now, waiting)
        core.requeue(record, event, due)

    def revive(self, record: Record) -> None:
        """Find the function and the arguments of a job that came from a store.

        Raises:
            NotResumable: if one cannot be found; the message names it.
        """
        obstacle = self.obstacle(record)
        if obstacle:
            has_ended = record.snapshot.state.is_terminal
            raise NotResumable(
                record.id, obstacle, verb="start again" if has_ended else "be resumed"
            )
        submit = record.submit
        if submit is not None and not _is_whole(record):
            self._revival.revive(record, submit)

    def arguments_of(
        self, submit: StoredSubmit, kind: JobType
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a submit, read anew; see :meth:`.Revival.arguments_of`."""
        return self._revival.arguments_of(submit, kind)

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
        """Return the reason for which a job cannot be resumed here and now; empty if it can."""
        if record.snapshot.runner in _NOT_STARTED_HERE:
            return _NOT_OURS
        return "" if _is_whole(record) else self._revival.obstacle(record)

    def obstacle_at_hand(self, record: Record) -> str:
        """Return the same of a job that came from a store, as far as that need not be read."""
        if record.function is not unrevived or record.snapshot.runner in _NOT_STARTED_HERE:
            return ""
        return self._revival.obstacle(record, reads_store=False)

    def has_changed(self, record: Record) -> bool:
        """Whether the job type's source is another than when the job was submitted."""
        submit = record.submit
        return submit is not None and bool(submit.source) and self._revival.has_changed(record)


def _is_whole(record: Record) -> bool:
    """Whether a job's function and arguments are there."""
    if record.function is unrevived or record.are_arguments_dropped:
        return False
    return has_function(record)


def _when_submitted(record: Record) -> tuple[float, int]:
    """Return the order of submission; among jobs of one moment, by the count in the id."""
    count = record.id.rsplit("-", 2)[1:2]
    number = int(count[0]) if count and count[0].isdecimal() else 0
    return record.snapshot.info.submitted_at, number


def _wait_again(record: Record, now: float, *, with_delay: bool) -> tuple[Waiting, float | None]:
    """Return the reason for which a job from a store waits again, and its due time."""
    snapshot, start_at = record.snapshot, record.options.start_at
    if snapshot.waiting is Waiting.HOLD:
        return Waiting.HOLD, None
    if with_delay and snapshot.due is not None:
        return Waiting.RETRY, snapshot.due
    if snapshot.attempt == 0 and start_at is not None and start_at > now:
        return Waiting.START_TIME, start_at
    return Waiting.SLOT, None
