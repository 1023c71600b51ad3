"""``as_completed``, ``gather`` and ``wait``: waits for any jobs, in the colour of the caller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, overload

from jobactors.model.checks import Seconds
from jobactors.model.states import JobState

from .batch_reader import BatchReader, given_by
from .job import Job
from .job_ends import JobEnds, checked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator

T = TypeVar("T")
R = TypeVar("R")


class CompletedJobs(Generic[T]):
    """The jobs of :func:`as_completed`, in the order of their ends."""

    def __init__(self, jobs: Iterable[Any], timeout: Seconds | None) -> None:
        self._given = 0
        self._ends = JobEnds(jobs, self._has_next, every=False, call="ja.as_completed")
        self._deadline = self._ends.deadline_in(timeout)

    def _has_next(self, ends: JobEnds) -> bool:
        return self._given < len(ends.ended) or not ends.left

    def __iter__(self) -> Iterator[Job[T]]:
        return self

    def __next__(self) -> Job[T]:
        self._ends.block(self._deadline, "'async for job in ja.as_completed(jobs)'")
        return self._take(StopIteration)

    def __aiter__(self) -> AsyncIterator[Job[T]]:
        return self

    async def __anext__(self) -> Job[T]:
        await self._ends.reach(self._deadline)
        return self._take(StopAsyncIteration)

    def _take(self, stop: type[Exception]) -> Job[T]:
        if self._given >= len(self._ends.ended):
            raise stop
        job = self._ends.ended[self._given]
        self._given += 1
        self._ends.begin_anew()
        return job


class ManyWait(Generic[R]):
    """A wait for many jobs: awaited in trio and asyncio, ``.result(timeout)`` in a thread."""

    def __init__(
        self,
        ends: JobEnds,
        outcome: Callable[[JobEnds], R],
        async_outcome: Callable[[JobEnds], Awaitable[R]],
        call: str,
    ) -> None:
        self._ends = ends
        self._outcome = outcome
        self._async_outcome = async_outcome
        self._instead = f"'await {call}'"

    def __await__(self) -> Generator[Any, Any, R]:
        return self._wait().__await__()

    async def _wait(self) -> R:
        await self._ends.reach()
        return await self._async_outcome(self._ends)

    def result(self, timeout: Seconds | None = None) -> R:
        """Block this thread until that is over, and return what it gives.

        Args:
            timeout: Seconds to wait, or a ``timedelta``; default: as long as it takes.

        Raises:
            TimeoutError: if it is not over in time; the jobs go on.
            WrongThread: in the jobs' own loop, which has to run for them to end.
        """
        self._ends.block(self._ends.deadline_in(timeout), self._instead)
        return self._outcome(self._ends)

    def __repr__(self) -> str:
        ended = len(self._ends.awaited) - self._ends.left
        return f"<Wait for {len(self._ends.awaited)}, of which {ended} have ended>"


def as_completed(
    jobs: Iterable[Job[T] | BatchReader[T]], timeout: Seconds | None = None
) -> CompletedJobs[T]:
    """Iterate over jobs in the order in which they end.

    By ``for`` in a thread, by ``async for`` in trio and asyncio.

    Each is yielded once it has ended or rests interrupted, however it ended; that does not count as
    reading it.  Of a batch among them every job is yielded.  Leaving the loop, or cancelling it,
    leaves the jobs alone.  Inside a job, waiting for them gives that job's slot back meanwhile.

    Args:
        jobs: Jobs and batches, of any job systems.
        timeout: Seconds for all of it, or a ``timedelta``; default: as long as it takes.

    Raises:
        TypeError: for anything else than jobs and batches.
        TimeoutError: when iterating, if the next one has not ended in time; the jobs go on.
        WrongThread: by ``for`` in the jobs' own loop.
        Deadlock: if all of them wait, in a circle, for the calling job.

    Example::

        for job in ja.as_completed([first, second], timeout=60):
            print(job.name, job.result())
    """
    return CompletedJobs(jobs, timeout)


@overload
def gather(*jobs: Job[T], return_exceptions: Literal[False] = False) -> ManyWait[list[T]]: ...
@overload
def gather(*jobs: Job[T], return_exceptions: bool) -> ManyWait[list[T | Exception]]: ...
@overload
def gather(
    *jobs: Job[Any] | BatchReader[Any], return_exceptions: bool = False
) -> ManyWait[list[Any]]: ...
def gather(*jobs: Any, return_exceptions: bool = False) -> ManyWait[list[Any]]:
    """Wait for the results of several jobs, in the order in which they are given.

    ``await`` it in trio and asyncio, or call ``.result(timeout)`` in a thread.  In the place of a
    batch stands the list of its results.  The first job that fails raises its exception at once;
    the others go on, and cancelling the wait cancels none of them.  (As ``asyncio.gather``, which
    however owns what it waits for.)

    Args:
        *jobs: Jobs and batches, of any job systems.
        return_exceptions: Whether the exception of a job that failed or was cancelled takes the
            place of its result.

    Raises:
        TypeError: for anything else than jobs and batches.
        Exception: when it is waited for, what the first job to fail raised.
        Deadlock: if one of them waits, in a circle, for the calling job.

    Example::

        words, links = await ja.gather(jobs.submit(count, page), jobs.submit(find, page))
    """

    def is_over(ends: JobEnds) -> bool:
        return not ends.left or not (return_exceptions or _failed(ends) is None)

    def results(ends: JobEnds) -> list[Any]:
        failed = None if return_exceptions else _failed(ends)
        if failed is not None:
            failed.result()
        return [
            [_result(job, return_exceptions) for job in one.jobs]
            if isinstance(one, BatchReader)
            else _result(one, return_exceptions)
            for one in ends.awaited
        ]

    async def async_results(ends: JobEnds) -> list[Any]:
        failed = None if return_exceptions else _failed(ends)
        if failed is not None:
            await failed
        return results(ends)

    ends = JobEnds(checked(jobs, "ja.gather"), is_over, every=True, call="ja.gather().result()")
    return ManyWait(ends, results, async_results, "ja.gather(…)")


def _failed(ends: JobEnds) -> Job[Any] | None:
    """Return the first job that ended otherwise than well, in the order of their ends."""
    return next((job for job in ends.ended if job.state is not JobState.SUCCEEDED), None)


def _result(job: Job[Any], return_exceptions: bool) -> Any:
    return given_by(job) if return_exceptions else job.result()


class WaitedJobs(NamedTuple):
    """The result of :func:`wait`: jobs that have ended, and the others."""

    done: list[Any]
    """The jobs and batches that have ended or rest interrupted, in the order given."""
    pending: list[Any]
    """The others."""


def wait(
    jobs: Iterable[Job[Any] | BatchReader[Any]], *, first: bool = False
) -> ManyWait[WaitedJobs]:
    """Wait until several jobs have ended, or the first of them; raises nothing for a failed one.

    ``await`` it in trio and asyncio, or call ``.result(timeout)`` in a thread.  It gives a pair of
    lists, ``done`` and ``pending``.  A batch has ended with the last of its jobs.  Waiting does not
    count as reading, and cancelling the wait leaves the jobs alone.

    Args:
        jobs: Jobs and batches, of any job systems.
        first: Whether to wait for the first one only; default: for all.

    Raises:
        TypeError: for anything else than jobs and batches.
        Deadlock: when it is waited for, if those that have to end wait for the calling job.

    Example::

        done, pending = ja.wait(mirrors, first=True).result(timeout=60)
        for job in pending:
            job.cancel("another mirror was faster")
    """

    def is_over(ends: JobEnds) -> bool:
        return not ends.left or (first and any(ends.over))

    def waited(ends: JobEnds) -> WaitedJobs:
        pairs = list(zip(ends.awaited, ends.over, strict=True))
        return WaitedJobs(
            [one for one, is_over in pairs if is_over],
            [one for one, is_over in pairs if not is_over],
        )

    async def async_waited(ends: JobEnds) -> WaitedJobs:
        return waited(ends)

    ends = JobEnds(jobs, is_over, every=not first, call="ja.wait().result()")
    return ManyWait(ends, waited, async_waited, "ja.wait(…)")
