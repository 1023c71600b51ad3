"""The loan of a job's slot while it waits, so that waiting cannot use all slots up.

Resources stay with the job: they belong to its work, and do not limit the number of running jobs.

A tracked block takes no slot.  Where one stands inside a job, it lends the slot of that job, which
waits for the block meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.queue.wait_graph import Wait
from jobactors.inside.context.current_job import CURRENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import TracebackType

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
        awaited: The jobs of which one has to end; None for a wait that the wait graph has already.
        control: What is asked of the waiting code.
    """

    def __init__(
        self, host: AttemptHost, waiting: Record, awaited: Collection[str] | None, control: Control
    ) -> None:
        self._host = host
        self._portal = host.portal
        self._waiting = waiting
        self._awaited = awaited
        self._lent: list[tuple[Record, Wait | None]] = []
        """The jobs whose slots are lent, and their waits.  Written in the loop's thread."""
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

    # -- in the loop's thread

    def _lend(self) -> None:
        wait = None if self._awaited is None else Wait(self._waiting.id, self._awaited)
        try:
            for record, its_wait in [(self._waiting, wait), *self._around(self._waiting)]:
                self._host.desk.lend_slot(record, its_wait)
                self._lent.append((record, its_wait))
        except BaseException:
            self._take()
            raise

    def _around(self, record: Record) -> Iterator[tuple[Record, Wait]]:
        """Go through the jobs around a tracked block, each with its wait for what is inside it."""
        while not record.runner.takes_slot and record.context is not None:
            around = _running(self._host, record.context.get(CURRENT))
            if around is None:
                return
            yield around, Wait(around.id, (record.id,))
            record = around

    def _want(self) -> list[Latch]:
        return [self._host.desk.want_slot(record, wait) for record, wait in self._lent]

    def _take(self) -> None:
        """Take the slots even if none is free: a job that unwinds waits for nothing."""
        for record, wait in self._lent:
            self._host.desk.take_slot(record, wait)


def slot_loan_for(host: AttemptHost, awaited: Collection[str]) -> SlotLoan | None:
    """Return the loan with which the calling code waits, or None outside this system's jobs.

    Args:
        host: The host of the awaited jobs.
        awaited: The ids of the jobs of which one has to end; it may change while the wait lasts.
    """
    context = CURRENT.get()
    if context is None or context._system is not host:
        return None
    waiting = host.portal.call(_running, host, context)
    return None if waiting is None else SlotLoan(host, waiting, awaited, context._control)


def _running(host: AttemptHost, context: JobContext | None) -> Record | None:
    """Return the job to which a context belongs, if an attempt of it exists."""
    if context is None or context._system is not host:
        return None
    record = host.find(context.id)
    return None if record is None or record.actor is None else record
