"""Publishes the reason for which a job waits: in the queue, and while it runs.

Called after each move that may have changed it; an event follows only if it has.  A running job
waits in several tasks at once, and its snapshot shows the first of their waits: those for units,
then those for jobs, then that of a chain's phase for a cluster, then that for its slot.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from jobactors.engine.queue.wait_reason import NOTHING, WaitReason, reason_in_queue
from jobactors.model.events import JobWaiting
from jobactors.model.states import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.records.record import Record
    from jobactors.model.events import Event

    from .parts import Parts

MOST_NAMED: Final = 10
"""Jobs and resources that a snapshot names; a job may come after ten thousand others."""


class Explanation:
    """Publishes the reasons for which the jobs of one system wait.  In the loop's thread only.

    Args:
        parts: The parts of the system.
        emit: Makes an event true.
        wake_drains: Wakes the tasks that wait for the end of all jobs.
    """

    def __init__(
        self,
        parts: Parts,
        emit: Callable[[Record, Event], None],
        wake_drains: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._emit = emit
        self._wake_drains = wake_drains

    def tell(self, record: Record) -> None:
        """Publish the reason for which a job waits, if it has changed."""
        if record.id in self._parts.queue:
            reason = self._in_queue(record)
        elif record.snapshot.state.is_active:
            reason = self._at_work(record)
        else:
            return
        snapshot, waits_for = record.snapshot, reason.waits_for
        named = tuple(islice(waits_for, MOST_NAMED)) if waits_for else ()
        told = snapshot.reason if snapshot.waiting is Waiting.CLUSTER else None
        if (reason.waiting, named, reason.text) == (snapshot.waiting, snapshot.waits_for, told):
            return
        now, text = self._parts.clock.now(), reason.text
        self._emit(record, JobWaiting(record.id, now, reason.waiting, named, reason.due, text))
        self._wake_drains()  # it may wait for a job at rest from now on

    def _in_queue(self, record: Record) -> WaitReason:
        reason = reason_in_queue(self._parts.queue, record.id, self._parts.clock.now())
        journal = self._parts.journal
        if reason.waiting is Waiting.SLOT and journal is not None and journal.is_stalled:
            return WaitReason(Waiting.STORE)
        return reason

    def _at_work(self, record: Record) -> WaitReason:
        waits = self._parts.queue.waits.of(record.id)
        names = {name: None for wait in waits for needs in wait.units for name in needs}
        if names:
            rates = self._parts.queue.resources.rates
            turns = [rates[name].turn_of(1) for name in names if name in rates]
            if turns:
                return WaitReason(Waiting.RATE, names, min(turns))
            return WaitReason(Waiting.RESOURCE, names)
        if waits:
            jobs = (job for wait in waits for job in wait.jobs)
            return WaitReason(Waiting.DEPENDENCY, dict.fromkeys(islice(jobs, MOST_NAMED)))
        phase = None if record.actor is None else record.actor.phase
        if phase is not None and phase.awaits_cluster:
            return WaitReason(Waiting.CLUSTER, text=phase.wait_reason)
        return WaitReason(Waiting.SLOT) if self._parts.slots.is_returning(record.id) else NOTHING
