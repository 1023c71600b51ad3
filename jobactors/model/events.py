"""The catalogue of events: everything that can be said about a job, each said once.

An event is a frozen fact about one job.  Events of one job are complete and in order, with one
exception: progress (and log lines) conflate, and the last value always arrives.

A class's ``leads_to`` is the state its event moves the job to; None means that the state stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct

from .states import JobState, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .info import JobInfo
    from .outcome import ErrorText, Outcome
    from .progress import Progress
    from .snapshot import JobSnapshot


class Event(Struct, frozen=True):
    """The base of all events."""

    job_id: str
    """The job it is about."""
    at: float
    """When it happened, in seconds since the epoch."""

    leads_to: ClassVar[JobState | None] = None


class JobQueued(Event, frozen=True):
    """The job was accepted: its first event, which does not imply that a slot is free."""

    info: JobInfo
    waiting: Waiting = Waiting.SLOT

    leads_to: ClassVar = JobState.QUEUED


class JobWaiting(Event, frozen=True):
    """A queued job waits for something else than before."""

    waiting: Waiting


class JobStarted(Event, frozen=True):
    """An attempt begins.  Its function may not have run its first line yet."""

    attempt: int
    """1 for the first attempt."""
    runner: str
    """How it is executed: "trio", "thread", …"""

    leads_to: ClassVar = JobState.RUNNING


class JobProgressed(Event, frozen=True):
    """Progress was sampled, at most ten times a second however often the job reports."""

    progress: Progress


class JobLogged(Event, frozen=True):
    """The job has written to its log.  Conflated like progress; the lines are in ``job.logs()``."""

    total: int
    """Lines written so far."""
    cut: int = 0
    """Lines dropped, oldest first, because the log has a limit."""


class JobRequested(Event, frozen=True):
    """Somebody asked the job to pause, or to resume, or a deadline passed: not done yet.

    ``request`` is None when a request was taken back (resumed before it had paused).
    """

    request: Request | None
    reason: str | None = None


class JobCancelling(Event, frozen=True):
    """A started job was told to cancel.  It may still succeed by returning normally."""

    reason: str | None = None

    leads_to: ClassVar = JobState.CANCELLING


class JobPaused(Event, frozen=True):
    """The job stands still, has freed its slot and keeps its resources."""

    leads_to: ClassVar = JobState.PAUSED


class JobResumed(Event, frozen=True):
    """A paused job goes on."""

    leads_to: ClassVar = JobState.RUNNING


class JobRetried(Event, frozen=True):
    """An attempt failed or snoozed, and the job is queued for another one at ``due``."""

    due: float
    """When the next attempt may start, in seconds since the epoch."""
    error: ErrorText | None = None
    """What the attempt failed with; None after a snooze."""

    leads_to: ClassVar = JobState.QUEUED


class JobStuck(Event, frozen=True):
    """Told to stop, and silent past its grace.  It keeps its slot until it really ends."""


class JobStopped(Event, frozen=True):
    """The process stopped under the job: it is interrupted, at rest, not ended."""

    outcome: Outcome

    leads_to: ClassVar = JobState.INTERRUPTED


class JobRequeued(Event, frozen=True):
    """An interrupted job was resumed and waits for its next attempt."""

    waiting: Waiting = Waiting.SLOT

    leads_to: ClassVar = JobState.QUEUED


class JobFinished(Event, frozen=True):
    """The job reached its one terminal state, ``outcome.state``.  Nothing but reading follows."""

    outcome: Outcome


class JobUpdated(Event, frozen=True):
    """What is known of the job beside its state was changed: priority, name, tags."""

    info: JobInfo


class JobRead(Event, frozen=True):
    """Somebody took or looked at the terminal job's outcome; the registry may let it go."""


class JobRemoved(Event, frozen=True):
    """The registry let the job go.  The last event of a job."""

    why: str
    """Which call or rule removed it, such as "taken" or a limit of retention."""
    unread: bool = False
    """Whether nobody had read its outcome."""


class JobRestated(Event, frozen=True):
    """Not a change: how the job stands, told to a new subscriber first."""

    snapshot: JobSnapshot


KINDS: Final[Mapping[str, type[Event]]] = {
    kind.__name__: kind
    for kind in (
        JobQueued,
        JobWaiting,
        JobStarted,
        JobProgressed,
        JobLogged,
        JobRequested,
        JobCancelling,
        JobPaused,
        JobResumed,
        JobRetried,
        JobStuck,
        JobStopped,
        JobRequeued,
        JobFinished,
        JobUpdated,
        JobRead,
        JobRemoved,
        JobRestated,
    )
}
"""Every kind of event by its name."""
