"""info."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from .field_docs import documented

NO_METADATA: Final[Mapping[str, object]] = {}


@documented
class JobInfo(Struct, frozen=True):
    """What is known of a job beside its state.  Changed only by :class:`~.events.JobUpdated`."""

    id: str
    """Readable and unique across processes and restarts: ``train-3-k7m2x9qaef``."""
    type: str
    """The registered job type, or the function's name."""
    name: str
    """What a person reads; the type unless something better was given."""
    submitted_at: float
    """Seconds since the epoch."""
    description: str = ""
    """A sentence, or an empty string."""
    subject: str = ""
    """What the job is about: "wiki", "letter 42"."""
    tags: tuple[str, ...] = ()
    """Words to filter by."""
    metadata: Mapping[str, object] = NO_METADATA
    """Anything the submitter wants to keep with the job; shown, never interpreted."""
    icon: str = ""
    """A short text such as an emoji, shown before the name."""
    priority: int = 0
    """Larger runs first; "high" is 10, "normal" 0, "low" -10."""
    key: object = None
    """At most one unfinished job has it; None for no such rule."""
    continues: str | None = None
    """The id of the job that this one is a restart of."""
