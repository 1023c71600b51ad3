"""The loan of a job's slot while it waits, so that waiting cannot use all slots up.

Resources stay with the job: they belong to its work, and do not limit the number of running jobs.

A tracked block takes no slot.  Where one stands inside a job, it lends the slot of that job, which
waits for the block meanwhile.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobactors.engine.queue.wait_graph import WaitEdge
from jobactors.inside.context.current_job import CURRENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from types import TracebackType

    from jobactors.engine.queue.slots import Loan
    from jobactors.engine.records.record import Record
    from jobactors.inside.context.job_context import JobContext
    from jobactors.inside.signals.control import Control
    from jobactors.inside.signals.latch import Latch

    from .host import AttemptHost


class SlotLoan:
    """Lends the slot of the waiting job for the length of a block, in trio code or in a thread.

    Args:
        host: The host of the waiting job.
        waiting: The job that waits.
        attempt: The attempt whose code waits; one that is over has no slot to lend.
        control: What is asked of the waiting code.
        awaited: The jobs it waits for, in groups: of each group one has to end.  None for a wait
            that the wait graph has already.
    """

    def __init__(
        self,
        host: AttemptHost,
        waiting: Record,
        attempt: int,
        control: Control,
        awaited: Iterable[Collection[str]] = (),
    ) -> None:
        self._host = host
        self._portal = host.portal
        self._waiting = waiting
        self._attempt = attempt
        self._awaited = awaited
        self._lent: list[tuple[Record, Loan]] = []
        """The jobs whose slots are lent.  Written in the loop's thread."""
        self.control = control

    async def __aenter__(self) -> None:
        self._portal.move(self._lend)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                for returned in self._portal.move(self._want):
                    await returned
            except BaseException:
                self._portal.move(self._take)
                raise
        else:
            self._portal.move(self._take)

    def __enter__(self) -> None:
        self._portal.move(self._lend)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                for returned in self._portal.move(self._want):
                    self.control.wait_in_thread(returned)
            except BaseException:
                self._portal.move(self._take)
                raise
        else:
            self._portal.move(self._take)

    def lend_until(self, over: Latch) -> None:
        """Lend the slot until ``over`` is set, without waiting for that.

        The job then gets its slot back as soon as one is free, and goes on without it till then.
        """
        self._portal.move(self._lend)
        over.call_when_set(
            partial(self._portal.post_quietly, self._portal.step, self._want_in_passing)
        )

    # -- in the loop's thread

    def _lend(self) -> None:
        if not self._waiting.is_in_attempt(self._attempt):
            return
        waits = [WaitEdge(self._waiting.id, group) for group in self._awaited]
        try:
            for record, its_waits in [(self._waiting, waits), *self._around(self._waiting)]:
                self._lent.append((record, self._host.desk.lend_slot(record, its_waits)))
        except BaseException:
            self._take()
            raise

    def _around(self, record: Record) -> Iterator[tuple[Record, list[WaitEdge]]]:
        """Go through the jobs around a tracked block, each with its wait for what is inside it."""
        while not record.runner.takes_slot and record.context is not None:
            around = _running(self._host, record.context.get(CURRENT))
            if around is None:
                return
            yield around, [WaitEdge(around.id, (record.id,))]
            record = around

    def _want(self) -> list[Latch]:
        return [self._host.desk.want_slot(record, loan) for record, loan in self._lent]

    def _want_in_passing(self) -> None:
        self._want()
        self._lent.clear()  # it may be called twice

    def _take(self) -> None:
        """Take the slots even if none is free: a job that unwinds waits for nothing."""
        for record, loan in self._lent:
            self._host.desk.take_slot(record, loan)


def slot_loan_for(host: AttemptHost, *awaited: Collection[str]) -> SlotLoan | None:
    """Return the loan with which the calling code waits, or None outside this system's jobs.

    Args:
        host: The host of the awaited jobs.
        *awaited: The ids of the jobs it waits for, in groups: of each group one has to end.  It may
            change while the wait lasts.
    """
    context = CURRENT.get()
    if context is None or context._system is not host:
        return None
    waiting = host.portal.call(_running, host, context)
    if waiting is None:
        return None
    return SlotLoan(host, waiting, context.attempt, context._control, awaited)


def _running(host: AttemptHost, context: JobContext | None) -> Record | None:
    """Return the job to which a context belongs, if its attempt is under way."""
    if context is None or context._system is not host:
        return None
    record = host.find(context.id)
    return record if record is not None and record.is_in_attempt(context.attempt) else None
