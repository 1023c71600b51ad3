"""One of each: snapshots in every state, and an event of every kind."""

from __future__ import annotations

from typing import Final

from jobactors.model import events as ev
from jobactors.model.info import JobInfo
from jobactors.model.outcome import Outcome
from jobactors.model.progress import Progress
from jobactors.model.snapshot import JobSnapshot
from jobactors.model.states import JobState, Request, Waiting

INFO: Final = JobInfo(id="train-1-abc", type="train", name="Train", submitted_at=100.0)
LATER: Final = 200.0
"""When the events of this module happen; the snapshots were last changed before."""


def snapshot_in(state: JobState) -> JobSnapshot:
    """A snapshot as it may well look in ``state``."""
    begun = state is not JobState.QUEUED
    ended = state.is_terminal
    return JobSnapshot(
        INFO,
        state,
        changed_at=150.0,
        attempt=int(begun),
        runner="thread" if begun else "",
        started_at=120.0 if begun else None,
        finished_at=150.0 if ended else None,
        waiting=None if begun else Waiting.SLOT,
        outcome=Outcome(state) if ended or state is JobState.INTERRUPTED else None,
    )


def finished(state: JobState, at: float = LATER) -> ev.JobFinished:
    """The event that ends a job in ``state``."""
    return ev.JobFinished(INFO.id, at, Outcome(state))


def one_of_each(at: float = LATER) -> list[ev.Event]:
    """An event of every kind of the catalogue, and one end for every terminal state."""
    job = INFO.id
    return [
        ev.JobQueued(job, at, INFO),
        ev.JobWaiting(job, at, Waiting.HOLD),
        ev.JobStarted(job, at, 2, "trio"),
        ev.JobProgressed(job, at, Progress(done=3)),
        ev.JobLogged(job, at, 5),
        ev.JobRequested(job, at, Request.PAUSE, "why"),
        ev.JobCancelling(job, at, "why"),
        ev.JobPaused(job, at),
        ev.JobResumed(job, at),
        ev.JobRetried(job, at, at + 5),
        ev.JobStuck(job, at),
        ev.JobStopped(job, at, Outcome(JobState.INTERRUPTED)),
        ev.JobRequeued(job, at),
        finished(JobState.SUCCEEDED, at),
        finished(JobState.FAILED, at),
        finished(JobState.CANCELLED, at),
        ev.JobUpdated(job, at, INFO),
        ev.JobRead(job, at),
        ev.JobRemoved(job, at, "taken"),
        ev.JobRestated(job, at, snapshot_in(JobState.RUNNING)),
    ]


def leads_to(event: ev.Event) -> JobState | None:
    """The state an event moves its job to, or None."""
    return event.outcome.state if isinstance(event, ev.JobFinished) else event.leads_to
