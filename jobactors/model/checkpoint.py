"""Checkpoints as people see them: the state of work that has not come to its end."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from .chain_result import ItemError
from .field_docs import documented


@documented
class Checkpoint(Struct, frozen=True):
    """A stored checkpoint: the progress of a job, and the value it needs to go on."""

    type: str
    """The job type, or the function's name."""
    subject: str
    """The subject of the job; may be empty."""
    part: str
    """Empty for a job of one piece; else a phase's or a range's own name."""
    job_id: str
    """The job it belongs to: the one that saved it, or took it over."""
    value: Any
    """The value that the job saved."""
    items: float
    """The number of items done by then."""
    fraction: float | None
    """The progress of the job, from 0 to 1; None if it had reported none."""
    created_at: float
    """The time of the first checkpoint of this part, in seconds since the epoch."""
    saved_at: float
    """The time of this one, in seconds since the epoch."""
    error_count: int = 0
    """The number of errors that :func:`~jobactors.collect_errors` has collected in this part."""
    errors: tuple[ItemError, ...] = ()
    """The first thousand of them, each with its item."""

    @property
    def percent(self) -> int | None:
        """``fraction`` as whole percent, rounded down."""
        return None if self.fraction is None else int(self.fraction * 100)

    def in_words(self, now: float) -> str:
        """Return its progress and age for a person: "45 %, 2 h ago"."""
        return how_far_and_when(self.fraction, self.items, now - self.saved_at)

    def __repr__(self) -> str:
        # The value stays out: it may be huge, and it may hold what must not stand in a log.
        about = " ".join(repr(word) for word in (self.type, self.subject, self.part) if word)
        far = "" if self.percent is None else f" at {self.percent} %"
        return f"<Checkpoint of {about}{far}, {self.items:g} items, job {self.job_id}>"


def how_far_and_when(fraction: float | None, items: float, age: float) -> str:
    """Describe the progress and age of a checkpoint: "45 %, 2 h ago", "300 items, 5 min ago"."""
    if fraction is not None:
        far = f"{int(fraction * 100)} %"
    else:
        far = "1 item" if items == 1 else f"{round(items):,} items"
    return f"{far}, {_ago(age)}"


def _ago(seconds: float) -> str:
    for unit, length in (("day", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count = int(seconds // length)
        if count >= 1:
            plural = "s" if unit == "day" and count > 1 else ""
            return f"{count} {unit}{plural} ago"
    return "just now"
