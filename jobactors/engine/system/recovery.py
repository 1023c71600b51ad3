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
has :func:`~jobactors.engine.storage.stored_jobs.unrevived` for its function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec.structs import replace

from jobactors.engine.checkpoints.table import fraction_of_newest
from jobactors.engine.ports.late_binding import choose_runner, is_runner_known, newest
from jobactors.engine.records.checkpoint_key import set_key
from jobactors.engine.records.held_memory import has_function
from jobactors.engine.records.record import Edge, Record
from jobactors.engine.records.references import JobReference, with_nested
from jobactors.engine.records.submit_context import submitter_context
from jobactors.engine.storage.past_turns import turns_from
from jobactors.engine.storage.stored_jobs import records_from, unrevived
from jobactors.engine.storage.submit_codec import arguments_from, options_from, source_of
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.latch import Latch
from jobactors.inside.verbs.ranges import Range
from jobactors.model.argument_check import converted_where_it_fits
from jobactors.model.errors import JobactorsError, NotResumable, UnknownJobType
from jobactors.model.events import JobProgressed, JobRequeued
from jobactors.model.job_type import job_type_named
from jobactors.model.outcome import NotKept, Outcome
from jobactors.model.phases import CHAIN_TYPE
from jobactors.model.states import JobState, Request, Waiting

from .stored_phases import holds_phases, obstacle_of_phases, with_newest_runners

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.stored_submit import StoredSubmit
    from jobactors.model.job_type import JobType
    from jobactors.model.stored_rows import JobRow

    from .core import Core
    from .parts import Parts

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

_DROPPED: Final = (
    "its arguments, or its function, took much memory, and were let go when its result was read, "
    "or when the ended jobs took more than retention allows: submit it again"
)
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
        self, unfinished: Iterable[JobRow], ended: Iterable[JobRow], last_written: float | None
    ) -> None:
        """Add the jobs of earlier processes: the ended ones as they are, the others at rest.

        Args:
            unfinished: In the order of their submission.
            ended: In the order of their ends.
            last_written: When the store was written last before, if that is known: its process may
                have ended long ago, and no job was at work since.
        """
        self.restored_at = self._core.clock.now()
        at_rest, finished = records_from(unfinished), records_from(ended)
        for record in sorted([*at_rest, *finished], key=_when_submitted):
            self._parts.registry.add(record)
        for record in finished:
            self._add_ended(record)
        self._take_turns([record for record in at_rest if record.snapshot.attempt][-MOST_PASTS:])
        died_at = self.restored_at if last_written is None else last_written
        for record in at_rest:
            # Never before what is known of the job, nor later than now: clocks are set.
            at = min(self.restored_at, max(record.snapshot.changed_at, died_at))
            self._rest(record, at)

    def _take_turns(self, records: list[Record]) -> None:
        """Let jobs that have started know when they paused and were retried: they may go on."""
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
        if not obstacle and _is_whole(record):
            return
        submit = record.submit
        if obstacle or submit is None:
            raise NotResumable(record.id, obstacle)
        kind = job_type_named(record.snapshot.type)
        try:
            options = options_from(submit.options, kind.options)
            runner = choose_runner(kind.function, options)
            args, kwargs = self.arguments_of(submit, kind)
        except (ValueError, TypeError) as exc:
            raise NotResumable(record.id, f"what was kept of it makes no sense: {exc}") from None
        edges = {job_id: self._edge(job_id, when) for job_id, when in submit.after}
        record.args, record.kwargs, record.edges = args, kwargs, edges
        record.are_arguments_dropped = False
        record.options, record.runner, record.function = options, runner, kind.function
        set_key(record)

    def arguments_of(
        self, submit: StoredSubmit, kind: JobType
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a submit, read anew: no job changes those of another one.

        Those that were given as JSON are converted as the annotations of ``kind`` have them.

        Raises:
            ValueError: if they make no sense.
        """
        stored = arguments_from(submit.arguments)
        stored.fill(self._argument)
        if stored.is_typed:
            stored = replace(stored, kwargs=converted_where_it_fits(kind, stored.kwargs))
        return with_nested(stored.args, stored.kwargs)

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
        return "" if _is_whole(record) else self._obstacle_in_store(record)

    def _obstacle_in_store(self, record: Record) -> str:
        submit = record.submit
        if record.function is not unrevived and (submit is None or submit.lost):
            return _DROPPED
        if submit is None:
            return "nothing is known of its submit"
        if lost := self._lost(record, submit):
            return lost
        try:
            kind = job_type_named(record.snapshot.type)
        except UnknownJobType as exc:
            return _why_unknown(exc)
        missing = _missing_runner(submit, kind)
        if missing:
            return (
                f"its runner {missing!r} is not known here: it is not resumable until a runner of "
                "that name is given again, with jobs.options(runner=…)"
            )
        for job_id, _ in submit.after:
            upstream = self._core.ended.find_anywhere(job_id)
            if upstream is None:
                return f"the job {job_id} it comes after is no longer kept"
            outcome = upstream.snapshot.outcome
            if outcome is not None and isinstance(outcome.value, NotKept):
                return f"the result of {job_id}, of type {outcome.value.type}, was not kept"
        return ""

    def _lost(self, record: Record, submit: StoredSubmit) -> str:
        """Return what the store does not hold; of a chain, what its open phases need."""
        if record.snapshot.type == CHAIN_TYPE and holds_phases(submit):
            return obstacle_of_phases(submit, self._parts.checkpoints.rows_of(record.id))
        return submit.lost

    def has_changed(self, record: Record) -> bool:
        """Whether the job type's source is another than when the job was submitted."""
        submit = record.submit
        if submit is None or not submit.source:
            return False
        try:
            kind = job_type_named(record.snapshot.type)
        except UnknownJobType:
            return False
        source = source_of(kind)
        return bool(source) and source != submit.source

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


def _is_whole(record: Record) -> bool:
    """Whether a job's function and arguments are there."""
    if record.function is unrevived or record.are_arguments_dropped:
        return False
    return has_function(record)


def _why_unknown(exc: UnknownJobType) -> str:
    if exc.meant:
        return (
            f"its job type {exc.name!r} is now an alias of {' and '.join(exc.meant)}: submit it "
            'as one of them, with on_checkpoint="resume" to go on from its checkpoint'
        )
    return (
        f"its job type {exc.name!r} is not registered yet: run the cell, or import the module, "
        "that declares it"
    )


def _missing_runner(spec: StoredSubmit, kind: JobType) -> str:
    """Return the name of a job's runner if none of that name was given in this process."""
    try:
        runner = options_from(spec.options, kind.options).runner
    except (ValueError, TypeError):
        return ""  # the resume says what is wrong with them
    return runner if isinstance(runner, str) and not is_runner_known(runner) else ""


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
