"""``fold``: the snapshot after an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from jobactors.model import events as ev
from jobactors.model.errors import IllegalMove
from jobactors.model.progress import NO_PROGRESS
from jobactors.model.snapshot import JobSnapshot
from jobactors.model.states import LEGAL_MOVES, TERMINAL, JobState, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable


def fold(snapshot: JobSnapshot | None, event: ev.Event) -> JobSnapshot:
    """Return the snapshot after ``event``.

    Raises:
        IllegalMove: if the event leads to a state the job cannot enter, and nothing is changed.
        TypeError: if ``event`` is no event of the catalogue, or not the first for a new job.
    """
    if snapshot is None:
        return _first(event)
    try:
        change = _CHANGES[type(event)]
    except KeyError:
        raise TypeError(f"{type(event).__name__} does not follow an earlier event") from None
    return change(snapshot, event)


def _first(event: ev.Event) -> JobSnapshot:
    if isinstance(event, ev.JobQueued):
        return JobSnapshot(event.info, JobState.QUEUED, event.at, waiting=event.waiting)
    if isinstance(event, ev.JobRestated):
        return event.snapshot
    raise TypeError(f"a job begins with JobQueued, not with {type(event).__name__}")


def _move(snapshot: JobSnapshot, event: ev.Event, state: JobState, **changes: Any) -> JobSnapshot:
    _check(snapshot, state)
    return replace(snapshot, state=state, changed_at=event.at, **changes)


def _check(snapshot: JobSnapshot, state: JobState) -> None:
    if state not in LEGAL_MOVES[snapshot.state]:
        raise IllegalMove(snapshot.info.id, snapshot.state, state)


# Each job starts and finishes, so these two do without the keywords of a `_move` on the way.


def _started(snapshot: JobSnapshot, event: ev.JobStarted) -> JobSnapshot:
    _check(snapshot, JobState.RUNNING)
    return replace(
        snapshot,
        state=JobState.RUNNING,
        changed_at=event.at,
        attempt=event.attempt,
        runner=event.runner,
        where=event.where,
        started_at=event.at if snapshot.started_at is None else snapshot.started_at,
        waiting=None,
        waits_for=(),
        due=None,
        reason=None,
        progress=NO_PROGRESS,
    )


def _progressed(snapshot: JobSnapshot, event: ev.JobProgressed) -> JobSnapshot:
    if not snapshot.state.is_active:
        return snapshot  # a late report of an attempt that has ended
    return replace(snapshot, progress=event.progress)


def _logged(snapshot: JobSnapshot, event: ev.JobLogged) -> JobSnapshot:
    return replace(snapshot, log_lines=event.total, log_cut=event.cut)


def _requested(snapshot: JobSnapshot, event: ev.JobRequested) -> JobSnapshot:
    if snapshot.state not in {JobState.RUNNING, JobState.PAUSED}:
        return snapshot  # what is being cancelled stays so, whatever is asked after that
    return replace(snapshot, request=event.request, reason=event.reason)


def _cancelling(snapshot: JobSnapshot, event: ev.JobCancelling) -> JobSnapshot:
    return _move(
        snapshot,
        event,
        JobState.CANCELLING,
        request=Request.CANCEL,
        reason=event.reason,
        paused_for=_pause_until(snapshot, event.at),
    )


def _paused(snapshot: JobSnapshot, event: ev.JobPaused) -> JobSnapshot:
    progress = replace(snapshot.progress, rate=None, time_left=None)
    return _move(snapshot, event, JobState.PAUSED, request=None, progress=progress)


def _resumed(snapshot: JobSnapshot, event: ev.JobResumed) -> JobSnapshot:
    paused_for = _pause_until(snapshot, event.at)
    return _move(snapshot, event, JobState.RUNNING, request=None, paused_for=paused_for)


_AT_REST: Final = frozenset({JobState.PAUSED, JobState.INTERRUPTED})


def _pause_until(snapshot: JobSnapshot, at: float) -> float:
    if snapshot.state not in _AT_REST or snapshot.started_at is None:
        return snapshot.paused_for  # what has not begun has nothing to pause
    return snapshot.paused_for + max(0.0, at - snapshot.changed_at)


def _retried(snapshot: JobSnapshot, event: ev.JobRetried) -> JobSnapshot:
    return _move(
        snapshot,
        event,
        JobState.QUEUED,
        waiting=Waiting.RETRY,
        waits_for=(),
        due=event.due,
        error=event.error,
        request=None,
        reason=None,
        stuck=False,
        paused_for=_pause_until(snapshot, event.at),
    )


def _requeued(snapshot: JobSnapshot, event: ev.JobRequeued) -> JobSnapshot:
    return _move(
        snapshot,
        event,
        JobState.QUEUED,
        waiting=event.waiting,
        waits_for=(),
        outcome=None,
        due=snapshot.due if event.waiting is Waiting.RETRY else None,
        request=None,
        reason=None,
        paused_for=_pause_until(snapshot, event.at),
    )


def _stopped(snapshot: JobSnapshot, event: ev.JobStopped) -> JobSnapshot:
    # The reason why it did not go on by itself stays: it holds in the next process as well.
    rests = snapshot.state is JobState.PAUSED or snapshot.request is Request.PAUSE
    waits = snapshot.waiting in {Waiting.HOLD, Waiting.RETRY}
    if event.outcome.state in TERMINAL:
        raise IllegalMove(snapshot.info.id, snapshot.state, event.outcome.state)
    return _move(
        snapshot,
        event,
        event.outcome.state,
        outcome=event.outcome,
        error=event.outcome.error,
        reason=event.outcome.reason,
        request=Request.PAUSE if rests else None,
        waiting=snapshot.waiting if waits else None,
        waits_for=(),
        due=snapshot.due,
        stuck=False,
        paused_for=_pause_until(snapshot, event.at),
    )


def _finished(snapshot: JobSnapshot, event: ev.JobFinished) -> JobSnapshot:
    outcome = event.outcome
    _check(snapshot, outcome.state)
    if outcome.state not in TERMINAL:
        raise IllegalMove(snapshot.info.id, snapshot.state, outcome.state)
    return replace(
        snapshot,
        state=outcome.state,
        changed_at=event.at,
        finished_at=event.at,
        outcome=outcome,
        error=outcome.error,
        reason=outcome.reason,
        waiting=None,
        waits_for=(),
        due=None,
        request=None,
        stuck=False,
        paused_for=_pause_until(snapshot, event.at),
    )


def _stuck(snapshot: JobSnapshot, event: ev.JobStuck) -> JobSnapshot:
    del event
    has_attempt = snapshot.state.is_active or snapshot.waiting is Waiting.CLUSTER
    return replace(snapshot, stuck=True) if has_attempt else snapshot


_AT_WORK: Final = frozenset(
    {None, Waiting.SLOT, Waiting.RESOURCE, Waiting.RATE, Waiting.DEPENDENCY, Waiting.CLUSTER}
)
"""The reasons for which a job waits that has started; for a cluster, one phase of a chain does."""


def _waiting(snapshot: JobSnapshot, event: ev.JobWaiting) -> JobSnapshot:
    may_wait = snapshot.state.is_active and event.waiting in _AT_WORK
    if not (snapshot.state is JobState.QUEUED or may_wait):
        return snapshot
    due = snapshot.due if event.due is None else event.due
    of_cluster = Waiting.CLUSTER in {snapshot.waiting, event.waiting} and snapshot.request is None
    reason = event.reason if of_cluster else snapshot.reason  # else that of a request
    return replace(
        snapshot, waiting=event.waiting, waits_for=event.waits_for, due=due, reason=reason
    )


def _updated(snapshot: JobSnapshot, event: ev.JobUpdated) -> JobSnapshot:
    return replace(snapshot, info=event.info)


def _read(snapshot: JobSnapshot, event: ev.JobRead) -> JobSnapshot:
    del event
    return replace(snapshot, read=True) if snapshot.state.is_terminal else snapshot


def _unchanged(snapshot: JobSnapshot, event: ev.Event) -> JobSnapshot:
    del event
    return snapshot


def _restated(snapshot: JobSnapshot, event: ev.JobRestated) -> JobSnapshot:
    del snapshot
    return event.snapshot


_CHANGES: dict[type[ev.Event], Callable[[JobSnapshot, Any], JobSnapshot]] = {
    ev.JobWaiting: _waiting,
    ev.JobStarted: _started,
    ev.JobProgressed: _progressed,
    ev.JobLogged: _logged,
    ev.JobRequested: _requested,
    ev.JobCancelling: _cancelling,
    ev.JobPaused: _paused,
    ev.JobResumed: _resumed,
    ev.JobRetried: _retried,
    ev.JobStuck: _stuck,
    ev.JobStopped: _stopped,
    ev.JobRequeued: _requeued,
    ev.JobFinished: _finished,
    ev.JobUpdated: _updated,
    ev.JobRead: _read,
    ev.JobRemoved: _unchanged,
    ev.JobRestated: _restated,
}
