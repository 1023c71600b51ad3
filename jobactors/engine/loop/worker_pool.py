"""Worker threads that make one call after another: the blocking code of jobs.

``trio.to_thread`` sets up each call anew, in two hundred steps, and wakes the loop for each result:
that was half of what a short job cost.  So a thread is asked of trio once, and then serves calls
until it has had none for a while; the results that come together wake the loop together.  It stays
a thread of trio's, or of anyio's in a program that has imported it, so that ``from_thread`` finds
its loop there.

*As many threads as calls that block.*  Any call may wait for another one, so none may wait for a
thread that is busy.  But a thread for each call that finds none idle would make a thousand for a
thousand short ones.  So one thread at a time is on its way, woken or new.  When it takes a call and
leaves others, it sends for the next thread before it makes its own: a waiting call always has a
thread that is coming, and short calls are made by few.

Calls that are started together are handed over together, once the loop has started them all.  One
that is started alone, after one that was short, is waited for in place (:mod:`.brief_wait`).  Until
a thread has taken a call it can be withdrawn: a job that is cancelled where it was submitted, in
the loop, never starts.

Each field of the pool is read and written under its lock, by the loop and by the workers, but for
``_gathered`` and ``is_short``, which are the loop's alone.
"""

from __future__ import annotations

import math
import sys
import threading
import weakref
from collections import deque
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.model.exception_tree import tracebacks_of
from jobactors.model.last_references import drop_elsewhere

from .brief_wait import BriefWait
from .from_thread import hear_cancels
from .worker_thread import anyio_run_sync, caught, error_of_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.signals.control import Control

    from .portal import Portal

IDLE: Final = 10.0
"""Seconds without a call after which a worker goes; trio waits as long with its own."""
_SHORT: Final = 50e-6
"""Seconds that a call may take, so that the next one is expected to be short as well."""
_BRIEFLY: Final = 200e-6
"""Seconds that the loop waits in place at most: a thread is woken, and makes a short call."""
_NAME: Final = "jobactors-worker"
"""The name of a thread between two calls."""


class ThreadCall:
    """A call on its way through a worker thread, waited for in the loop: by a task, or a call."""

    __slots__ = (
        "_call",
        "_context",
        "_control",
        "_pool",
        "_raised",
        "_seconds",
        "_value",
        "_when_ended",
        "brief_wait",
        "is_done",
        "name",
    )

    def __init__(
        self, pool: WorkerPool, call: Callable[[], Any], name: str, control: Control | None
    ) -> None:
        self._pool = pool
        self._call = call
        self._control = control
        self._context = copy_context()
        self._value: Any = None
        self._raised: BaseException | None = None
        self._when_ended: Callable[[], object] | None = None
        """Wakes what waits.  Read and written by the loop, as is ``is_done``."""
        self._seconds: float = 0.0
        """The time that the call itself took."""
        self.brief_wait: BriefWait | None = None
        """The loop's wait in place.  Written by the loop, before a thread can take the call."""
        self.is_done: bool = False
        """Whether it has ended, and its end is known in the loop."""
        self.name: str = name
        """The thread's name meanwhile."""

    async def ended(self) -> None:
        """Wait until the call has ended.

        A cancellation ends the waiting alone.  The thread goes on, and can be waited for again.
        """
        if not self.is_done:
            self._when_ended = partial(trio.lowlevel.reschedule, trio.lowlevel.current_task())
            await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)

    def call_when_ended(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` in the loop when the call has ended; right after it was started."""
        self._when_ended = callback

    def leave_behind(self) -> None:
        """Wait no more for the end of the call."""
        self._when_ended = None

    def withdraw(self) -> bool:
        """Take the call back, unless a thread has taken it; returns whether it is never made."""
        return self._pool.withdraw(self)

    def result(self) -> Any:
        """Return or raise what a call that has ended does; once."""
        raised, self._raised = self._raised, None
        if raised is None:
            return self._value
        drop_elsewhere(tracebacks_of(raised))  # the frames of the function, with its variables
        try:
            raise raised
        finally:
            del raised  # its traceback holds this frame

    def make(self) -> None:
        """Make the call; in a worker thread."""
        context, call = self._context, self._call
        del self._context, self._call  # what they hold is to go here, and not in the loop
        start = perf_counter()
        self._value, self._raised = context.run(_called, call, self._control)
        del context, call
        self._seconds = perf_counter() - start
        if self.brief_wait is None or not self.brief_wait.end():
            self._pool.portal.post_quietly(self.end)

    def refuse(self, error: Exception) -> None:
        """End a call for which there is no thread; in the loop."""
        self._raised = error
        self.end()

    def end(self) -> None:
        """Have what waits go on, after the call was made; in the loop."""
        self.is_done = True
        self._pool.is_short = self._seconds < _SHORT
        wake, self._when_ended = self._when_ended, None
        if wake is not None:
            wake()
        else:  # it was left behind
            drop_elsewhere((self._value, self._raised))

    def _stop_waiting(self, _: object) -> trio.lowlevel.Abort:
        self._when_ended = None
        return trio.lowlevel.Abort.SUCCEEDED


def _called(call: Callable[[], Any], control: Control | None) -> tuple[Any, BaseException | None]:
    sniffio: Any = sys.modules.get("sniffio")
    if sniffio is not None and sniffio.current_async_library_cvar.get() is not None:
        sniffio.current_async_library_cvar.set(None)  # the submitter's; here runs no loop
    return caught(call, control)


class _PooledThread:
    """One thread of the pool."""

    __slots__ = ("is_anyios", "is_leaving", "ready")

    def __init__(self, *, is_anyios: bool) -> None:
        self.ready = threading.Lock()
        """Released to call it; held by itself while it waits for that."""
        self.ready.acquire()
        self.is_anyios = is_anyios
        """Whether anyio has started it, so that ``anyio.from_thread`` works in it."""
        self.is_leaving: bool = False
        """Whether it is to go; written by itself."""


class WorkerPool:
    """The worker threads of one system, for the blocking code of its jobs.

    There is no limit to their number: ``max_running`` decides how many jobs run, and nothing else.

    Args:
        portal: The way into the loop, for the results.
    """

    def __init__(self, portal: Portal) -> None:
        self.portal: Portal = portal
        self._nursery: trio.Nursery
        self._lock = threading.Lock()
        self._calls: deque[ThreadCall] = deque()
        """The calls for which no thread has come yet."""
        self._gathered: list[ThreadCall] = []
        """The calls that were started just now, and are handed over together."""
        self._idle: list[_PooledThread] = []
        """The threads without a call; the last one is called first, so that the others can go."""
        self._coming: _PooledThread | None = None
        """The thread that is on its way to the calls; while it is, no other one is sent for."""
        self.is_short: bool = False
        """Whether the call that has ended last took next to no time."""
        self._is_closed = False

    def open(self, nursery: trio.Nursery) -> None:
        """Wait for the threads in a nursery of the loop; its end leaves busy ones behind."""
        self._nursery = nursery

    def close(self) -> None:
        """Let idle threads go, and busy ones when they have made their calls."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.ready.release()

    def start(self, call: Callable[[], Any], name: str, control: Control | None) -> ThreadCall:
        """Have a call made in a thread; in the loop.

        Args:
            call: Blocking code.
            name: The thread's name meanwhile.
            control: The requests to the attempt whose own thread this is meanwhile; None for none.
        """
        hear_cancels()
        made = ThreadCall(self, call, name, control)
        self._gathered.append(made)
        if len(self._gathered) == 1:
            self.portal.soon(self._hand_over)
        return made

    def withdraw(self, call: ThreadCall) -> bool:
        """Take a call back that no thread has taken; returns whether it was there; in the loop."""
        for waiting in (self._gathered, self._calls):
            with self._lock, suppress(ValueError):
                waiting.remove(call)
                return True
        return False

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        brief_wait = BriefWait() if self.is_short and len(gathered) == 1 else None
        with self._lock:
            self._calls += gathered
            new = self._send_for_one() if gathered else None
            if brief_wait is not None and new is None:
                gathered[0].brief_wait = brief_wait
        if new is not None:
            self._start_worker(new)
        elif brief_wait is not None and brief_wait.is_over_within(_BRIEFLY):
            gathered[0].end()

    # -- under the lock

    def _send_for_one(self) -> _PooledThread | None:
        """Have a thread come for the next call; returns a new one that is to be started."""
        if self._coming is not None:
            return None
        is_anyios = anyio_run_sync() is not None
        while self._idle:
            worker = self._idle.pop()
            worker.ready.release()
            if worker.is_anyios or not is_anyios:
                self._coming = worker
                return None
        self._coming = _PooledThread(is_anyios=is_anyios)
        return self._coming

    # -- in the loop

    def _start_worker(self, worker: _PooledThread) -> None:
        # In a context of its own: the caller's is a job's, and a thread may stay for long.
        start_soon: Callable[..., None] = self._nursery.start_soon
        Context().run(start_soon, self._work, worker, name=_NAME)

    @trio.lowlevel.enable_ki_protection
    async def _work(self, worker: _PooledThread) -> None:
        limiter: Any = trio.CapacityLimiter(math.inf)
        try:
            if worker.is_anyios:
                run_sync = anyio_run_sync()
                await run_sync(
                    _serve, weakref.ref(self), worker, abandon_on_cancel=True, limiter=limiter
                )
            else:
                await trio.to_thread.run_sync(
                    _serve,
                    weakref.ref(self),
                    worker,
                    thread_name=_NAME,
                    abandon_on_cancel=True,
                    limiter=limiter,
                )
        except RuntimeError as exc:  # the system has no more threads
            self._refuse_all(error_of_start(exc))

    def _refuse_all(self, error: Exception) -> None:
        with self._lock:
            self._coming = None
            refused = list(self._calls)
            self._calls.clear()
        for call in refused:
            call.refuse(error)

    # -- in a worker thread

    def take(self, worker: _PooledThread) -> ThreadCall | None:
        """Return a call; None if there is none, or if the thread is to go."""
        with self._lock:
            if self._coming is worker:
                self._coming = None
            is_old = anyio_run_sync() is not None and not worker.is_anyios
            call = self._calls.popleft() if self._calls and not is_old else None
            new = self._send_for_one() if self._calls else None
            worker.is_leaving = call is None and (is_old or self._is_closed)
            if call is None and not worker.is_leaving:
                self._idle.append(worker)
        if new is not None:
            self.portal.post_quietly(self._start_worker, new)
        return call

    def let_go(self, worker: _PooledThread) -> bool:
        """Let a thread go that has waited long; False if it was called in this very moment."""
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                return True
        return False


def _serve(pool: weakref.ref[WorkerPool], worker: _PooledThread) -> None:
    """Make calls until there have been none for a while; in a worker thread.

    By a weak reference: a thread that goes at the end of a program, or waits for a call, holds no
    system with its jobs.
    """
    thread = threading.current_thread()
    while True:
        call = _taken(pool, worker)
        if call is not None:
            thread.name = call.name
            call.make()
            thread.name = _NAME
            del call  # it holds the result, and the next one may be long in coming
        elif worker.is_leaving or not _is_called(pool, worker):
            return


def _taken(pool: weakref.ref[WorkerPool], worker: _PooledThread) -> ThreadCall | None:
    there = pool()
    if there is None:
        worker.is_leaving = True
        return None
    return there.take(worker)


def _is_called(pool: weakref.ref[WorkerPool], worker: _PooledThread) -> bool:
    """Wait as an idle thread; returns whether it was called."""
    if worker.ready.acquire(timeout=IDLE):
        return True
    there = pool()
    return there is not None and not there.let_go(worker) and worker.ready.acquire()
