"""``JobNode``: one job of a graph."""

from __future__ import annotations

from msgspec import Struct

from .field_docs import documented
from .states import JobState


@documented
class JobNode(Struct, frozen=True):
    """One job of a graph."""

    job_id: str
    """The id of the job."""
    name: str
    """Its name; its id, if the job is not there any more."""
    state: JobState | None
    """Its state; None if the job is not there any more."""
    after: tuple[str, ...]
    """The ids of the jobs that it comes after."""
    seconds: float
    """Seconds at work, up to now."""
