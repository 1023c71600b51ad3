"""Resources a running job asks for, while it runs: granted in order, refused in a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import Deadlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .job_queue import JobQueue


class ResourceRequest:
    """One job waits for one of several needs.  Written by the loop's thread."""

    __slots__ = ("alternatives", "doing", "granted", "job_id", "taken")

    def __init__(
        self, job_id: str, alternatives: tuple[Mapping[str, int], ...], doing: str
    ) -> None:
        self.job_id: str = job_id
        self.alternatives: tuple[Mapping[str, int], ...] = alternatives
        self.doing: str = doing
        self.granted: Latch = Latch()
        self.taken: Mapping[str, int] | None = None

    @property
    def names(self) -> frozenset[str]:
        """The resources it could be met with."""
        return frozenset(name for needs in self.alternatives for name in needs)


class ResourceRequests:
    """The requests of running jobs, first come first served, before any queued job.

    A job that runs holds a slot and perhaps other resources; making it wait behind jobs that have
    not begun would hold up more than it helps.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._resources = queue.resources
        queue.is_requested = self.waits_for
        self.waiting: list[ResourceRequest] = []
        """Those that wait for units, in the order in which they asked."""

    def add(self, request: ResourceRequest) -> bool:
        """Meet a request at once, or let it wait; returns whether it was met.

        Raises:
            TooMuch: if no alternative can ever be met.
            Deadlock: if everybody who could give the units back waits, in a circle, for this job.
        """
        for needs in request.alternatives:
            self._resources.check(needs)
        if self._grant(request):
            return True
        self._refuse_circle(request)
        self.waiting.append(request)
        return False

    def withdraw(self, request: ResourceRequest) -> None:
        """The job does not want it any more."""
        if request in self.waiting:
            self._leave(request)

    def waits_for(self, name: str) -> bool:
        """Whether any request waits for units of ``name``."""
        return any(name in request.names for request in self.waiting)

    def needs_of(self, job_id: str) -> frozenset[str]:
        """What a job still needs."""
        mine = [request.names for request in self.waiting if request.job_id == job_id]
        return frozenset[str]().union(*mine)

    def serve(self) -> None:
        """Units came back: meet the requests that can be met now, in order."""
        for request in list(self.waiting):
            if self._grant(request):
                self._leave(request)

    def _leave(self, request: ResourceRequest) -> None:
        self.waiting.remove(request)
        self._queue.look_again(request.names)

    def _grant(self, request: ResourceRequest) -> bool:
        for needs in request.alternatives:
            if all(units <= self._resources.free(name) for name, units in needs.items()):
                self._resources.take(request.job_id, needs, request.doing)
                request.taken = needs
                request.granted.set()
                return True
        return False

    def _refuse_circle(self, request: ResourceRequest) -> None:
        """A job is lost if each of its alternatives is held by lost jobs, or by the claimant."""
        lost = {request.job_id}
        changed = True
        while changed:
            changed = False
            for other in self.waiting:
                if other.job_id not in lost and self._hopeless(other, lost):
                    lost.add(other.job_id)
                    changed = True
        if self._hopeless(request, lost):
            name = next(iter(request.names))
            raise Deadlock(request.job_id, name, (*sorted(lost), request.job_id))

    def _hopeless(self, request: ResourceRequest, lost: set[str]) -> bool:
        return all(
            any(
                units > self._resources.free(name) and set(self._resources.holders(name)) <= lost
                for name, units in needs.items()
            )
            for needs in request.alternatives
        )
