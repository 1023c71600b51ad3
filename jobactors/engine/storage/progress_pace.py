"""The pace at which the progress of running jobs is written."""

from __future__ import annotations

from typing import Final

PROGRESS_EVERY: Final = 5.0
"""Seconds between two writes of a job's progress, at least."""


class ProgressPace:
    """Notes when the progress of each job was written last.  Written by the loop's thread only."""

    __slots__ = ("_written_at",)

    def __init__(self) -> None:
        self._written_at: dict[str, float] = {}

    def is_due(self, job_id: str, now: float) -> bool:
        """Return whether a job's progress is due to be written; the next is due later then."""
        if now - self._written_at.get(job_id, 0.0) < PROGRESS_EVERY:
            return False
        self._written_at[job_id] = now
        return True

    def forget(self, job_id: str) -> None:
        """Forget a job that has ended."""
        self._written_at.pop(job_id, None)
