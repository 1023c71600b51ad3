"""The batches of a terminal: all jobs of one ``map`` have one row, and one line at the end.

Pure, as the rest of the view.  The jobs of a batch have no lines of their own, except those that
fail or try again: they are counted.  When the last one has ended, one line has the result of all.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from jobactors.model.states import JobState

from .terminal_text import amount, clock, duration, safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.model.batch_total import BatchTotal
    from jobactors.model.snapshot import JobSnapshot


class BatchView:
    """One batch as a terminal shows it.

    Args:
        first: Its first job.
        total: Its number of jobs, which may change; None where it is not known here.
    """

    def __init__(self, first: JobSnapshot, total: BatchTotal | None) -> None:
        self.label: str = safe(first.info.type)
        self._total = total
        self._began = first.started_at
        self._last = 0.0
        self._ends: Counter[JobState] = Counter()

    @property
    def total(self) -> int | None:
        """The number of its jobs, once that is known."""
        return None if self._total is None else self._total.jobs

    @property
    def ended(self) -> int:
        """The number of its jobs that have ended."""
        return self._ends.total()

    @property
    def is_complete(self) -> bool:
        """Whether all its jobs have ended."""
        return self.total is not None and self.ended >= self.total

    def note(self, job: JobSnapshot) -> bool:
        """Take a job's state in; returns whether the batch begins with it."""
        if job.state.is_terminal:
            self._ends[job.state] += 1
            self._last = job.finished_at or job.changed_at
        if job.started_at is None or self._began is not None:
            return False
        self._began = job.started_at
        return True

    def fraction(self, at_work: Iterable[JobSnapshot]) -> float | None:
        """Return the progress of all its jobs from 0 to 1; None while their number is unknown."""
        if not self.total:
            return None
        partly = sum(job.progress.fraction or 0 for job in at_work)
        return min(1.0, (self.ended + partly) / self.total)

    @property
    def count(self) -> str:
        """The number of ended jobs and of all, in words."""
        done = amount(self.ended)
        return f"{done}/{amount(self.total)} jobs" if self.total else f"{done} jobs"

    @property
    def unwell(self) -> str:
        """The numbers of failed and cancelled jobs, in words; empty if there are none."""
        states = (JobState.FAILED, JobState.CANCELLED)
        return ", ".join(f"{self._ends[state]} {state}" for state in states if self._ends[state])

    def elapsed(self, now: float) -> str:
        """Return the time since its first start."""
        return "" if self._began is None else clock(max(0.0, now - self._began))

    @property
    def started_text(self) -> str:
        """The text of the line for its start."""
        return (
            f"{self.label} started: {_jobs(self.total)}" if self.total else f"{self.label} started"
        )

    @property
    def kind(self) -> str:
        """The mark of the line for its end."""
        for state in (JobState.FAILED, JobState.CANCELLED):
            if self._ends[state]:
                return state.value
        return JobState.SUCCEEDED.value

    @property
    def ended_text(self) -> str:
        """The text of the line for its end."""
        took = "" if self._began is None else f" in {duration(max(0.0, self._last - self._began))}"
        unwell = f", {self.unwell}" if self.unwell else ""
        return f"{self.label}: {_jobs(self.ended)}{unwell}{took}"


def _jobs(number: int | None) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
