"""The loan of a job's slot while it waits, so that waiting cannot use all slots up.

Resources stay with the job: they belong to its work, and do not limit the number of running jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.context.current_job import CURRENT

if TYPE_CHECKING:
    from types import TracebackType

    from jobactors.engine.records.record import Record
    from jobactors.inside.signals.control import Control

    from .host import AttemptHost


class SlotLoan:
    """Lends the slot of the waiting job for the length of a block, in trio code or in a thread."""

    def __init__(
        self, host: AttemptHost, waiting: Record, awaited: Record | None, control: Control
    ) -> None:
        self._portal = host.portal
        self._desk = host.desk
        self._waiting = waiting
        self._awaited = awaited
        self.control = control

    async def __aenter__(self) -> None:
        self._begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if error is None:
            returned = self._portal.move(self._desk.want_slot, self._waiting)
            try:
                await returned
            except BaseException:
                self._end()
                raise
        else:
            self._end()

    def __enter__(self) -> None:
        self._begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if error is None:
            returned = self._portal.move(self._desk.want_slot, self._waiting)
            try:
                self.control.wait_in_thread(returned)
            except BaseException:
                self._end()
                raise
        else:
            self._end()

    def _begin(self) -> None:
        self._portal.move(self._desk.lend_slot, self._waiting, self._awaited)

    def _end(self) -> None:
        """Take the slot even if none is free: a job that unwinds waits for nothing."""
        self._portal.move(self._desk.take_slot, self._waiting)


def slot_loan_for(host: AttemptHost, awaited: Record) -> SlotLoan | None:
    """Return the loan with which the calling code waits, or None outside this system's jobs."""
    context = CURRENT.get()
    if context is None or context._system is not host:
        return None
    waiting = host.portal.call(host.find, context.id)
    return None if waiting is None else SlotLoan(host, waiting, awaited, context._control)
