"""Waits for futures of jobs by the standard library's own calls, which do not lend slots.

``concurrent.futures.wait`` and ``as_completed`` hang a *waiter* into the list ``_waiters`` of each
future, under the locks of all of them, and then wait for the waiter's event.  Here that list puts
an event of ours in the place of the waiter's own, which lends the waiting job's slot for as long as
it is waited for.  It does so at the wait, not in the list: under the locks of the futures, the
jobs' loop may be waiting for one of them.

The circle test needs to know how many of the futures have to end: all, or any one.  In the second
case it is asked only if *all* futures are of this system, for any other one may end the wait.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import ALL_COMPLETED
from typing import TYPE_CHECKING, Any, Protocol

from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import WrongThread

if TYPE_CHECKING:
    from jobactors.engine.system.job_system import JobSystem


class AwaitedFuture(Protocol):
    """The future of a job, as far as a wait for it is concerned."""

    def done(self) -> bool:
        """Return whether it has its outcome."""
        ...

    def _job_id(self) -> str:
        """Return the id of the job that gives it its outcome, which may have ended already."""
        ...


class Waiters(list[Any]):
    """The waiters of one future; each waits by a :class:`LendingEvent` from here on."""

    def __init__(self, system: JobSystem, future: AwaitedFuture) -> None:
        super().__init__()
        self._system = system
        self._future = weakref.ref(future)  # which has this list

    def append(self, waiter: Any, /) -> None:
        """Add a waiter, under the locks of all its futures."""
        event = getattr(waiter, "event", None)
        if type(event) is threading.Event and not event.is_set():
            event = waiter.event = LendingEvent(self._system, *_asked_for())
        if isinstance(event, LendingEvent):
            event.note(self._future)
        super().append(waiter)


def _asked_for() -> tuple[int, str]:
    """Return the number of futures of the wait that is being set up, and which have to end."""
    asked = sys._getframe(2).f_locals
    return len(asked.get("fs", ())), asked.get("return_when", "")


class LendingEvent(threading.Event):
    """A waiter's event: a job that waits for it lends its slot.

    It is set and cleared under the waiter's own lock, or set once.
    """

    def __init__(self, system: JobSystem, count: int, return_when: str) -> None:
        super().__init__()
        self._system = system
        self._count = count
        self._return_when = return_when
        self._latch = Latch()
        self._ours = 0
        self._pending: deque[weakref.ref[AwaitedFuture]] = deque()
        """The futures of jobs among those waited for, and holding none of them."""

    def note(self, future: weakref.ref[AwaitedFuture]) -> None:
        """Take note of a future of a job that is waited for; before the wait."""
        self._ours += 1
        self._pending.append(future)

    def set(self) -> None:
        """Wake the waiting thread."""
        super().set()
        self._latch.set()

    def clear(self) -> None:
        """Be set again when the next future ends."""
        super().clear()
        self._latch = Latch()

    def wait(self, timeout: float | None = None) -> bool:
        """Block this thread until it is set; inside a job, lend its slot meanwhile.

        Raises:
            Deadlock: if the futures' jobs wait, in a circle, for the calling one.
            WrongThread: in the jobs' own loop, which has to run for the futures to end.
        """
        latch = self._latch
        if self.is_set():
            return True
        if self._system.parts.portal.is_home:
            raise WrongThread("waiting for futures", "'await future.job'")
        loan = slot_loan_for(self._system.core, *self._awaited())
        if loan is None:
            return super().wait(timeout)
        with loan:
            return loan.control.wait_in_thread(latch, timeout)

    def _awaited(self) -> list[Collection[str]]:
        """Return the jobs waited for, in groups; none where something else may end the wait."""
        while self._pending and _running_job(self._pending[0]) is None:
            self._pending.popleft()  # so that many waits for many futures stay cheap
        if self._return_when == ALL_COMPLETED:
            return [(job_id,) for job_id in _RunningJobs(self._pending)]
        return [] if self._count > self._ours else [_RunningJobs(self._pending)]


class _RunningJobs(Collection[str]):
    """The ids of the jobs of futures that are not done; found when they are asked for."""

    def __init__(self, futures: Collection[weakref.ref[AwaitedFuture]]) -> None:
        self._futures = futures

    def __iter__(self) -> Iterator[str]:
        return (job_id for ref in self._futures if (job_id := _running_job(ref)) is not None)

    def __contains__(self, job_id: object) -> bool:
        return any(job_id == other for other in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:  # without counting them all
        return next(iter(self), None) is not None


def _running_job(ref: weakref.ref[AwaitedFuture]) -> str | None:
    future = ref()
    return None if future is None or future.done() else future._job_id()
