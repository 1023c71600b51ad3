"""``jobs.forever()``: waits until a system ends, for programs that only serve schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.engine.system.shutdown import stop
from jobactors.model.checks import as_timeout
from jobactors.model.errors import WrongThread

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.checks import Seconds


class Forever:
    """The end of a job system: awaited, or waited for by ``result(timeout)``."""

    __slots__ = ("_system",)

    def __init__(self, system: JobSystem) -> None:
        self._system = system

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        try:
            await self._system.ending_begins
        except KeyboardInterrupt:
            if not self._system.parts.portal.is_home:
                raise
            await stop(self._system, "Ctrl-C", self._system.ending)

    def result(self, timeout: Seconds | None = None) -> None:
        """Block this thread until the system ends.

        Args:
            timeout: Seconds to wait; default: as long as it takes.

        Raises:
            TimeoutError: if it has not ended within that.
            WrongThread: in the jobs' own loop, which has to run.
        """
        seconds = as_timeout(timeout)
        latch, portal = self._system.ending_begins, self._system.parts.portal
        if not latch.is_set and portal.is_home:
            raise WrongThread("jobs.forever().result()", "'await jobs.forever()'")
        if not latch.wait_in_thread(seconds):
            raise TimeoutError(f"the job system still serves after {seconds:g} s")

    def __repr__(self) -> str:
        return f"<Forever, {'over' if self._system.ending_begins.is_set else 'still serving'}>"
