"""Rows to write, with everything that does not matter filled in."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from jobactors.model.states import JobState
from jobactors.model.stored_rows import AddEvent, CheckpointRow, EventRow, JobRow, PutJob, SetStatus

DAY = 86400.0
NOW = 1_700_000_000.0


def job(id: str, state: JobState = JobState.QUEUED, *, end: float = NOW, **more: Any) -> JobRow:
    """A job; one in a terminal state has ended at ``end``."""
    row = JobRow(
        id=id,
        type="train",
        subject="wiki",
        state=state,
        submitted_at=NOW,
        changed_at=end if state.is_terminal else NOW,
        finished_at=end if state.is_terminal else None,
        read=False,
        spec='{"epochs": 30}',
        status="{}",
    )
    return replace(row, **more)


def put(id: str, state: JobState = JobState.QUEUED, *, end: float = NOW, **more: Any) -> PutJob:
    """Return the write of such a job."""
    return PutJob(job(id, state, end=end, **more))


def status(id: str, state: JobState, *, end: float = NOW, **more: Any) -> SetStatus:
    """Change how a job stands."""
    write = SetStatus(
        id=id,
        state=state,
        changed_at=end,
        finished_at=end if state.is_terminal else None,
        read=False,
        status='{"attempt": 1}',
    )
    return replace(write, **more)


def event(job_id: str, kind: str = "JobStarted", at: float = NOW) -> AddEvent:
    """Append a line to a log."""
    return AddEvent(EventRow(job_id, at, kind))


def checkpoint(part: str = "", **more: Any) -> CheckpointRow:
    """A checkpoint of (train, wiki)."""
    row = CheckpointRow(
        type="train",
        subject="wiki",
        part=part,
        job_id="a",
        attempt=1,
        value="45",
        items=45.0,
        fraction=0.45,
        created_at=NOW,
        saved_at=NOW,
    )
    return replace(row, **more)
