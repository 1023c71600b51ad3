"""Resources a running job asks for, while it runs: granted in order, refused in a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.latch import Latch
from jobactors.model.errors import Deadlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .waiting_room import WaitingRoom


class Claim:
    """One job waits for one of several needs.  Written by the loop's thread."""

    __slots__ = ("alternatives", "doing", "granted", "job_id", "taken")

    def __init__(
        self, job_id: str, alternatives: tuple[Mapping[str, int], ...], doing: str
    ) -> None:
        self.job_id = job_id
        self.alternatives = alternatives
        self.doing = doing
        self.granted = Latch()
        self.taken: Mapping[str, int] | None = None

    @property
    def names(self) -> frozenset[str]:
        """The resources it could be met with."""
        return frozenset(name for needs in self.alternatives for name in needs)


class Claims:
    """The claims of running jobs, first come first served, before any queued job.

    A job that runs holds a slot and perhaps other resources; making it wait behind jobs that have
    not begun would hold up more than it helps.
    """

    def __init__(self, room: WaitingRoom) -> None:
        self._room = room
        self._resources = room.resources
        room.is_claimed = self.waits_for
        self.waiting: list[Claim] = []
        """Those that wait for units, in the order in which they asked."""

    def add(self, claim: Claim) -> bool:
        """Meet a claim at once, or let it wait; returns whether it was met.

        Raises:
            TooMuch: if no alternative can ever be met.
            Deadlock: if everybody who could give the units back waits, in a circle, for this job.
        """
        for needs in claim.alternatives:
            self._resources.check(needs)
        if self._grant(claim):
            return True
        self._refuse_circle(claim)
        self.waiting.append(claim)
        return False

    def withdraw(self, claim: Claim) -> None:
        """The job does not want it any more."""
        if claim in self.waiting:
            self._leave(claim)

    def waits_for(self, name: str) -> bool:
        """Whether any claim waits for units of ``name``."""
        return any(name in claim.names for claim in self.waiting)

    def needs_of(self, job_id: str) -> frozenset[str]:
        """What a job still needs."""
        mine = [claim.names for claim in self.waiting if claim.job_id == job_id]
        return frozenset[str]().union(*mine)

    def serve(self) -> None:
        """Units came back: meet the claims that can be met now, in order."""
        for claim in list(self.waiting):
            if self._grant(claim):
                self._leave(claim)

    def _leave(self, claim: Claim) -> None:
        self.waiting.remove(claim)
        self._room.look_again(claim.names)

    def _grant(self, claim: Claim) -> bool:
        for needs in claim.alternatives:
            if all(units <= self._resources.free(name) for name, units in needs.items()):
                self._resources.take(claim.job_id, needs, claim.doing)
                claim.taken = needs
                claim.granted.set()
                return True
        return False

    def _refuse_circle(self, claim: Claim) -> None:
        """A job is lost if each of its alternatives is held by lost jobs, or by the claimant."""
        lost = {claim.job_id}
        changed = True
        while changed:
            changed = False
            for other in self.waiting:
                if other.job_id not in lost and self._hopeless(other, lost):
                    lost.add(other.job_id)
                    changed = True
        if self._hopeless(claim, lost):
            name = next(iter(claim.names))
            raise Deadlock(claim.job_id, name, (*sorted(lost), claim.job_id))

    def _hopeless(self, claim: Claim, lost: set[str]) -> bool:
        return all(
            any(
                units > self._resources.free(name) and set(self._resources.holders(name)) <= lost
                for name, units in needs.items()
            )
            for needs in claim.alternatives
        )
