"""The frozen state of a job, and ``fold``, the only way to the next one."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from jobactors.model.info import JobInfo

from .error_text import ErrorText
from .field_docs import documented
from .outcome import Answer, Outcome
from .progress import NO_PROGRESS, Progress
from .states import JobState, Request, Waiting

if TYPE_CHECKING:
    from .plain_snapshot import Getter

_ANSWERS: Final = {
    Answer.STOPPED: "it stopped when told",
    Answer.FINISHED: "it was told to stop, and has finished all the same",
    Answer.UNHEARD: "it had finished before it looked",
}


@documented
class JobSnapshot(Struct, frozen=True):
    """A job at one moment.  Frozen: a later state is another snapshot.

    It is also a read-only mapping of plain values, those of :meth:`to_dict`: ``dict(snapshot)`` is
    JSON, web frameworks return it, and ``pandas.DataFrame(jobs.list())`` has a row for each job.
    """

    info: JobInfo
    """Identity and labels."""
    state: JobState
    """The state of the job."""
    changed_at: float
    """The time at which ``state`` was entered, in seconds since the epoch."""
    attempt: int = 0
    """The number of the attempt: 1 for the first, 0 before it."""
    runner: str = ""
    """The name of the present or last attempt's runner; empty before the first."""
    where: str = ""
    """The place of that attempt, such as the address of a cluster's worker; empty on this
    machine."""
    started_at: float | None = None
    """The time of the first attempt's start, in seconds since the epoch; None before it."""
    finished_at: float | None = None
    """The time of the job's end, in seconds since the epoch; None before it."""
    waiting: Waiting | None = None
    """The reason why a queued job has not started, or why a running one waits in its own code; None
    otherwise."""
    waits_for: tuple[str, ...] = ()
    """The ids of the jobs, or the names of the resources, that it waits for: the first ten."""
    due: float | None = None
    """The earliest time of the next attempt, in seconds since the epoch; None if it is not due
    later."""
    request: Request | None = None
    """A request that is not fulfilled yet; None for no request."""
    reason: str | None = None
    """The reason why it was asked to stop, or was stopped; while it waits for a cluster, why no
    worker begins it; None for no reason."""
    progress: Progress = NO_PROGRESS
    """The progress of the present attempt."""
    error: ErrorText | None = None
    """The error of the last attempt, as text; None if it had none."""
    outcome: Outcome | None = None
    """The end of the job, or its rest; None before it."""
    stuck: bool = False
    """Whether it was asked to stop, and is silent past its grace."""
    log_lines: int = 0
    """The number of lines that it has written to its log."""
    log_cut: int = 0
    """The number of these lines that were dropped, because the log has a limit."""
    paused_for: float = 0
    """Seconds spent paused so far, without a pause that is still going on."""
    read: bool = False
    """Whether the outcome has been read."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.info.id

    @property
    def name(self) -> str:
        """The label that a person reads."""
        return self.info.name

    @property
    def type(self) -> str:
        """The registered job type, or the function's name."""
        return self.info.type

    @property
    def subject(self) -> str:
        """The subject of the job; may be empty."""
        return self.info.subject

    @property
    def explanation(self) -> str:
        """The reason for its end, and how its code answered the request to end; may be empty.

        Of a job that waits for a cluster, the reason why no worker begins it.
        """
        answer = None if self.outcome is None else self.outcome.answer
        reason = self.reason or ""
        if answer is None:
            return reason
        return f"{reason} ({_ANSWERS[answer]})" if reason else _ANSWERS[answer]

    def elapsed(self, now: float) -> float | None:
        """Return the seconds at work until ``now``, pauses left out; None if it has not begun."""
        if self.started_at is None:
            return None
        if self.state in {JobState.PAUSED, JobState.INTERRUPTED}:
            end = self.changed_at
        else:
            end = now if self.finished_at is None else self.finished_at
        return max(0.0, end - self.started_at - self.paused_for)

    # -- as plain values

    def to_dict(self) -> dict[str, object]:
        """Return the snapshot as one flat dictionary of values that JSON has.

        Times are seconds since the epoch.  The result stays out, since it may be anything and of
        any size; a value in ``metadata`` that JSON cannot hold is named by its type, and a number
        that JSON does not have is None.

        Example::

            json.dumps([snapshot.to_dict() for snapshot in jobs.list()])
        """
        return {name: get(self) for name, get in _plain_values().items()}

    def keys(self) -> KeysView[str]:
        """Return the names of the values of :meth:`to_dict`."""
        return _plain_values().keys()

    def __getitem__(self, name: str) -> object:
        return _plain_values()[name](self)

    def __iter__(self) -> Iterator[str]:
        return iter(_plain_values())

    def __len__(self) -> int:
        return len(_plain_values())

    # -- times for people

    @property
    def submitted_time(self) -> datetime:
        """The time of the submit, in the local time zone."""
        return datetime.fromtimestamp(self.info.submitted_at).astimezone()

    @property
    def started_time(self) -> datetime | None:
        """``started_at`` as a datetime in the local time zone; None before the start."""
        return _local_time(self.started_at)

    @property
    def finished_time(self) -> datetime | None:
        """``finished_at`` as a datetime in the local time zone; None before the end."""
        return _local_time(self.finished_at)

    @property
    def due_time(self) -> datetime | None:
        """``due`` as a datetime in the local time zone; None if it is not due later."""
        return _local_time(self.due)

    @property
    def _why_none_begins(self) -> str:
        """The reason why no worker of its cluster begins it; empty where none is known."""
        waits = self.waiting is Waiting.CLUSTER and self.request is None
        return (self.reason or "") if waits else ""

    def _waiting_text(self) -> str:
        known = ", ".join(self.waits_for) or self._why_none_begins
        return f"{self.waiting}: {known}" if known else f"{self.waiting}"

    def __repr__(self) -> str:
        percent = self.progress.percent
        parts = [
            f"<JobSnapshot {self.id} {self.state}",
            f"({self._waiting_text()})" if self.waiting else "",
            f"{percent} %" if percent is not None and not self.state.is_terminal else "",
            "stuck" if self.stuck else "",
        ]
        return " ".join(filter(None, parts)) + ">"


cast("Any", Mapping).register(JobSnapshot)  # to a type checker it stays a struct


def _plain_values() -> Mapping[str, Getter]:
    """Return the plain values of a snapshot; loaded when they are first asked for."""
    from .plain_snapshot import PLAIN

    return PLAIN


def _local_time(at: float | None) -> datetime | None:
    """Return seconds since the epoch as a datetime in the local time zone; None for None."""
    return None if at is None else datetime.fromtimestamp(at, UTC).astimezone()
