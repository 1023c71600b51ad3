"""The batches of a terminal: all jobs of one ``map`` have one row, and one line at the end.

Pure, as the rest of the view.  The jobs of a batch have no lines of their own, except those that
fail or try again.  The counts are the engine's own, so that they are the same everywhere.  When the
last job has ended, one line has the result of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.states import JobState

from .terminal_text import amount, clock, duration, safe

if TYPE_CHECKING:
    from jobactors.engine.records.batch_tally import BatchTally
    from jobactors.model.batch_snapshot import BatchSnapshot


class BatchView:
    """One batch as a terminal shows it.

    Args:
        tally: Its counts.
    """

    def __init__(self, tally: BatchTally) -> None:
        self._tally = tally
        self._is_announced = False

    def starts_now(self) -> bool:
        """Return whether a job has begun for the first time since the last call."""
        if self._is_announced or not self._tally.has_begun:
            return False
        self._is_announced = True
        return True

    @property
    def is_complete(self) -> bool:
        """Whether all its jobs have ended."""
        return self._tally.is_complete

    def snapshot(self, now: float) -> BatchSnapshot:
        """Return its counts at this moment."""
        return self._tally.snapshot(now)


def count_text(batch: BatchSnapshot) -> str:
    """Return the number of ended jobs and of all, in words."""
    done = amount(batch.ended)
    return f"{done} so far" if batch.total is None else f"{done}/{amount(batch.total)} jobs"


def unwell_text(batch: BatchSnapshot) -> str:
    """Return the numbers of failed and cancelled jobs, in words; empty if there are none."""
    states = (JobState.FAILED, JobState.CANCELLED)
    counts = batch.by_state
    return ", ".join(f"{amount(counts[state])} {state}" for state in states if counts[state])


def elapsed_text(batch: BatchSnapshot, now: float) -> str:
    """Return the time since its first start."""
    elapsed = batch.elapsed(now)
    return "" if elapsed is None else clock(elapsed)


def label_of(batch: BatchSnapshot) -> str:
    """Return its name and its subject."""
    name = safe(batch.name)
    return f"{name} · {safe(batch.subject)}" if batch.subject else name


def started_text(batch: BatchSnapshot) -> str:
    """Return the text of the line for its start."""
    jobs = "" if batch.total is None else f": {_jobs(batch.total)}"
    return f"{label_of(batch)} started{jobs}"


def end_kind(batch: BatchSnapshot) -> str:
    """Return the mark of the line for its end."""
    for state in (JobState.FAILED, JobState.INTERRUPTED, JobState.CANCELLED):
        if batch.by_state[state]:
            return state.value
    return JobState.SUCCEEDED.value


def ended_text(batch: BatchSnapshot) -> str:
    """Return the text of the line for its end: "resize: 198 succeeded, 2 failed in 3 min"."""
    rests = batch.by_state[JobState.INTERRUPTED]
    missing = 0 if batch.total is None else batch.total - batch.submitted
    parts = [
        batch.ends,
        f"{rests} interrupted" if rests else "",
        f"{missing} not submitted" if missing > 0 else "",
    ]
    elapsed = batch.elapsed(0 if batch.stopped_at is None else batch.stopped_at)
    took = f" in {duration(elapsed)}" if elapsed else ""
    return f"{label_of(batch)}: {', '.join(filter(None, parts))}{took}"


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{amount(number)} jobs"
