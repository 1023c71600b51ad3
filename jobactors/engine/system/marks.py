"""Marks on single jobs: what of one could not be stored stands in its own log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.events import JobLogged
from jobactors.model.plain_values import LONGEST_LABEL, plain_text

if TYPE_CHECKING:
    from .core import Core


def mark_left_out(core: Core, job_id: str, why: str) -> None:
    """Write into a job's log that something of it could not be stored, once for each reason.

    Only once: the mark itself is a change of the job, which is written with the next batch.
    """
    record = core.find(job_id)
    if record is None:
        return
    log, line = record.open_log(), f"not stored: {plain_text(why, LONGEST_LABEL)}"
    if any(written.text == line for written in log.lines()):
        return
    now = core.clock.now()
    log.add(line, "WARNING", now)
    core.emit(record, JobLogged(job_id, now, log.total, log.cut))
