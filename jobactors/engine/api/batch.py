"""``Batch``: the jobs of one ``map``, handled as one.

**Where the input is iterated.**  It is the user's: a generator that reads a disk, a database's
cursor.  In the loop's thread that would stop every job.  So each stretch of it is taken in by a
thread: by the one that calls ``map``, unless that is the loop's own, and by a worker thread for
what is taken in as jobs end.  Lists, tuples and ranges run no code of the user, and are taken in by
the loop, without a thread.
"""

from __future__ import annotations

import contextvars
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

import trio

from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.inside.signals.latch import PASSED, Latch
from jobactors.model.batch_total import BatchTotal
from jobactors.model.checks import as_timeout
from jobactors.model.errors import JobsClosed, WrongThread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator

    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.checks import Seconds

    from .job import Job

T = TypeVar("T")


@final
class Batch(Generic[T]):
    """The jobs of one ``map``: waited for, cancelled, and read as they end.

    The input is taken in as jobs end, never more than ``intake`` jobs ahead, so it may be endless
    or larger than memory.  An iterable of your own is iterated in a worker thread, and may
    block.  ``cancel()`` also stops the intake.  If iterating the input raises, no more is taken
    in, and the error is raised to the reader of the batch.

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
        *,
        batch_id: str,
        size: int | None,
    ) -> None:
        self._id = batch_id
        self._total = BatchTotal(size)
        system.core.batches[batch_id] = self._total
        self._core = system.core
        self._portal = system.parts.portal
        self._submit = submit
        self._inputs = iter(inputs)
        self._intake = intake
        self._in_loop = size is not None
        """Whether the input runs no code of the user, so that the loop takes it in."""
        self._context = contextvars.copy_context()
        """The context variables of the caller, as a submit there would copy them."""
        # All of these are written in the loop's thread.
        self._jobs: list[Job[T]] = []
        self._new = 0
        """The jobs that its own submits have made; a key may have led to one that was there."""
        self._ended: list[Job[T]] = []
        self._under_way: dict[int, str] = {}
        """The jobs that have not ended, by their place in the input; two may be one by its key."""
        self._open = True
        self._error: Exception | None = None
        self._news = Latch()
        self._taking = False
        """Whether input is being taken in, by the loop or a thread."""

    # -- taking input in

    def _begin(self) -> None:
        """Take the first input in; from any thread."""
        if self._in_loop or self._portal.is_home:
            self._portal.call(self._take_in)
        elif self._portal.call(self._claim):
            self._take_in_here(self._intake)

    def _claim(self) -> int:
        """Return the number of jobs that may be submitted now; they are the caller's to submit."""
        free = self._intake - (len(self._jobs) - len(self._ended))
        if self._taking or not self._open or free <= 0:
            return 0  # one that ends within its own submit asks again
        self._taking = True
        self._core.incoming += 1
        return free

    def _take_in(self) -> None:
        """Submit inputs until enough jobs are under way, or have a thread do so."""
        while number := self._claim():
            if not self._in_loop:
                self._start_thread(number)
                return
            for _ in range(number):
                if not (self._open and self._note(self._context.run(self._next))):
                    break
            self._release()

    def _start_thread(self, number: int) -> None:
        work = partial(self._take_in_here, number)
        try:
            trio.lowlevel.start_thread_soon(work, _ignore, "jobactors-map")
        except RuntimeError as exc:  # the interpreter is ending, and starts no thread any more
            self._note(exc)
            self._release()

    def _take_in_here(self, number: int) -> None:
        """Submit so many inputs, in this thread."""
        try:
            for _ in range(number):
                submitted = self._context.run(self._next)
                if not (self._portal.call(self._note, submitted) and self._open):
                    break
        except JobsClosed as exc:  # meanwhile: nothing else writes here any more
            self._error, self._open = exc, False
            self._wake()
        finally:
            self._portal.post_quietly(self._end_stretch)

    def _next(self) -> Job[T] | Exception | None:
        """Submit the next input; returns the job, an error, or None for the end."""
        try:
            return self._submit(*next(self._inputs))
        except StopIteration:
            return None
        except Exception as exc:  # the caller's own iterable, or its arguments
            return exc

    def _note(self, job: Job[T] | Exception | None) -> bool:
        """Take note of a submitted job, or of the end of the input; returns whether it goes on."""
        if job is None or isinstance(job, Exception):
            self._error = job
            if job is not None and not isinstance(job, JobsClosed):
                self._core.unread_inputs[id(job)] = job
            self._stop_intake()
            return False
        if job.is_new:
            self._new += 1
        elif self._total.jobs is not None:
            self._total.jobs -= 1  # it was there before, with the same key
        place = len(self._jobs)
        self._jobs.append(job)
        self._under_way[place] = job.id
        # After the step in which the job ends: more input is taken in then.
        job._record.settled.call_when_set(partial(self._portal.post, self._note_end, place))
        return True

    def _end_stretch(self) -> None:
        self._release()
        self._take_in()

    def _release(self) -> None:
        self._taking = False
        self._core.incoming -= 1
        self._core.wake_drains()

    def _note_end(self, place: int) -> None:
        if self._under_way.pop(place, None) is not None:  # a latch may call twice
            self._ended.append(self._jobs[place])
            self._wake()
            self._take_in()

    def _stop_intake(self) -> None:
        self._open = False
        self._total.jobs = self._new
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, Latch()
        news.set()

    # -- the reader's side

    @property
    def id(self) -> str:
        """The batch's id, which is in the ``info.batch`` of its jobs."""
        return self._id

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
        await PASSED
        given = 0
        while await self._next_ended(given) is not None:
            given += 1
        return [await job for job in self._jobs]

    def result(self, timeout: Seconds | None = None) -> list[T]:
        """Block this thread until all jobs have ended; return their results in input order.

        Raises:
            TimeoutError: if they have not ended within ``timeout`` seconds; they go on.
            Exception: what the first failed job in input order raised, or the input itself.
        """
        self._refuse_in_loop("batch.result()", "'await batch'")
        timeout = as_timeout(timeout)
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

    def __len__(self) -> int:
        return len(self._jobs)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        more = " and more to come" if self._open else ""
        return f"<Batch {len(self._ended)} of {len(self._jobs)} jobs ended{more}>"


def _ignore(_: object) -> None:
    """Discard a thread's return value: it has reported all by itself."""


class _Ended(Generic[T]):
    """Goes through the jobs of a batch as they end."""

    def __init__(self, batch: Batch[T]) -> None:
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
