"""The desk: lends the slots of jobs that wait, and grants units to jobs that run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobactors.inside.signals.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from jobactors.engine.queue.request_lines import ResourceRequest
    from jobactors.engine.queue.slots import Loan
    from jobactors.engine.queue.wait_graph import WaitEdge
    from jobactors.engine.records.record import Record

    from .parts import Parts


class SlotDesk:
    """Serves the running jobs of one system.  In the loop's thread only.

    Args:
        parts: The parts of the system.
        pump: Starts the jobs that can start now.
        wake_drains: Wakes the tasks that wait for the end of all jobs.
        explain: Publishes the reason for which a job waits, if it has changed.
    """

    def __init__(
        self,
        parts: Parts,
        pump: Callable[[], None],
        wake_drains: Callable[[], None],
        explain: Callable[[Record], None],
    ) -> None:
        self._slots = parts.slots
        self._queue = parts.queue
        self._requests = parts.requests
        self._rates = parts.rates
        self._pump = pump
        self._wake_drains = wake_drains
        self.explain: Callable[[Record], None] = explain
        """Publishes the reason for which a job waits, if it has changed."""

    def lend_slot(
        self, waiting: Record, waits: Collection[WaitEdge], goes_on: bool = False
    ) -> Loan:
        """Free the slot of a running job that waits, perhaps for other jobs, or goes on elsewhere.

        Raises:
            Deadlock: if they wait, in a circle, for this one.
        """
        loan = self._slots.lend(waiting.id, waits, goes_on)
        self.explain(waiting)
        self._wake_drains()
        self._pump()
        return loan

    def want_slot(self, waiting: Record, loan: Loan) -> Latch:
        """End a loan; return the latch that is set as soon as the job has a slot again."""
        returned = Latch()
        is_current = self._slots.end_loan(loan)
        if not is_current or waiting.actor is None or not waiting.runner.takes_slot:
            returned.set()
        elif waiting.actor.is_stopping:
            self._take(waiting)  # it unwinds, and waits for nothing
            returned.set()
        else:
            self._slots.want(waiting.id, partial(self._return, waiting, returned))
            self._pump()
        self.explain(waiting)
        return returned

    def _return(self, waiting: Record, returned: Latch) -> None:
        returned.set()
        self.explain(waiting)

    def take_slot(self, waiting: Record, loan: Loan) -> None:
        """End a loan; give the job its slot back at once, even if none is free: it unwinds."""
        is_current = self._slots.end_loan(loan)
        if is_current and waiting.actor is not None and waiting.runner.takes_slot:
            self._take(waiting)
        self.explain(waiting)

    def _take(self, waiting: Record) -> None:
        for go_on in self._slots.take(waiting.id):
            go_on()

    def request(self, request: ResourceRequest) -> bool:
        """Grant units at once, or queue the request; returns whether they were granted.

        Raises:
            TooMuch: if no alternative can ever be granted.
            Deadlock: if the units can only come back from jobs that wait for this one.
        """
        self._rates.advance()
        granted = self._requests.add(request)
        self._rates.save()
        return granted

    def withdraw(self, request: ResourceRequest) -> None:
        """Forget a request that was not granted yet."""
        self._requests.withdraw(request)
        self._pump()  # others may have waited behind it

    def give_back(self, record: Record, names: Iterable[str] | None) -> None:
        """Free units that a job holds, and serve the jobs that wait for them."""
        self._rates.advance()
        self._queue.give_back(record.id, names)
        self._requests.serve()
        self._pump()
