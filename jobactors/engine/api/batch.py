"""``Batch``: the jobs of one ``map``, handled as one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import WrongThread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator

    from jobactors.engine.system.job_system import JobSystem

    from .job import Job

T = TypeVar("T")


@final
class Batch(Generic[T]):
    """The jobs of one ``map``: waited for, cancelled, and read as they end.

    The input is taken in as jobs end, never more than ``intake`` jobs ahead, so it may be endless
    or larger than memory.  ``cancel()`` also stops the intake.  If going through the input raises,
    no more is taken in, and the error is raised to the reader of the batch.

    Read it in its own colour: ``async for job in batch`` or ``await batch`` in trio, ``for job in
    batch`` or ``batch.result(timeout)`` in a thread.  Jobs come in the order in which they end.
    Inside a job, waiting for them gives that job's slot back meanwhile.
    """

    def __init__(
        self,
        system: JobSystem,
        submit: Callable[..., Job[T]],
        inputs: Iterable[tuple[Any, ...]],
        intake: int,
    ) -> None:
        self._core = system.core
        self._portal = system.parts.portal
        self._submit = submit
        self._inputs = iter(inputs)
        self._intake = intake
        # All of these are written in the loop's thread.
        self._jobs: list[Job[T]] = []
        self._ended: list[Job[T]] = []
        self._under_way: dict[int, str] = {}
        """The jobs that have not ended, by their place in the input; two may be one by its key."""
        self._open = True
        self._error: Exception | None = None
        self._news = Latch()
        self._taking = False

    # -- the loop's side

    def _take_in(self) -> None:
        """Submit inputs until enough jobs are under way."""
        if self._taking:
            return  # a job that ends within its own submit calls again
        self._taking = True
        try:
            while self._open and len(self._jobs) - len(self._ended) < self._intake:
                self._submit_next()
        finally:
            self._taking = False

    def _submit_next(self) -> None:
        try:
            args = next(self._inputs)
            job: Job[T] = self._submit(*args)
        except StopIteration:
            self._stop_intake()
            return
        except Exception as exc:  # the caller's own iterable, or its arguments
            self._error = exc
            self._stop_intake()
            return
        place = len(self._jobs)
        self._jobs.append(job)
        self._under_way[place] = job.id
        # After the step in which the job ends: more input is taken in then.
        job._record.settled.call_when_set(partial(self._portal.post, self._note_end, place))

    def _note_end(self, place: int) -> None:
        if self._under_way.pop(place, None) is not None:  # a latch may call twice
            self._ended.append(self._jobs[place])
            self._wake()
            self._take_in()

    def _stop_intake(self) -> None:
        self._open = False
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, Latch()
        news.set()

    # -- the reader's side

    @property
    def jobs(self) -> list[Job[T]]:
        """The jobs submitted so far, in the order of the input."""
        return list(self._jobs)

    @property
    def done(self) -> bool:
        """Whether the input is exhausted and every job has ended."""
        return not self._open and len(self._ended) == len(self._jobs)

    def cancel(self, reason: str | None = None) -> None:
        """Take no more input, and cancel every job of the batch that has not ended."""
        self._portal.call(self._stop_intake)
        for job in self.jobs:
            job.cancel(reason)

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
        async for _ in self:
            pass
        return [await job for job in self._jobs]

    def result(self, timeout: float | None = None) -> list[T]:
        """Block this thread until all jobs have ended; return their results in input order.

        Raises:
            TimeoutError: if they have not ended within ``timeout`` seconds; they go on.
            Exception: what the first failed job in input order raised, or the input itself.
        """
        self._refuse_in_loop("batch.result()", "'await batch'")
        deadline = None if timeout is None else self._core.clock.now() + timeout
        while True:
            news = self._news
            if self._finish():
                return [job.result() for job in self._jobs]
            left = None if deadline is None else deadline - self._core.clock.now()
            if not self._wait_in_thread(news, left):
                raise TimeoutError(
                    f"{len(self._ended)} of {len(self._jobs)} jobs have ended after {timeout:g} s"
                )

    def _wait_in_thread(self, news: Latch, timeout: float | None) -> bool:
        loan = slot_loan_for(self._core, self._under_way.values())
        if loan is None:
            return news.wait_in_thread(timeout)
        with loan:
            return loan.control.wait_in_thread(news, timeout)

    def _finish(self) -> bool:
        if self.done and self._error is not None:
            raise self._error
        return self.done

    def _refuse_in_loop(self, call: str, instead: str) -> None:
        if self._portal.is_home:
            raise WrongThread(call, instead)

    def __len__(self) -> int:
        return len(self._jobs)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        more = " and more to come" if self._open else ""
        return f"<Batch {len(self._ended)} of {len(self._jobs)} jobs ended{more}>"


class _Ended(Generic[T]):
    """Goes through the jobs of a batch as they end."""

    def __init__(self, batch: Batch[T]) -> None:
        self._batch = batch
        self._given = 0

    def __aiter__(self) -> AsyncIterator[Job[T]]:
        return self

    async def __anext__(self) -> Job[T]:
        job = await self._batch._next_ended(self._given)
        if job is None:
            raise StopAsyncIteration
        self._given += 1
        return job
