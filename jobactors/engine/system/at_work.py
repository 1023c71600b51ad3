"""The jobs that have not ended and do not rest, and how many have ended since there were none.

Displays show how far all work is together.  That of yesterday is no part of it, so it begins anew
with the first job after a time without any; until then what has ended counts, also when retention
has dropped it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record


class AtWork(dict[str, "Record"]):
    """The jobs at work, in the order of their submits.  Written by the loop's thread only."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: int = 0
        """The jobs that have ended since there was nothing to do."""

    def begin(self, record: Record) -> None:
        """Add a job, which may be one that goes on."""
        if not self:
            self.ended = 0
        self[record.id] = record

    def leave(self, job_id: str, *, for_good: bool) -> None:
        """Remove a job that has ended or come to rest."""
        if self.pop(job_id, None) is not None and for_good:
            self.ended += 1
