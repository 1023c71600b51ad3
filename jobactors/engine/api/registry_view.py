"""The registry as its users see it: ``jobs.registry``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.records.registry import TAKEN
from jobactors.model.errors import UnknownJob

if TYPE_CHECKING:
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.snapshot import JobSnapshot


class RegistryView:
    """Looks at, takes and lists finished jobs, from any thread."""

    def __init__(self, system: JobSystem) -> None:
        self._portal = system.parts.portal
        self._registry = system.parts.registry
        self._ended = system.core.ended

    def peek(self, job_id: str) -> JobSnapshot:
        """Look at a job without reading it.

        Raises:
            UnknownJob: if there is none (any more).
        """
        record = self._portal.look(self._ended.find_anywhere, job_id)
        if record is None:
            raise UnknownJob(job_id)
        return record.present

    def take(self, job_id: str) -> JobSnapshot:
        """Read a finished job and remove it from the registry; its handle still has the outcome.

        Raises:
            UnknownJob: if there is none (any more).
            IllegalVerb: if it has not finished.
        """
        return self._portal.move(self._ended.remove, job_id, TAKEN).snapshot

    def unread(self) -> list[JobSnapshot]:
        """Return the finished jobs that are unread, oldest end first."""
        return self._portal.look(lambda: [record.snapshot for record in self._registry.unread()])

    def __len__(self) -> int:
        return self._portal.look(self._registry.__len__)

    def __contains__(self, job_id: object) -> bool:
        return self._portal.look(self._registry.__contains__, job_id)

    def __repr__(self) -> str:
        return f"<registry of {len(self)} jobs, {len(self.unread())} unread>"
