"""The catalogue of events: each fact about a job has one kind.

An event is a frozen fact about one job.  Events of one job are complete and in order, with one
exception: progress (and log lines) conflate, and the last value always arrives.

A class's ``leads_to`` is the state its event moves the job to; None means that the state stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from msgspec import Struct

from .error_text import ErrorText
from .field_docs import documented
from .info import JobInfo
from .outcome import Outcome
from .progress import Progress
from .snapshot import JobSnapshot
from .states import JobState, Request, Waiting


@documented
class Event(Struct, frozen=True):
    """The base of all events."""

    job_id: str
    """The id of the job."""
    at: float
    """The time of the event, in seconds since the epoch."""

    leads_to: ClassVar[JobState | None] = None


class JobQueued(Event, frozen=True):
    """The job was accepted: its first event, which does not imply that a slot is free."""

    info: JobInfo
    """The job's identity and labels."""
    waiting: Waiting = Waiting.SLOT
    """The reason why it has not started."""

    leads_to: ClassVar[JobState | None] = JobState.QUEUED


class JobWaiting(Event, frozen=True):
    """A job waits for something else than before: in the queue, or in its own code.

    A running job waits in ``acquire``, for another job, or for a slot after that.
    """

    waiting: Waiting | None
    """The new reason why it waits; None if it goes on."""
    waits_for: tuple[str, ...] = ()
    """The ids of the jobs, or the names of the resources, that it waits for; the first ten."""
    due: float | None = None
    """When its turn at a rate is expected, in seconds since the epoch; None for other reasons."""
    reason: str | None = None
    """Why no worker of its cluster begins it, in words; None where no reason is known."""


class JobStarted(Event, frozen=True):
    """An attempt begins.  Its function may not have run its first line yet."""

    attempt: int
    """The number of the attempt, from 1."""
    runner: str
    """The name of the runner that executes it: "trio", "thread", …"""
    where: str = ""
    """The place where it runs, such as the address of a worker; empty on this machine."""

    leads_to: ClassVar[JobState | None] = JobState.RUNNING


class JobProgressed(Event, frozen=True):
    """Progress was sampled, at most ten times a second however often the job reports."""

    progress: Progress
    """The progress at the time of the sample."""


class JobLogged(Event, frozen=True):
    """The job has written to its log.

    Conflated like progress; the lines are in ``job.log_lines()``.
    """

    total: int
    """The number of lines written so far."""
    cut: int = 0
    """The number of lines dropped, oldest first, because the log has a limit."""


class JobRequested(Event, frozen=True):
    """The job was asked to pause or to resume, or a deadline passed: not done yet."""

    request: Request | None
    """The request; None if one was taken back, by a resume before the job had paused."""
    reason: str | None = None
    """The reason given with the request; None for no reason."""


class JobCancelling(Event, frozen=True):
    """A started job was asked to cancel.  It may still succeed by returning normally."""

    reason: str | None = None
    """The reason given with the cancel; None for no reason."""

    leads_to: ClassVar[JobState | None] = JobState.CANCELLING


class JobPaused(Event, frozen=True):
    """The job stands still: its slot is free, its resources are still held."""

    leads_to: ClassVar[JobState | None] = JobState.PAUSED


class JobResumed(Event, frozen=True):
    """A paused job goes on."""

    leads_to: ClassVar[JobState | None] = JobState.RUNNING


class JobRetried(Event, frozen=True):
    """An attempt failed or snoozed, and the job is queued for another one at ``due``."""

    due: float
    """The earliest time of the next attempt, in seconds since the epoch."""
    error: ErrorText | None = None
    """The error of the attempt, as text; None after a snooze."""

    leads_to: ClassVar[JobState | None] = JobState.QUEUED


class JobStuck(Event, frozen=True):
    """The job was asked to stop, and is silent past its grace.

    Its slot stays taken until it really ends.
    """


class JobStopped(Event, frozen=True):
    """The process stopped under the job: it is interrupted, at rest, not ended."""

    outcome: Outcome
    """The state in which it rests, with its error and reason, if any."""

    leads_to: ClassVar[JobState | None] = JobState.INTERRUPTED


class JobRequeued(Event, frozen=True):
    """An interrupted job was resumed and waits for its next attempt."""

    waiting: Waiting = Waiting.SLOT
    """The reason why it has not started."""

    leads_to: ClassVar[JobState | None] = JobState.QUEUED


class JobFinished(Event, frozen=True):
    """The job reached its one terminal state, ``outcome.state``.  Nothing but reading follows."""

    outcome: Outcome
    """The terminal state, with the result, error and reason, if any."""


class JobUpdated(Event, frozen=True):
    """The job's info was changed: priority, name, tags, or another part of it."""

    info: JobInfo
    """The info from now on."""


class JobRead(Event, frozen=True):
    """The terminal job's outcome was taken or looked at; the registry may let it go."""


class JobRemoved(Event, frozen=True):
    """The registry let the job go.  The last event of a job."""

    why: str
    """The call or rule that removed it, such as "taken" or a limit of retention."""
    unread: bool = False
    """Whether its outcome was never read."""


class JobRestated(Event, frozen=True):
    """Not a change: the job's present state, which a new subscriber gets first."""

    snapshot: JobSnapshot
    """The job at the time of the subscription."""


KINDS: Final[Mapping[str, type[Event]]] = {
    kind.__name__: documented(kind)
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
"""The kinds of events by their names."""


def check_kinds(kinds: tuple[object, ...]) -> None:
    """Raise for anything but classes of events.

    Raises:
        TypeError: the message shows how they are given.
    """
    for kind in kinds:
        if not any(kind is known for known in (Event, *KINDS.values())):
            raise TypeError(
                "the kinds of events are classes, one argument each, as in "
                f"on_event(function, ja.JobFinished, ja.JobStopped), not {kind!r:.100}"
            )
