"""The reason for which a job waits, and for what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.model.states import Waiting

if TYPE_CHECKING:
    from .job_queue import JobQueue


class WaitReason(Struct, frozen=True):
    """One reason."""

    waiting: Waiting | None
    """The reason; None if the job does not wait."""
    waits_for: Iterable[str] = ()
    """The ids of jobs, or the names of resources."""
    due: float | None = None
    """When its turn at a rate is expected, in seconds since the epoch."""
    text: str | None = None
    """Why no worker of its cluster begins it, in words; None where no reason is known."""


NOTHING: Final = WaitReason(None)
_A_SLOT: Final = WaitReason(Waiting.SLOT)


def reason_in_queue(queue: JobQueue, job_id: str, now: float) -> WaitReason:
    """Return the reason for which a queued job has not started: the first gate that is shut."""
    entry = queue.entry(job_id)
    if entry.held or queue.dispatch_held:
        return WaitReason(Waiting.HOLD)
    if entry.upstream:
        return WaitReason(Waiting.DEPENDENCY, entry.upstream)
    if entry.due > now:
        return WaitReason(entry.why_due)
    # It is looked at again when a slot is free; till then what it was parked for may be free.
    missing = None if entry.parked is None else queue.missing(entry)
    if missing is None:
        return _A_SLOT
    rate = queue.resources.rates.get(missing)
    if rate is None:
        return WaitReason(Waiting.RESOURCE, (missing,))
    due = rate.turn_of((entry.ahead + 1) * entry.needs[missing])
    return WaitReason(Waiting.RATE, (missing,), due)
