"""The registry as its users see it: ``jobs.registry``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.records.registry import TAKEN

if TYPE_CHECKING:
    from jobactors.model.snapshot import JobSnapshot

    from .jobs import Jobs


class RegistryView:
    """Looks at, takes and lists finished jobs, from any thread."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def peek(self, job_id: str) -> JobSnapshot:
        """Look at a job without reading it.

        Raises:
            UnknownJob: if there is none (any more).
        """
        return self._jobs.get(job_id).snapshot()

    def take(self, job_id: str) -> JobSnapshot:
        """Read a finished job and remove it from the registry; its handle keeps the outcome.

        Raises:
            UnknownJob: if there is none (any more).
            IllegalVerb: if it has not finished.
        """
        system = self._jobs._system
        return system.portal.call(system.ended.remove, job_id, TAKEN).snapshot

    def unread(self) -> list[JobSnapshot]:
        """The finished jobs whose outcome nobody has read, oldest end first."""
        system = self._jobs._system
        return system.portal.look(lambda: [record.snapshot for record in system.registry.unread()])

    def __len__(self) -> int:
        system = self._jobs._system
        return system.portal.look(system.registry.__len__)

    def __contains__(self, job_id: object) -> bool:
        system = self._jobs._system
        return system.portal.look(system.registry.__contains__, job_id)

    def __repr__(self) -> str:
        return f"<registry of {len(self)} jobs, {len(self.unread())} unread>"
