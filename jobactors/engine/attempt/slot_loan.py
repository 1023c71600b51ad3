"""A job that waits for another lends its slot meanwhile, so that waiting cannot use them up.

Resources stay with it: they are about what it does, not about how much runs at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.system.commands import Commands
from jobactors.inside.context.current_job import CURRENT

if TYPE_CHECKING:
    from types import TracebackType

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.core import System
    from jobactors.inside.signals.control import Control


class SlotLoan:
    """The slot of the waiting job, given away for the length of a block, in either colour."""

    def __init__(
        self, system: System, waiting: Record, awaited: Record | None, control: Control
    ) -> None:
        self._system = system
        self._commands = Commands(system)
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
            returned = self._system.portal.call(self._commands.want_slot, self._waiting)
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
            returned = self._system.portal.call(self._commands.want_slot, self._waiting)
            try:
                self.control.wait_in_thread(returned)
            except BaseException:
                self._end()
                raise
        else:
            self._end()

    def _begin(self) -> None:
        self._system.portal.call(self._commands.lend_slot, self._waiting, self._awaited)

    def _end(self) -> None:
        """A job that unwinds waits for nothing: it takes its slot even if none is free."""
        self._system.portal.call(self._commands.take_slot, self._waiting)


def slot_loan_for(system: System, awaited: Record) -> SlotLoan | None:
    """Return the loan with which the calling code waits, or None outside this system's jobs."""
    context = CURRENT.get()
    if context is None or context._system is not system:
        return None
    waiting = system.portal.call(system.find, context.id)
    return None if waiting is None else SlotLoan(system, waiting, awaited, context._control)
