"""``jobs.as_executor()``: the jobs in the shape of :class:`concurrent.futures.Executor`.

Three objects work together:

* ``JobsExecutor`` is handed to other libraries.
* ``JobFuture`` is a real future, because those libraries wait for futures with the standard
  library's own ``wait`` and ``as_completed``, which look inside.  It is *running* from the moment
  its job starts, and gets the outcome once the job has ended, in a worker thread: a slow callback
  stops no job.
* ``_FutureCall`` stands between them: it takes the place of the runner, so that a future that was
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
``future._job``               the submitting thread, once         any thread
``future._begun``             the loop, or the delivering thread  the same
                              once the job has ended
``future._value``             the loop, before the job ends       the delivering thread
``future._is_settled``        any thread, under its lock          the same
============================  ==================================  ==================================
"""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from msgspec.structs import replace

from jobactors.engine.api.offer import offer
from jobactors.engine.api.waits import block_until_settled
from jobactors.engine.ports.late_binding import choose_runner
from jobactors.model.errors import JobCancelled, JobsClosed
from jobactors.model.job_type import job_type_of
from jobactors.model.options import DEFAULTS
from jobactors.model.outcome import Partial, Succeeded, error_for_waiter
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jobactors.engine.api.job import Job
    from jobactors.engine.ports.runner import Attempt, KnownRunner
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.outcome import Outcome
    from jobactors.model.snapshot import JobSnapshot

T = TypeVar("T")


class JobsExecutor(Executor):
    """An executor whose calls are jobs.  Returned by ``jobs.as_executor()``, never built by hand.

    For libraries that take an :class:`~concurrent.futures.Executor`, whose contract it fulfils.
    Its jobs are ordinary ones: they share ``max_running``, show themselves, report with
    ``ja.track``, and are waited for when the system closes.  ``async def`` functions run in trio.

    It differs from a thread pool in three points: the system decides how many calls run at once; a
    call sees its submitter's context variables; and a job that is cancelled while it runs makes its
    future raise :class:`~jobactors.JobCancelled`.

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
        future: JobFuture[Any] = JobFuture(self)
        call = _FutureCall(future, choose_runner(fn, options), fn, args, kwargs)
        runner = cast("KnownRunner", call)
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._unfinished[future] = None
        try:
            if kind is None:
                future._follow(offer(self._system, call, (), {}, self._options, runner)[0])
            else:
                # A type's jobs have label, key and arguments of their own, and can be restarted.
                future._follow(offer(self._system, fn, args, kwargs, self._options, runner)[0])
        except JobsClosed as exc:
            self._forget(future)
            raise RuntimeError("cannot schedule new futures after shutdown of the jobs") from exc
        except BaseException:
            self._forget(future)
            raise
        return future

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


class JobFuture(Future[T]):
    """A real future over a job.  Returned by ``executor.submit``, never built by hand.

    ``cancel()`` cancels a job that has not started; once it has, the answer is False, as with any
    future, and ``future.job.cancel()`` can do more.  ``result`` and ``exception`` count as reading
    the job.  Callbacks run in a worker thread.
    """

    def __init__(self, executor: JobsExecutor) -> None:
        super().__init__()
        self._executor = executor
        self._job: Job[Any] | None = None
        """None until it is submitted; another thread may shut the executor down before."""
        self._begun: bool | None = None
        """None until the job starts or ends; False if the future was cancelled before that."""
        self._value: Any = None
        self._settling = threading.Lock()
        self._is_settled = False

    @property
    def job(self) -> Job[Any]:
        """The job's own handle.  Its result went to the future, and is not found there.

        Raises:
            RuntimeError: while the future is being submitted.
        """
        if self._job is None:
            raise RuntimeError("this future is just being submitted and has no job yet")
        return self._job

    def cancel(self) -> bool:
        """Cancel the job if it has not started.

        Returns:
            Whether the future is cancelled.
        """
        if not super().cancel():
            return False
        if self._job is not None:
            with suppress(JobsClosed):  # it has ended, or cannot be reached any more
                self._job.cancel("its future was cancelled")
        return True

    def result(self, timeout: float | None = None) -> T:
        """Block this thread until the job has ended, and return its result.

        Inside another job the wait lends that job's slot meanwhile.

        Args:
            timeout: Seconds to wait; default: for as long as it takes.

        Raises:
            TimeoutError: if it has not ended in ``timeout`` seconds; the job goes on.
            concurrent.futures.CancelledError: if it was cancelled before it started.
            WrongThread: in the jobs' own loop; use ``await future.job`` there.
            BaseException: the job's own exception.
        """
        self._wait_settled(timeout, "future.result()")
        try:
            return super().result(timeout)
        finally:
            self._note_reading()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Block this thread until the job has ended; return the error of ``result``, or None.

        Args:
            timeout: Seconds to wait; default: for as long as it takes.

        Raises:
            TimeoutError, concurrent.futures.CancelledError, WrongThread: as :meth:`result`.
        """
        self._wait_settled(timeout, "future.exception()")
        try:
            return super().exception(timeout)
        finally:
            self._note_reading()

    def _wait_settled(self, timeout: float | None, call: str) -> None:
        if not self.done() and self._job is not None:
            instead = "'await future.job'"
            block_until_settled(self._executor._system, self._job._record, timeout, call, instead)

    def _wait_notified(self) -> None:
        self._wait_settled(None, "executor.shutdown()")
        wait([self])  # a cancelled one counts when its waiters have been notified

    def _note_reading(self) -> None:
        if self.done():
            self.job._note_reading()

    # -- the job's side

    def _begin(self) -> bool:
        """Mark the future running, as its job starts or ends; False if it was cancelled before."""
        if self._begun is None:
            self._begun = self.set_running_or_notify_cancel()
        return self._begun

    def _follow(self, job: Job[Any]) -> None:
        self._job = job
        job._record.settled.call_when_set(self._settle)

    def _settle(self) -> None:
        """Deliver the outcome; called once or twice after the end, usually in the loop's thread."""
        with self._settling:
            settled, self._is_settled = self._is_settled, True
        if settled:
            return
        system = self._executor._system
        if system.parts.portal.is_home:
            # As the on_done hook: in a thread, waited for by the system, its errors logged.
            system.core.run_hook(self._deliver, self.job.snapshot())
        else:
            self._deliver(self.job.snapshot())

    def _deliver(self, snapshot: JobSnapshot) -> None:
        outcome = snapshot.outcome
        if outcome is None:
            raise RuntimeError(f"job {snapshot.id} has ended without an outcome")
        call = self.job._record.runner
        if isinstance(call, _FutureCall) and call.future is self:
            call.release()
        if self._begun is None and outcome.state is JobState.CANCELLED:
            super().cancel()  # the queued job itself was cancelled
        self._executor._forget(self)
        if not self._begin():
            return
        error = _error(snapshot.id, outcome)
        if isinstance(error, JobCancelled) and error.partial is None:
            error.partial, self._value = self._value, None  # it was told, and has returned
        if error is not None:
            self.set_exception(error)
        elif outcome.value is None:
            value, self._value = self._value, None
            self.set_result(value)
        else:
            self.set_result(cast("T", outcome.value))


def _error(job_id: str, outcome: Outcome) -> BaseException | None:
    """Return the future's error: the job's own, as a thread pool would, but never a cancellation.

    The cancellation of an event loop, raised where it does not belong, would end the waiter's own.
    """
    error = error_for_waiter(job_id, outcome)
    raised = outcome.exception
    if outcome.state is not JobState.FAILED or outcome.reason is not None or raised is None:
        return error
    if isinstance(raised, Exception) or not type(raised).__name__.startswith("Cancelled"):
        return raised
    return error


class _FutureCall:
    """One submitted call: the job's runner, and for a plain function also the function it shows.

    Written by the loop's thread, and by the delivering thread once the job has ended.
    """

    def __init__(
        self,
        future: JobFuture[Any],
        inner: KnownRunner,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.future: JobFuture[Any] | None = future
        self.inner = inner
        self._call: tuple[Any, ...] | None = (function, args, kwargs)
        self.__name__ = _name_of(function)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # otherwise it is the runner it stands for

    def __call__(self) -> None:
        """Refuse to run: the runner makes the call, and only a restart can come here."""
        raise RuntimeError(
            f"{self.__name__} was submitted through an executor, which stores no calls: submit it "
            "again, or declare it with @ja.job"
        )

    async def run(self, attempt: Attempt) -> Any:
        """Execute one attempt, unless the future was cancelled in this very moment."""
        future, call = self.future, self._call
        if future is None or call is None:
            return await self.inner.run(attempt)
        if not future._begin():
            return Partial(None)
        if attempt.function is not self:
            return await self.inner.run(attempt)
        function, args, kwargs = call
        value = await self.inner.run(replace(attempt, function=function, args=args, kwargs=kwargs))
        if type(value) is Partial:
            return value
        if type(value) is Succeeded:
            future._value = value.value
            return Succeeded(None)
        future._value = value
        return None

    def release(self) -> None:
        """Release the call of an ended job: only its future holds the result."""
        self.future = self._call = None


def _name_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__
