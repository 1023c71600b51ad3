"""``jobs.as_executor()``: the jobs in the shape of :class:`concurrent.futures.Executor`.

Three objects work together:

* ``JobsExecutor`` is handed to other libraries.
* ``JobFuture`` is a real future, because those libraries wait for futures with the standard
  library's own ``wait`` and ``as_completed``, which look inside.  It is *running* from the moment
  its job starts, and gets the outcome once the job has ended, in a worker thread: a slow callback
  stops no job.
* ``FutureCall`` stands between them: it takes the place of the runner, so that a future that was
  cancelled never runs, whatever the runner is; and it holds function, arguments and result in the
  job's place, so that these are released with the future, as any pool does, and not held by the
  finished job for as long as that is in the registry.

The race between ``future.cancel()`` in any thread and the start of the job in the loop is decided
by the future's own lock: ``set_running_or_notify_cancel`` in the loop, ``cancel`` in the thread.

============================  ==================================  ==================================
field                         written by                          read by
============================  ==================================  ==================================
``executor._unfinished``      the submitting and the delivering   ``shutdown``
                              thread, under the executor's lock
============================  ==================================  ==================================
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from concurrent.futures import Executor
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, overload

from jobactors.engine.api.offer import offer
from jobactors.engine.ports.late_binding import choose_runner
from jobactors.model.checks import as_timeout
from jobactors.model.errors import JobsClosed
from jobactors.model.job_type import job_type_of
from jobactors.model.options import DEFAULTS

from .job_future import FutureCall, JobFuture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from jobactors.engine.ports.runner import KnownRunner
    from jobactors.engine.system.job_system import JobSystem

T = TypeVar("T")

_WITHOUT_LIMIT: Final = min(32, (os.cpu_count() or 1) + 4)
"""The number of workers reported where the system has no limit: that of a thread pool."""


class JobsExecutor(Executor):
    """An executor whose calls are jobs.  Returned by ``jobs.as_executor()``, never built by hand.

    For libraries that take an :class:`~concurrent.futures.Executor`, whose contract it fulfils.
    Its jobs are ordinary ones: they share ``max_running``, show themselves, report with
    ``ja.track``, and are waited for when the system closes.  ``async def`` functions run in trio.

    It differs from a thread pool in three points: the system decides how many calls run at once; a
    call sees its submitter's context variables; and a job that is cancelled while it runs makes its
    future raise :class:`~jobactors.JobCancelled`.

    A job may use it as well, and lends its slot while it waits, so that its calls can run.

    Example::

        with jobs.as_executor() as pool:
            sizes = list(pool.map(size_of, files))
    """

    def __init__(self, system: JobSystem, options: Mapping[str, Any]) -> None:
        self._system = system
        self._options = options
        self._lock = threading.Lock()
        self._is_shut = False
        self._unfinished: dict[JobFuture[Any], None] = {}
        """Futures without an outcome; written under the lock."""

    @overload
    def submit(
        self, fn: Callable[..., Awaitable[T]], /, *args: Any, **kwargs: Any
    ) -> JobFuture[T]: ...
    @overload
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> JobFuture[T]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> JobFuture[Any]:
        """Submit ``fn(*args, **kwargs)`` as a job and return its future at once.

        Args:
            fn: A function, plain or ``async def``.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Raises:
            RuntimeError: after ``shutdown``, or when the job system has closed.
        """
        kind = job_type_of(fn)
        options = (DEFAULTS if kind is None else kind.options).changed(**self._options)
        future: JobFuture[Any] = JobFuture(self._system, self._forget)
        call = FutureCall(future, choose_runner(fn, options), fn, args, kwargs)
        runner = cast("KnownRunner", call)
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._unfinished[future] = None
        try:
            if kind is None:
                future._follow(offer(self._system, call, (), {}, self._options, runner))
            else:
                # A type's jobs have label, key and arguments of their own, and can be restarted.
                future._follow(offer(self._system, fn, args, kwargs, self._options, runner))
        except JobsClosed as exc:
            self._forget(future)
            raise RuntimeError("cannot schedule new futures after shutdown of the jobs") from exc
        except BaseException:
            self._forget(future)
            raise
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """Call ``fn`` with the items of ``iterables`` as the builtin does; yield the results.

        The calls are submitted at once, and their results come in the order of the input.  An
        iteration that ends early cancels the calls that have not started.

        Args:
            fn: A function, plain or ``async def``.
            *iterables: One for each of its arguments; the shortest one ends the input.
            timeout: Seconds from now for each result to be there; default: as long as it takes.
            chunksize: Without meaning here: each call is a job of its own.
            buffersize: The number of results that may be under way, beyond which no more input is
                taken; default: all of the input.  On every Python, as in 3.14.

        Raises:
            TimeoutError: by the iterator, if a result is not there in time.
            Exception: by the iterator, what a call raised.
        """
        del chunksize
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        timeout = as_timeout(timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        calls = zip(*iterables, strict=False)
        pending = deque(self.submit(fn, *args) for args in islice(calls, buffersize))
        return self._results(pending, fn, calls, deadline)

    def _results(
        self,
        pending: deque[JobFuture[Any]],
        fn: Callable[..., Any],
        calls: Iterator[tuple[Any, ...]],
        deadline: float | None,
    ) -> Iterator[Any]:
        try:
            while pending:
                for args in islice(calls, 1):
                    pending.append(self.submit(fn, *args))
                    del args
                # No name for the future nor for its result: they would live until the next one.
                yield _result_or_cancel([pending.popleft()], deadline)
        finally:
            for future in pending:
                future.cancel()

    @property
    def _max_workers(self) -> int:
        """The number of calls that run at once; what thread pools call it, and dask asks for."""
        limit = self._system.parts.queue.max_running
        return _WITHOUT_LIMIT if limit is None else max(1, limit)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the job system and its other jobs go on.

        Args:
            wait: Whether to block until every future has its outcome; default: yes.
            cancel_futures: Whether to cancel the jobs that have not started; default: no.

        Raises:
            WrongThread: for a wait in the jobs' own loop, which has to run for them to end.
        """
        with self._lock:
            self._is_shut = True
            unfinished = list(self._unfinished)
        if cancel_futures:
            for future in unfinished:
                future.cancel()
        if wait:
            for future in unfinished:
                future._wait_notified()

    def _forget(self, future: JobFuture[Any]) -> None:
        with self._lock:
            self._unfinished.pop(future, None)

    def __repr__(self) -> str:
        state = "shut down, " if self._is_shut else ""
        return f"<JobsExecutor {state}{len(self._unfinished)} unfinished>"


def _result_or_cancel(one: list[JobFuture[Any]], deadline: float | None) -> Any:
    """Return the result of the future in a list, which is emptied; cancel it if there is none."""
    future = one.pop()
    try:
        return future.result(None if deadline is None else deadline - time.monotonic())
    finally:
        future.cancel()
        del future
