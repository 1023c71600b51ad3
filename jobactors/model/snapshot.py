"""The frozen state of a job, and ``fold``, the only way to the next one."""

from __future__ import annotations

from msgspec import Struct

from jobactors.model.info import JobInfo

from .error_text import ErrorText
from .field_docs import documented
from .outcome import Outcome
from .progress import NO_PROGRESS, Progress
from .states import JobState, Request, Waiting


@documented
class JobSnapshot(Struct, frozen=True):
    """How a job stands at one moment.  Frozen: a later state is another snapshot."""

    info: JobInfo
    """Identity and labels."""
    state: JobState
    """Where the job is in its life."""
    changed_at: float
    """When ``state`` was entered, in seconds since the epoch."""
    attempt: int = 0
    """1 for the first attempt, 0 before it."""
    runner: str = ""
    """How the present or last attempt is executed."""
    started_at: float | None = None
    """When the first attempt began."""
    finished_at: float | None = None
    """When the terminal state was reached."""
    waiting: Waiting | None = None
    """Why a queued job has not started."""
    due: float | None = None
    """When the next attempt may start, after a retry."""
    request: Request | None = None
    """What was asked and has not happened yet."""
    reason: str | None = None
    """Why it was asked to stop, or was stopped."""
    progress: Progress = NO_PROGRESS
    """How far the present attempt is."""
    error: ErrorText | None = None
    """The error of the last attempt, as text."""
    outcome: Outcome | None = None
    """What it ended with, or came to rest with."""
    stuck: bool = False
    """Told to stop, and silent past its grace."""
    log_lines: int = 0
    """Lines it has written to its log."""
    log_cut: int = 0
    """How many of them were dropped to keep the log within its limit."""
    paused_for: float = 0
    """Seconds spent paused so far, without a pause that is still going on."""
    read: bool = False
    """Whether the outcome was read."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.info.id

    @property
    def name(self) -> str:
        """What a person reads."""
        return self.info.name

    @property
    def type(self) -> str:
        """The registered job type, or the function's name."""
        return self.info.type

    @property
    def subject(self) -> str:
        """What the job is about."""
        return self.info.subject

    def elapsed(self, now: float) -> float | None:
        """Seconds the job has been at work until ``now``, pauses left out; None if not begun."""
        if self.started_at is None:
            return None
        if self.state in {JobState.PAUSED, JobState.INTERRUPTED}:
            end = self.changed_at
        else:
            end = now if self.finished_at is None else self.finished_at
        return max(0.0, end - self.started_at - self.paused_for)

    def __repr__(self) -> str:
        percent = self.progress.percent
        parts = [
            f"<JobSnapshot {self.id} {self.state}",
            f"({self.waiting})" if self.waiting else "",
            f"{percent} %" if percent is not None and not self.state.is_terminal else "",
            "stuck" if self.stuck else "",
        ]
        return " ".join(filter(None, parts)) + ">"
