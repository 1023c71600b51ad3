"""The reader's side of a batch: its jobs in their places, and waits for their ends.

A job that is restarted takes the place of the one that failed, and ends once more; so does one that
was interrupted and goes on.  A reader gets each end, and the results at the end of all.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.inside.signals.latch import PASSED, Latch
from jobactors.model.checks import as_timeout
from jobactors.model.errors import WrongThread

from .job import Job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from jobactors.engine.records.batch_tally import BatchTally
    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.checks import Seconds

T = TypeVar("T")


class BatchReader(Generic[T]):
    """Holds the jobs of a batch, and waits for them in the colour of its reader.

    Args:
        system: The job system.
        tally: The batch's counts.
        takes_all: Whether every job of the tally is one of its own.
    """

    def __init__(self, system: JobSystem, tally: BatchTally, *, takes_all: bool = True) -> None:
        self._system = system
        self._core = system.core
        self._portal = system.parts.portal
        self._tally = tally
        self._takes_all = takes_all
        """One of ``map`` puts its jobs in itself."""
        # All of these are written in the loop's thread.
        self._jobs: list[Job[T]] = []
        self._places: dict[str, int] = {}
        """The place of each job that may be restarted, by its id."""
        self._ended: list[Job[T]] = []
        """The ends of jobs; a restarted one has several."""
        self._under_way: dict[int, str] = {}
        """The jobs that have not ended, by their place in the input; two may be one by its key."""
        self._open = False
        self._error: Exception | None = None
        self._news = Latch()
        """Set at each end, and replaced."""
        self._rest = Latch()
        """Set when all have ended, and replaced: a thread is not woken for each of them."""

    def _follow(self) -> None:
        """Take in the jobs there are, and those that come.  In the loop's thread."""
        self._tally.followers.add(self)
        if self._takes_all:
            for record in self._system.parts.registry:
                if record.snapshot.info.batch == self._tally.id:
                    self._put(Job(self._system, record))

    def _joined(self, record: Record, replaced: str | None) -> None:
        """Take note of a job that begins.  Called by its tally, in the loop's thread."""
        place = None if replaced is None else self._places.pop(replaced, None)
        if place is not None:
            self._put(Job(self._system, record, is_new=True), place)
        elif self._takes_all:
            self._put(Job(self._system, record, is_new=True))

    def _put(self, job: Job[T], place: int | None = None) -> None:
        if place is None:
            place = len(self._jobs)
            self._jobs.append(job)
        else:
            self._jobs[place] = job
        self._places[job.id] = place
        self._under_way[place] = job.id
        # After the step in which the job ends: more input is taken in then.
        call = partial(self._portal.post, self._note_end, place, job)
        job._record.settled.call_when_set(call)

    def _note_end(self, place: int, job: Job[T]) -> None:
        if self._under_way.get(place) != job.id:  # a latch may call twice
            return
        del self._under_way[place]
        self._ended.append(job)
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, Latch()
        news.set()
        if self.done:
            rest, self._rest = self._rest, Latch()
            rest.set()

    @property
    def jobs(self) -> list[Job[T]]:
        """The jobs submitted so far, in the order of the input; restarted ones in their place."""
        return list(self._jobs)

    @property
    def done(self) -> bool:
        """Whether the input is exhausted, and every job has ended or rests interrupted."""
        return not (self._open or self._under_way)

    # Not a generator: a loop that is left early would leave it to the garbage collector.
    def __aiter__(self) -> AsyncIterator[Job[T]]:
        return _Ended(self)

    async def _next_ended(self, given: int) -> Job[T] | None:
        """Wait for the job that ends as number ``given``, from 0; None when there are no more."""
        while True:
            news = self._news  # before looking: what ends later sets this one
            if given < len(self._ended):
                return self._ended[given]
            if self._finish():
                return None
            loan = slot_loan_for(self._core, self._under_way.values())
            if loan is None:
                await news
            else:
                async with loan:
                    await news

    def __iter__(self) -> Iterator[Job[T]]:
        self._refuse_in_loop("iterating over a batch", "'async for job in batch'")
        given = 0
        while True:
            news = self._news
            while given < len(self._ended):
                yield self._ended[given]
                given += 1
            if self._finish():
                return
            self._wait_in_thread(news, None)

    def __await__(self) -> Generator[Any, Any, list[T]]:
        return self._results().__await__()

    async def _results(self) -> list[T]:
        await self._all_ended()
        return [await job for job in self._jobs]

    async def _all_ended(self) -> None:
        await PASSED
        given = len(self._ended)
        while await self._next_ended(given) is not None:
            given += 1

    def result(self, timeout: Seconds | None = None) -> list[T]:
        """Block this thread until all jobs have ended; return their results in input order.

        Raises:
            TimeoutError: if they have not ended within ``timeout`` seconds; they go on.
            Exception: what the first failed job in input order raised, or the input itself.
            WrongThread: in the jobs' own loop, which has to run for them to end.
        """
        self._block_until_ended(timeout, "batch.result()", "'await batch'")
        return [job.result() for job in self._jobs]

    def results(
        self, timeout: Seconds | None = None, *, return_exceptions: bool = False
    ) -> list[T | Exception]:
        """Block this thread until all jobs have ended; return what each gave, in input order.

        Args:
            timeout: Seconds to wait, or a ``timedelta``; default: as long as it takes.
            return_exceptions: Whether the exception of a job that failed or was cancelled takes the
                place of its result; default: the first one is raised.

        Raises:
            TimeoutError, WrongThread: as :meth:`result`; in trio, ``await ja.gather(batch)``.
            Exception: what the input raised; without ``return_exceptions`` what a job did.
        """
        if not return_exceptions:
            return list(self.result(timeout))
        instead = "'await ja.gather(batch, return_exceptions=True)'"
        self._block_until_ended(timeout, "batch.results()", instead)
        return [given_by(job) for job in self._jobs]

    def _block_until_ended(self, timeout: Seconds | None, call: str, instead: str) -> None:
        self._refuse_in_loop(call, instead)
        timeout = as_timeout(timeout)
        deadline = None if timeout is None else self._core.clock.now() + timeout
        while True:
            news, rest = self._news, self._rest
            if self._finish():
                return
            left = None if deadline is None else deadline - self._core.clock.now()
            if not self._wait_in_thread(news, left, rest):
                ended = len(self._jobs) - len(self._under_way)
                raise TimeoutError(
                    f"{ended} of {len(self._jobs)} jobs have ended after {timeout:g} s"
                )

    def _wait_in_thread(
        self, news: Latch, timeout: float | None, rest: Latch | None = None
    ) -> bool:
        """Wait for the next end; outside a job for the last one, if its latch is given."""
        loan = slot_loan_for(self._core, self._under_way.values())
        if loan is None:
            return (rest or news).wait_in_thread(timeout)
        with loan:
            return loan.control.wait_in_thread(news, timeout)

    def _finish(self) -> bool:
        if self.done and self._error is not None:
            if self._portal.is_home:
                self._note_reading()
            else:
                self._portal.post_quietly(self._note_reading)
            raise self._error
        return self.done

    def _note_reading(self) -> None:
        self._core.unread_inputs.pop(id(self._error), None)

    def _refuse_in_loop(self, call: str, instead: str) -> None:
        if self._portal.is_home:
            raise WrongThread(call, instead)


def given_by(job: Job[T]) -> T | Exception:
    """Return the result of a job that has ended, or the exception in its place."""
    error = job.exception()
    return job.result() if error is None else error


class _Ended(Generic[T]):
    """Goes through the jobs of a batch as they end."""

    def __init__(self, batch: BatchReader[T]) -> None:
        self._batch = batch
        self._given = 0

    def __aiter__(self) -> AsyncIterator[Job[T]]:
        return self

    async def __anext__(self) -> Job[T]:
        await PASSED  # a batch may have ended long ago
        job = await self._batch._next_ended(self._given)
        if job is None:
            raise StopAsyncIteration
        self._given += 1
        return job
