"""The future of a job: what libraries hold that take any :class:`concurrent.futures.Executor`.

It is a real future, because those libraries wait for futures with the standard library's own
``wait`` and ``as_completed``, which look inside; see ``future_waits`` for what they find there.

============================  ==================================  ==================================
field                         written by                          read by
============================  ==================================  ==================================
``_job``                      the submitting thread, once         any thread
``_begun``                    the loop, or the delivering thread  the same
                              once the job has ended
``_value``                    the loop, before the job ends       the delivering thread
``_is_settled``               any thread, under its lock          the same
============================  ==================================  ==================================
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec.structs import replace

from jobactors.engine.api.waits import block_until_settled
from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.model.checks import as_timeout
from jobactors.model.errors import JobCancelled, JobsClosed
from jobactors.model.outcome import Partial, Succeeded, error_for_waiter
from jobactors.model.states import JobState

from .future_waits import Waiters

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.api.job import Job
    from jobactors.engine.ports.runner import Attempt, KnownRunner
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.outcome import Outcome
    from jobactors.model.snapshot import JobSnapshot

T = TypeVar("T")


class JobFuture(Future[T]):
    """A real future over a job.  Returned by ``executor.submit``, never built by hand.

    ``cancel()`` cancels a job that has not started; once it has, the answer is False, as with any
    future, and ``future.job.cancel()`` can do more.  ``result`` and ``exception`` count as reading
    the job.  Callbacks run in a worker thread.

    A job that waits for it lends its slot meanwhile, whether by ``result``, ``exception``,
    ``concurrent.futures.wait`` or ``as_completed``.  Other libraries wait by a callback that wakes
    them: so a job that calls ``add_done_callback`` lends its slot as well, until the future is
    done.
    """

    def __init__(self, system: JobSystem, forget: Callable[[JobFuture[Any]], None]) -> None:
        super().__init__()
        self._system = system
        self._forget = forget
        # What wait() and as_completed() wait by.
        self._waiters: list[Any] = Waiters(system, self)  # pyright: ignore[reportIncompatibleVariableOverride]
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

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call ``fn(self)`` in a worker thread when the future is done, or now if it is.

        Inside another job, that job's slot is lent until then: it may be waiting for the callback.
        """
        super().add_done_callback(fn)
        if self._job is not None and not self._job._record.settled.is_set:
            loan = slot_loan_for(self._system.core)
            if loan is not None:
                loan.lend_until(self._job._record.settled)

    def _job_id(self) -> str:
        """Return the id of its job; empty while it is being submitted."""
        return "" if self._job is None else self._job.id

    def _wait_settled(self, timeout: float | None, call: str) -> None:
        timeout = as_timeout(timeout)
        if not self.done() and self._job is not None:
            instead = "'await future.job'"
            block_until_settled(self._system, self._job._record, timeout, call, instead)

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
        system = self._system
        if system.parts.portal.is_home:
            # As the on_done hook: in a thread, waited for by the system, its errors logged.
            system.core.run_hook(_delivery_to(self), self.job.snapshot())
        else:
            self._deliver(self.job.snapshot())

    def _deliver(self, snapshot: JobSnapshot) -> None:
        outcome = snapshot.outcome
        if outcome is None:
            raise RuntimeError(f"job {snapshot.id} has ended without an outcome")
        call = self.job._record.runner
        if isinstance(call, FutureCall) and call.future is self:
            call.release()
        if self._begun is None and outcome.state is JobState.CANCELLED:
            super().cancel()  # the queued job itself was cancelled
        self._forget(self)
        if not self._begin():
            return
        error = _error(snapshot.id, outcome)
        if isinstance(error, JobCancelled) and error.partial is None:
            error.partial, self._value = self._value, None  # it was notified, and has returned
        if error is not None:
            self.set_exception(error)
        elif outcome.value is None:
            value, self._value = self._value, None
            self.set_result(value)
        else:
            self.set_result(cast("T", outcome.value))


def _delivery_to(future: JobFuture[Any]) -> Callable[[JobSnapshot], None]:
    """Return the call that delivers an outcome to a future, and then releases the future."""
    # The caller of that call holds it for some time afterwards, and with it would hold the result.
    futures = [future]

    def deliver(snapshot: JobSnapshot) -> None:
        futures.pop()._deliver(snapshot)

    return deliver


def _error(job_id: str, outcome: Outcome) -> BaseException | None:
    """Return the future's error: the job's own, as a thread pool would, never a cancellation."""
    # The cancellation of an event loop, raised where it does not belong, would end the waiter's
    # own.
    error = error_for_waiter(job_id, outcome)
    raised = outcome.exception
    if outcome.state is not JobState.FAILED or outcome.reason is not None or raised is None:
        return error
    if isinstance(raised, Exception) or not type(raised).__name__.startswith("Cancelled"):
        return raised
    return error


class FutureCall:
    """One submitted call: the job's runner, and for a plain function also the function it shows.

    Written by the loop's thread, and by the delivering thread once the job has ended.
    """

    begin_call: None = None
    """Its attempts need a task, as :meth:`run` does: theirs is more than the call."""

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
        if self.inner.waits_elsewhere:
            attempt = replace(attempt, _start=partial(_begin_with, attempt, future))
        elif not future._begin():
            return Partial(None)
        try:
            if attempt.function is not self:
                return await self.inner.run(attempt)
            function, args, kwargs = call
            call_itself = replace(attempt, function=function, args=args, kwargs=kwargs)
            value = await self.inner.run(call_itself)
        except _FutureCancelled:
            return Partial(None)
        if type(value) is Partial:  # not isinstance: it asks the result for its __class__
            return value
        if type(value) is Succeeded:
            future._value = value.value
            return Succeeded(None)
        future._value = value
        return None

    def release(self) -> None:
        """Release the call of an ended job: only its future holds the result."""
        self.future = self._call = None


class _FutureCancelled(BaseException):
    """Unwinds a runner that starts an attempt whose future has just been cancelled."""


async def _begin_with(attempt: Attempt, future: JobFuture[Any], where: str) -> None:
    """Start an attempt that has waited elsewhere, and mark its future running."""
    await attempt.started(where)
    if not future._begin():
        raise _FutureCancelled


def _name_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__
