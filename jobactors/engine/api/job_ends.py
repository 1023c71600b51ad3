"""The ends of many jobs and batches, gathered in their order from any thread.

``ja.as_completed``, ``ja.gather`` and ``ja.wait`` wait for them in the colour of their caller: in
the jobs' own trio loop, in another one, in asyncio, in a thread.  Inside a job they lend its slot,
and a wait that could never end raises ``Deadlock``.

The jobs may belong to several systems, whose loops note ends in threads of their own: all is
written under one lock.  A waiter is woken once its *goal* is reached, not at each end, so that a
job which waits for a thousand others lends its slot once.
"""

from __future__ import annotations

import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.signals.event_loop import in_trio
from jobactors.inside.signals.latch import PASSED, Latch
from jobactors.model.checks import as_timeout
from jobactors.model.errors import WrongThread

from .batch_reader import BatchReader
from .job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from jobactors.engine.attempt.slot_loan import SlotLoan
    from jobactors.model.checks import Seconds

    Awaited = Job[Any] | BatchReader[Any]


class JobEnds:
    """Gathers the ends of jobs.

    Args:
        awaited: The jobs and batches.
        goal: Whether what is waited for has come; called under the lock.
        every: Whether all of them have to end for that, and not any one.
        call: The call that the user made, for errors.
    """

    def __init__(
        self,
        awaited: Iterable[Awaited],
        goal: Callable[[JobEnds], bool],
        *,
        every: bool,
        call: str,
    ) -> None:
        self.awaited: list[Awaited] = checked(awaited, call)
        self.ended: list[Job[Any]] = []
        """The jobs that have ended, in that order; those of batches, too."""
        self.left: int = len(self.awaited)
        """The number of jobs and batches that have not ended."""
        self.over: list[bool] = [False] * len(self.awaited)
        """Of each, whether it has ended."""
        self._goal = goal
        self._every = every
        self._call = call
        self._lock = threading.Lock()
        self._reached = Latch()
        self._take_backs: dict[int, Callable[[], None]] = {}
        weakref.finalize(self, _call_all, self._take_backs).atexit = False
        for place, one in enumerate(self.awaited):
            if isinstance(one, Job):
                note = _Note(self._note_job, place, one)
                self._take_backs[place] = one._record.settled.call_when_set(note)
            else:
                self._note_batch(place, one, 0)
        self._wake()  # there may be none

    # -- taking note, in any thread

    def _note_job(self, place: int, job: Job[Any]) -> None:
        with self._lock:
            if self.over[place]:
                return  # a latch may call twice
            self.ended.append(job)
            self._note_over(place)
        self._wake()

    def _note_batch(self, place: int, batch: BatchReader[Any], given: int) -> None:
        news = batch._news  # before looking: what ends later sets this one
        ended = batch._ended[given:]
        is_over = batch.done
        with self._lock:
            if self.over[place]:
                return
            self.ended += ended
            if is_over:
                self._note_over(place)
        self._wake()
        if not is_over:
            note = _Note(self._note_batch, place, batch, given + len(ended))
            self._take_backs[place] = news.call_when_set(note)

    def _note_over(self, place: int) -> None:
        self.over[place] = True
        self.left -= 1

    def _wake(self) -> None:
        with self._lock:
            reached = self._reached if self._goal(self) else None
        if reached is not None:
            reached.set()

    def begin_anew(self) -> None:
        """Wait for the next goal, since the last one was reached."""
        with self._lock:
            self._reached = Latch()
        self._wake()

    # -- waiting

    async def reach(self, deadline: float | None = None) -> None:
        """Wait until the goal is reached, in trio or asyncio.

        Raises:
            TimeoutError: at ``deadline``.
        """
        await PASSED
        if self._reached.is_set:
            return
        self._check()
        loan = self._loan()
        if loan is None:
            in_time = await _wait(self._reached, self.seconds_to(deadline))
        else:
            async with loan:
                in_time = await _wait(self._reached, self.seconds_to(deadline))
        if not in_time:
            raise TimeoutError(self.late)

    def block(self, deadline: float | None, instead: str) -> None:
        """Block this thread until the goal is reached.

        Raises:
            TimeoutError: at ``deadline``.
            WrongThread: in the jobs' own loop, which has to run for them to end.
        """
        if any(one._system.parts.portal.is_home for one in self.awaited):
            raise WrongThread(self._call, instead)
        if self._reached.is_set:
            return
        self._check()
        loan, left = self._loan(), self.seconds_to(deadline)
        if loan is None:
            in_time = self._reached.wait_in_thread(left)
        else:
            with loan:
                in_time = loan.control.wait_in_thread(self._reached, left)
        if not in_time:
            raise TimeoutError(self.late)

    def deadline_in(self, timeout: Seconds | None) -> float | None:
        """Return the end of a timeout that begins now, by the clock of the jobs."""
        seconds = as_timeout(timeout)
        return None if seconds is None or not self.awaited else self._now() + seconds

    def seconds_to(self, deadline: float | None) -> float | None:
        """Return the seconds that are left; None for no limit."""
        return None if deadline is None else max(0.0, deadline - self._now())

    def _now(self) -> float:
        return self.awaited[0]._system.core.clock.now()

    @property
    def late(self) -> str:
        """The text of the error after a timeout."""
        ended = len(self.awaited) - self.left
        return f"{ended} of {len(self.awaited)} have ended in time; the others go on"

    def _check(self) -> None:
        """Raise if one that has not ended can end no more, since its system is closed."""
        for place, one in enumerate(self.awaited):
            if not self.over[place]:
                one._system.parts.portal.check("end a job")

    def _loan(self) -> SlotLoan | None:
        context = CURRENT.get()
        pending = [one for place, one in enumerate(self.awaited) if not self.over[place]]
        own = [one for one in pending if context and one._system.core is context._system]
        if not own:
            return None
        host = own[0]._system.core
        if self._every:
            return slot_loan_for(host, *[_ids(one) for one in own])
        # Any other one may end the wait, so that there is no circle.
        return slot_loan_for(host, *([_Pending(own)] if len(own) == len(pending) else []))


class _Pending:
    """The ids of the jobs that have not ended among several; found when they are asked for."""

    def __init__(self, awaited: list[Awaited]) -> None:
        self._awaited = awaited

    def __iter__(self) -> Iterator[str]:
        for one in self._awaited:
            if not isinstance(one, Job):
                yield from list(one._under_way.values())
            elif not one.done():
                yield one.id

    def __contains__(self, job_id: object) -> bool:
        return any(job_id == other for other in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Note:
    """Calls a method at the first call alone, if what it belongs to is still waited for."""

    def __init__(self, method: Callable[..., None], *args: Any) -> None:
        self._method = weakref.WeakMethod(method)
        self._args = [args]

    def __call__(self) -> None:
        method = self._method()
        try:
            args = self._args.pop()
        except IndexError:
            return
        if method is not None:
            method(*args)


def _call_all(functions: dict[int, Callable[[], None]]) -> None:
    """Take all callbacks back: a wait that is given up leaves nothing behind."""
    for function in functions.values():
        function()


def _ids(one: Awaited) -> Collection[str]:
    return (one.id,) if isinstance(one, Job) else one._under_way.values()


def checked(awaited: Iterable[Awaited], call: str) -> list[Awaited]:
    """Return what is waited for as a list.

    Raises:
        TypeError: unless all are handles of jobs or batches.
    """
    if isinstance(awaited, Job):
        raise TypeError(f"{call} takes several jobs, in a list; for one, 'await job' will do")
    # A batch is iterable as well, and would be waited for here.
    found: list[Awaited] = [awaited] if isinstance(awaited, BatchReader) else list(awaited)
    for one in found:
        if not isinstance(one, Job | BatchReader):
            hint = ": look it up with jobs.get(id)" if isinstance(one, str) else ""
            raise TypeError(f"{call} takes jobs and batches, not {type(one).__name__}{hint}")
    return found


async def _wait(latch: Latch, seconds: float | None) -> bool:
    """Wait for a latch in trio or asyncio; returns whether it was set in time."""
    if seconds is None:
        await latch
    elif in_trio():
        with sys.modules["trio"].move_on_after(seconds):
            await latch
    else:
        import asyncio  # it runs

        try:
            async with asyncio.timeout(seconds):
                await latch
        except TimeoutError:
            return latch.is_set
    return latch.is_set
