"""``BatchSnapshot``: the jobs of one ``map`` or group at one moment, as one thing with totals."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from .error_text import ErrorText
from .field_docs import documented
from .progress import Progress
from .states import TERMINAL, JobState


@documented
class BatchSnapshot(Struct, frozen=True):
    """A batch at one moment.  Frozen: a later state is another snapshot."""

    id: str
    """The batch's id, which is in the ``info.batch`` of its jobs; the name of a group."""
    name: str
    """The label that a person reads."""
    type: str
    """The job type of its first job; empty before there is one."""
    subject: str
    """The subject of its first job; may be empty."""
    state: JobState
    """The state that describes the whole: *running* while a job runs, *failed* if one has failed,
    *succeeded* if all have."""
    by_state: Mapping[JobState, int]
    """The number of its jobs in each state; all states are listed.  Ended jobs count also when
    retention has removed them, and a restarted one counts once."""
    submitted: int
    """The number of jobs that were submitted so far; a restarted one counts once."""
    total: int | None
    """The number of jobs there will be; None while that is not known."""
    progress: Progress
    """``done`` of ``total`` jobs have ended, in the unit "jobs"; ``fraction`` counts the progress
    of those at work as well."""
    is_open: bool
    """Whether more input may come."""
    is_paused: bool
    """Whether no more input is taken until a resume."""
    started_at: float | None
    """The time at which its first job started, later by as long as nothing of it was under way,
    in seconds since the epoch; None before it."""
    stopped_at: float | None
    """The time since which nothing of it is under way, in seconds since the epoch; None while
    something is."""
    error: ErrorText | None
    """The error of the job that failed last, or of the input; None for none."""
    unread: int = 0
    """The number of failed jobs whose outcome has not been read."""
    lost: int | None = 0
    """The number of inputs of a ``map`` that were still to be taken in when its process was killed.
    Nothing can submit them any more; 0 for none, None if their number was never known."""

    @property
    def ended(self) -> int:
        """The number of jobs that have ended, in whatever way."""
        return sum(self.by_state[state] for state in TERMINAL)

    @property
    def succeeded(self) -> int:
        """The number of jobs that have returned a result."""
        return self.by_state[JobState.SUCCEEDED]

    @property
    def failed(self) -> int:
        """The number of jobs that have failed."""
        return self.by_state[JobState.FAILED]

    @property
    def cancelled(self) -> int:
        """The number of jobs that were cancelled."""
        return self.by_state[JobState.CANCELLED]

    def elapsed(self, now: float) -> float | None:
        """Return the seconds at work until ``now``; None if none of its jobs has begun."""
        if self.started_at is None:
            return None
        return max(0.0, (now if self.stopped_at is None else self.stopped_at) - self.started_at)

    @property
    def counted(self) -> str:
        """The number of ended jobs in words: "66 of 200", or "66 so far" without a total."""
        return f"{self.ended} so far" if self.total is None else f"{self.ended} of {self.total}"

    @property
    def cut_off(self) -> str:
        """The input that was lost with the process of a ``map``, in words; empty for none."""
        if self.lost:
            given = (self.total or 0) + self.lost
            return (
                f"{self.total} of {given} submitted; the rest of the input is gone with its process"
            )
        if self.lost is None and self.by_state[JobState.INTERRUPTED]:
            more = "the rest of the input, if there was more, is gone with its process"
            return f"{self.submitted} submitted; {more}"
        return ""

    @property
    def ends(self) -> str:
        """The ends of its jobs, in words: "198 succeeded, 2 failed"; empty before the first."""
        counts = {state: self.by_state[state] for state in ENDS}
        return ", ".join(f"{number} {state}" for state, number in counts.items() if number)

    def __repr__(self) -> str:
        unwell = [
            f"{self.by_state[state]} {state}"
            for state in (JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)
            if self.by_state[state]
        ]
        lost = [self.cut_off] if self.cut_off else []
        parts = [f"<BatchSnapshot {self.id} {self.state}", self.counted, *unwell, *lost]
        return ", ".join(parts) + ">"


ENDS = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
"""The terminal states, in the order in which they are named."""


def state_of_all(
    by_state: Mapping[JobState, int], *, more_comes: bool, is_paused: bool, has_failed: bool
) -> JobState:
    """Return the one state that describes many jobs.

    Args:
        by_state: The number of jobs in each state.
        more_comes: Whether more input is taken in.
        is_paused: Whether that waits for a resume.
        has_failed: Whether the input itself has failed.
    """
    for state in (JobState.RUNNING, JobState.CANCELLING, JobState.PAUSED):
        if by_state[state]:
            return state
    if is_paused and (more_comes or by_state[JobState.QUEUED]):
        return JobState.PAUSED
    if by_state[JobState.QUEUED]:
        return JobState.QUEUED
    if more_comes:
        return JobState.RUNNING if any(by_state.values()) else JobState.QUEUED
    if by_state[JobState.INTERRUPTED]:
        return JobState.INTERRUPTED
    if has_failed or by_state[JobState.FAILED]:
        return JobState.FAILED
    return JobState.CANCELLED if by_state[JobState.CANCELLED] else JobState.SUCCEEDED
