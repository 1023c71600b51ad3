"""Gives slots back and forth while jobs run: given up in a pause or a wait, and wanted back."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .job_queue import JobQueue
    from .wait_graph import WaitEdge


class Loan(Struct, eq=False, frozen=True):
    """The slot of a job, lent by one of its tasks; it ends with that task's wait or its attempt."""

    job_id: str
    """The job that waits."""
    waits: Collection[WaitEdge] = ()
    """Its waits for jobs; none where a resource request is the wait."""
    goes_on: bool = False
    """Whether the job waits for nothing here: its work goes on where it needs no slot."""


class Slots:
    """Lends the slots of running jobs, and gives them back.  In the loop's thread only.

    A job that comes back goes before all queued ones: it has begun, and may hold resources.

    Several of its tasks may wait, each with a loan of its own.  The slot comes back with the last
    loan; until then the other tasks work without one.  If the first to come back took the slot, and
    ended, the job would hold a slot and wait for others that need one.

    A loan is an object, not a number: a thread that an attempt has left behind still ends its own,
    which went with that attempt, and none of the next one's.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self.returning: OrderedDict[str, list[Callable[[], None]]] = OrderedDict()
        """The jobs that want their slots back, first come first served, and what to call then."""
        self._loans: dict[str, set[Loan]] = {}
        """The open loans of each job; no entry for a job without one."""

    def is_returning(self, job_id: str) -> bool:
        """Return whether a job wants its slot back."""
        return job_id in self.returning

    def goes_on(self, job_id: str) -> bool:
        """Return whether the work of a job goes on elsewhere, without its slot."""
        return any(loan.goes_on for loan in self._loans.get(job_id, ()))

    def lend(self, job_id: str, waits: Collection[WaitEdge] = (), goes_on: bool = False) -> Loan:
        """Free the slot of a running job of which a task waits, perhaps for other jobs.

        Raises:
            Deadlock: if they wait, in a circle, for this one.
        """
        loan = Loan(job_id, waits, goes_on)
        try:
            for wait in waits:
                self._queue.waits.begin(wait)
        except BaseException:
            self._end_waits(loan)
            raise
        if waits:
            self._queue.give_way(job_id)
        self._loans.setdefault(job_id, set()).add(loan)
        self._queue.leave(job_id)
        for go_on in self.returning.pop(job_id, ()):
            go_on()
        return loan

    def end_loan(self, loan: Loan) -> bool:
        """End a loan and its wait; the slot is free to come back after the job's last one.

        Returns:
            Whether it was open; it is not once its attempt has ended.
        """
        self._end_waits(loan)
        loans = self._loans.get(loan.job_id, set())
        if loan not in loans:
            return False
        loans.remove(loan)
        if not loans:
            del self._loans[loan.job_id]
        return True

    def _end_waits(self, loan: Loan) -> None:
        for wait in loan.waits:
            self._queue.waits.end(wait)

    def want(self, job_id: str, go_on: Callable[[], None]) -> None:
        """Call ``go_on()`` as soon as the job has a slot again: at the next :meth:`serve`.

        At once if it has one already, or if another of its tasks still waits.
        """
        if job_id in self._loans or self._queue.has_slot(job_id):
            go_on()
        else:
            self.returning.setdefault(job_id, []).append(go_on)

    def wants(self, job_id: str, go_on: Callable[[], None]) -> bool:
        """Return whether ``go_on()`` will be called when the job has its slot again."""
        return go_on in self.returning.get(job_id, ())

    def take_back(self, job_id: str, go_on: Callable[[], None]) -> bool:
        """Do not call ``go_on()`` any more; returns whether it would have been called."""
        if not self.wants(job_id, go_on):
            return False
        self.returning[job_id].remove(go_on)
        if not self.returning[job_id]:
            del self.returning[job_id]
        return True

    def take(self, job_id: str) -> list[Callable[[], None]]:
        """Give a job its slot at once, free or not, since it is being cancelled.

        Not while another of its tasks still waits.  Returns what would have been called when it had
        a slot again; the caller calls it.
        """
        if job_id not in self._loans:
            self._queue.enter(job_id)
        return self.returning.pop(job_id, [])

    def forget(self, job_id: str) -> None:
        """Drop all that a job has lent or waits for: its attempt has ended."""
        self._queue.waits.forget(job_id)
        self._loans.pop(job_id, None)
        self.returning.pop(job_id, None)

    def serve(self) -> None:
        """Give free slots to the jobs that want theirs back, first come first served."""
        while self.returning and self._queue.free_slots > 0:
            job_id, calls = self.returning.popitem(last=False)
            self._queue.enter(job_id)
            for go_on in calls:
                go_on()
