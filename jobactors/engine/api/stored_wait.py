"""stored_wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.errors import NoStore, WrongThread

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.core import System


class Stored:
    """A job on its way into the store: awaited, or waited for by ``result(timeout)``.

    Raises:
        NoStore: if there is none.
        StoreError: when waited for, if it could not be kept.
    """

    __slots__ = ("_kept", "_record", "_system")

    def __init__(self, system: System, record: Record) -> None:
        if system.journal is None:
            raise NoStore("job.stored()")
        self._system = system
        self._record = record
        self._kept = system.portal.look(system.journal.latch_for, record)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        if self._kept is not None:
            await self._kept
        self._raise_if_not_kept()

    def result(self, timeout: float | None = None) -> None:
        """Block this thread until the job is kept.

        Raises:
            StoreError: if it could not be.
            TimeoutError: if ``timeout`` seconds pass before.
            WrongThread: in the jobs' own loop, which has to run for that.
        """
        if self._kept is not None and not self._kept.is_set:
            if self._system.portal.is_home:
                raise WrongThread("job.stored().result()", "'await job.stored()'")
            if not self._kept.wait_in_thread(timeout):
                raise TimeoutError(f"job {self._record.id} is not kept after {timeout:g} s")
        self._raise_if_not_kept()

    def _raise_if_not_kept(self) -> None:
        why = self._record.refused or (self._kept and self._kept.trouble)
        if why:
            raise why

    def __repr__(self) -> str:
        kept = self._kept is None or self._kept.is_set
        return f"<Stored {self._record.id} {'kept' if kept else 'on its way'}>"
