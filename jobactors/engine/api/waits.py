"""Waiting for the end of a job without reading it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.model.snapshot import JobSnapshot

    from .job import Job


class Wait(Coroutine[Any, Any, "JobSnapshot"]):
    """The end of a job, as its snapshot: awaited, or waited for by ``result(timeout)``.

    It may be awaited often, or never.  It can also be given to what runs a coroutine:
    ``nursery.start_soon(job.wait)``, ``asyncio.create_task(job.wait())``.
    """

    __slots__ = ("_job", "_running")

    def __init__(self, job: Job[Any]) -> None:
        self._job = job
        # Made when it is first driven: one that nobody drives would warn that it was never awaited.
        self._running: Coroutine[Any, Any, JobSnapshot] | None = None

    def __await__(self) -> Generator[Any, Any, JobSnapshot]:
        return self._wait().__await__()

    async def _wait(self) -> JobSnapshot:
        await self._job._settle()
        return self._job.snapshot()

    def result(self, timeout: float | None = None) -> JobSnapshot:
        """Block this thread until the job has ended or rests interrupted; return its snapshot.

        Args:
            timeout: Seconds to wait; default: as long as it takes.

        Raises:
            TimeoutError: if it has not ended in time; the job goes on.
            WrongThread: in the jobs' own loop, which has to run for the job to end.
        """
        self._job._block(timeout, "job.wait().result()", "'await job.wait()'")
        return self._job.snapshot()

    def send(self, value: Any) -> Any:
        """Go on; for event loops."""
        return self._driven().send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception; for event loops."""
        return self._driven().throw(*error)

    def close(self) -> None:
        """Give the waiting up; for event loops."""
        if self._running is not None:
            self._running.close()

    def _driven(self) -> Coroutine[Any, Any, JobSnapshot]:
        if self._running is None:
            self._running = self._wait()
        return self._running

    def __repr__(self) -> str:
        return f"<Wait for {self._job.id}, {self._job.state}>"
