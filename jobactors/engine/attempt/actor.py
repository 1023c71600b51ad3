"""The actor: one running attempt of one job.

It owns the attempt's cancel scope and carries out the requests to it: cancel, pause, resume, time
out.  Three parties write here, each its own fields:

* the engine, in the loop's thread: ``request``, ``reason``, ``asked_at``, ``has_started``, and the
  timers;
* the job's code, in whatever threads that runs: only what is in ``toolbox``;
* the runner: nothing; it returns, raises, or is cancelled.

The actor catches *outside* its own cancel scope, and judges by who was cancelled: a job may raise
anything, a ``trio.Cancelled`` of another scope included.  An exception of any kind ends this job
alone; only a cancellation of the actor's own task goes on, because it belongs to its owner.

An attempt whose runner waits elsewhere, on a cluster, has an actor before it has started: its job
is queued until the runner calls ``Attempt.started``.  It starts once, in a step of its own, and
never after a request to end; if the runner ends without that call, the start is made up for in the
step of the end, so that no job leaves the queue without having been running or asked to end.

Nothing of a user's object is touched here outside a guard: an exception's text, its group, the
numbers that a job reports are all the job's own code, and may raise or lie.
"""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from msgspec.structs import replace

from jobactors.engine.loop.worker_thread import call_in_thread, is_being_cancelled
from jobactors.engine.ports.runner import Abandoned, Attempt, AttemptLost
from jobactors.engine.records.references import resolved
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.own_decimals import take_own_decimals
from jobactors.inside.signals.control import StopJob
from jobactors.inside.verbs.output_capture import CAPTURE
from jobactors.model import events as ev
from jobactors.model.errors import ChainFailed
from jobactors.model.exception_tree import is_a
from jobactors.model.outcome import (
    OWNER_CANCELLED,
    STOPPING,
    Ending,
    Raised,
    Returned,
    Stopped,
    as_the_function_raised,
    ending_of,
    is_success,
    runs_no_code,
    unshown,
)
from jobactors.model.states import JobState, Request, Waiting

from .attempt_toolbox import AttemptToolbox
from .raised_ctrl_c import is_ctrl_c
from .returned_value import returned

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from jobactors.engine.loop.task_pool import PooledTask, TaskPool
    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record
    from jobactors.engine.records.running_phase import RunningPhase
    from jobactors.engine.storage.durable_latch import DurableLatch

    from .host import AttemptHost

ABANDONED = "abandoned: it did not end within its grace"


class Actor:
    """Runs one attempt of one job and reports its ending, exactly once.

    Made and written by the loop's thread; the parts that the job's own code writes are in
    ``toolbox``.
    """

    # Of the class until they are written: most attempts are asked for nothing.
    request: Request | None = None
    reason: str | None = None
    asked_at: float | None = None
    phase: RunningPhase | None = None
    _scope: trio.CancelScope | PooledTask | None = None
    """The scope of the function, made when it is entered, or cancelled before; None after it."""
    _has_begun = False
    _is_over = False
    _begins: Callable[[], None] | None = None
    """Begins the attempt, once the store holds its start; None when it has begun."""
    _is_withdrawn = False  # it was asked to end before that
    _abandoned = ABANDONED
    _abandon: trio.CancelScope | None = None
    """The scope in which a runner waits that can leave its attempt behind."""
    _description: trio.CancelScope | None = None
    """The scope in which the text of its exception is waited for."""
    _grace: Timer | None = None
    _timeout: Timer | None = None

    def __init__(self, host: AttemptHost, record: Record, attempt: int, turn: int) -> None:
        info = record.snapshot.info
        self.host = host
        self._turn = turn  # of the loop, in which it was started
        self.record = record
        self.has_started: bool = not record.runner.waits_elsewhere
        """Whether its job is running; it is queued while the attempt waits elsewhere."""
        self._time_left = record.options.timeout
        self.toolbox: AttemptToolbox = AttemptToolbox(host, record, attempt)
        self.context: JobContext = JobContext(
            self.toolbox,
            id=info.id,
            name=info.name,
            type=info.type,
            subject=info.subject,
            attempt=attempt,
            system=host,
            part=record.part,
        )

    def begin_once(self, durable: DurableLatch | None, begin: Callable[[], None]) -> None:
        """Begin as soon as the store holds the start, or now: no attempt begins twice.

        Args:
            durable: Set once the store holds it; None if there is nothing to wait for.
            begin: Begins, in the loop's thread.
        """
        if durable is None:
            begin()
        else:
            self._begins = begin
            durable.begin_when_set(self._begin_now)

    def _begin_now(self) -> None:
        begin, self._begins = self._begins, None
        if begin is not None and self.record.snapshot.outcome is None:  # the engine may have failed
            begin()

    def begin_in(self, tasks: TaskPool, context: Context | None) -> None:
        """Run in a task, with these context variables; None for those of the caller."""
        self._scope = tasks.start(self.run, self.record.id, context)

    # Ctrl-C belongs to the body of the program, never to a job that happens to be running.
    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Run the attempt to its end and hand the ending to the host.

        Only a cancellation of its owner goes on: every other exception ends here.
        """
        self.host.attempt_runs(self._turn)
        if not self._has_begun:
            CURRENT.set(self.context)
            take_own_decimals()
            self._begin()
        try:
            ending = await self._ending()
        except trio.Cancelled:
            self.reason = self.reason or OWNER_CANCELLED
            self.host.portal.step(self._end, Stopped())
            raise
        self.host.portal.step(self._end, ending)

    def _begin(self) -> None:
        self._has_begun = True
        if self.has_started and self._time_left is not None:
            self.run_timeout()
        if not self.host.clock.is_virtual:
            self.host.watch.begin()

    def _attempt(self) -> Attempt:
        record, abandon = self.record, self._make_abandon
        waits = self._start, self._explain_wait
        args, kwargs = record.args, record.kwargs or {}  # a runner may add to its own
        if args or kwargs:  # a key among them may have a __hash__ of the user's
            args, kwargs = resolved(args, kwargs, self.host.handle_for)
        return Attempt(self.context, record.function, args, kwargs, abandon, record.options, *waits)

    async def _run(self) -> Any:
        if self._is_withdrawn:
            raise StopJob(self.reason)
        if self.record.refused is not None:  # the store could not hold it
            raise self.record.refused
        return await self.record.runner.run(self._attempt())

    async def _ending(self) -> Ending:
        try:
            with self._make_scope():
                return self._returned(await self._run())
        except trio.Cancelled as exc:
            if is_being_cancelled():
                raise
            # No cancellation is going on: the job raised one that it had caught in another scope.
            return ending_of(exc)
        except Abandoned as exc:
            return self._left_behind(str(exc) or self._abandoned)
        except AttemptLost as exc:
            return await self._lost(exc)
        except StopJob as exc:
            return ending_of(exc) if self.request is None else Stopped()
        except BaseException as exc:  # a job may raise anything, and it ends that job alone
            if is_ctrl_c(exc):
                self.reason = self.reason or "Ctrl-C"
                signal.raise_signal(signal.SIGINT)  # once more, for the body: here it is shielded
                return Stopped()
            return await self._raised(as_the_function_raised(exc))
        return Stopped()

    def _left_behind(self, how: str) -> Ending:
        self.reason = f"{self.reason} ({how})" if self.reason else how
        return Stopped()

    async def _lost(self, lost: AttemptLost) -> Ending:
        """Return the ending of an attempt whose cluster has gone: its job may go on elsewhere."""
        if self.is_stopping or not (self.host.has_store or self.toolbox.has_checkpoint):
            return await self._raised(lost.error)
        self.request, self.reason = Request.INTERRUPT, str(lost)
        return Stopped()

    async def _raised(self, exc: BaseException) -> Raised:
        """Return the ending by an exception, whose text is its job's code."""
        # A trio job's own thread is this one; but its chain may have failed in a phase of another.
        is_of_here = self.record.runner.name == "trio" and not is_a(exc, ChainFailed)
        if is_of_here or runs_no_code(exc):
            return ending_of(exc)
        if not self._make_abandon().cancel_called:
            with trio.CancelScope(shield=True) as self._description:
                describe = partial(ending_of, exc)
                ending: Raised = await call_in_thread(describe, f"error of job {self.record.id}")
                return ending
        return unshown(exc)

    def _returned(self, value: object) -> Returned:
        return returned(value, self.context, told=self.toolbox.was_told)

    async def _start(self, where: str) -> None:
        """Start an attempt that has waited elsewhere, unless it is to end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.is_stopping:  # and the runner is shielded from it
            raise StopJob(self.reason)
        self.host.portal.step(self._mark_started, where)
        durable = self.host.until_durable(self.record)  # no attempt begins twice
        if durable is not None:
            await durable
        if self.record.refused is not None:
            raise self.record.refused

    def _mark_started(self, where: str = "") -> None:
        if self.has_started:
            snapshot = self.record.snapshot
            if where and where != snapshot.where:
                moved = replace(snapshot, where=where)
                self._emit(ev.JobRestated(self.record.id, self.host.clock.now(), moved))
        else:
            self.has_started = True
            self.host.attempt_started(self.record, where=where)
            self.run_timeout()
            if self.toolbox.sampler is not None:
                self.toolbox.sampler.restate()

    def _explain_wait(self, reason: str | None) -> None:
        if not (self.has_started or self._is_over) and reason != self.record.snapshot.reason:
            now = self.host.clock.now()
            told = ev.JobWaiting(self.record.id, now, Waiting.CLUSTER, reason=reason)
            self.host.portal.step(self._emit, told)

    def _end(self, ending: Ending) -> None:
        """End the attempt, in one step of the engine: its parts first, then the job is judged."""
        if self._is_over:
            return
        self._is_over, self._scope = True, None  # that may be another job's from here on
        if self._has_begun and not self.host.clock.is_virtual:
            self.host.watch.end()
        now = self.host.clock.now()
        if not self.has_started and (
            isinstance(ending, Returned) or (isinstance(ending, Raised) and not self.is_stopping)
        ):
            self._mark_started()
        self._close(now, ending)
        self.host.attempt_ended(self.record, ending, now)

    def _close(self, now: float, ending: Ending) -> None:
        for timer in (self._grace, self._timeout):
            if timer is not None:
                timer.cancel()
        if self.toolbox.writer is not None:
            self.toolbox.writer.close(succeeded=is_success(ending))
        if self.record.log is not None:
            self.record.log.finish(now)
            CAPTURE.finish(self.record.id)
        self.toolbox.close()

    # -- requests, all in the loop's thread

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to end, for any reason."""
        return self.request is not None and self.request in STOPPING

    def cancel(self, reason: str | None, request: Request = Request.CANCEL) -> None:
        """Ask the attempt to end; past its grace the job counts as stuck."""
        if self.is_stopping:
            return
        self.request, self.reason = request, reason
        self.asked_at = now = self.host.clock.now()
        if self.has_started and request is Request.CANCEL:
            self._emit(ev.JobCancelling(self.record.id, now, reason))
        elif self.has_started:  # otherwise its job is queued until it has left the cluster
            self._emit(ev.JobRequested(self.record.id, now, request, reason))
        self._write_checkpoints()  # it may be stuck, and never come to its end
        self._grace = self.host.timers.set(now + self.record.options.grace, self._stuck)
        control = self.toolbox.control
        control.cancel(reason)
        self._make_scope().cancel(control.scope_reason)
        if self._begins is not None:  # it does not wait for the disk
            self._is_withdrawn = True
            self._begin_now()

    def _make_scope(self) -> trio.CancelScope | PooledTask:
        self._scope = self._scope or trio.CancelScope()
        return self._scope

    def _make_abandon(self) -> trio.CancelScope:
        self._abandon = self._abandon or trio.CancelScope()
        return self._abandon

    def abandon(self, why: str = ABANDONED) -> None:
        """Leave the attempt behind, where its runner can do that; ``why`` joins the reason."""
        self._abandoned = why
        for scope in (self._make_abandon(), self.phase, self._description):
            if scope is not None:
                scope.cancel(self.reason)

    def pause(self) -> None:
        """Ask the attempt to stand still at its next point that can wait."""
        if self.request is None and self.record.snapshot.state is JobState.RUNNING:
            self.request = Request.PAUSE
            self._emit(ev.JobRequested(self.record.id, self.host.clock.now(), Request.PAUSE))
            self.toolbox.control.pause(partial(self.host.portal.post, self._paused))

    def resume(self) -> None:
        """Take a pause back that was not reached, or let the attempt go on."""
        if self.request in {Request.PAUSE, Request.RESUME}:
            self.request = None
        now = self.host.clock.now()
        if self.record.snapshot.state is JobState.PAUSED:
            self._emit(ev.JobResumed(self.record.id, now))
            self.run_timeout()
            if self.toolbox.sampler is not None:
                self.toolbox.sampler.resumed()
        else:
            self._emit(ev.JobRequested(self.record.id, now, None))
        self.toolbox.control.resume()

    def _paused(self) -> None:
        if self.request is not Request.PAUSE or self.record.snapshot.state is not JobState.RUNNING:
            return
        self.request = None
        if self.toolbox.sampler is not None:
            self.toolbox.sampler.sample()
        self._write_checkpoints()
        self.stop_timeout()
        self._emit(ev.JobPaused(self.record.id, self.host.clock.now()))
        self.host.attempt_paused(self.record)

    def _write_checkpoints(self) -> None:
        if self.toolbox.writer is not None:
            self.toolbox.writer.write()

    def _stuck(self) -> None:
        self._emit(ev.JobStuck(self.record.id, self.host.clock.now()))

    # -- the timeout, which stands still during a pause

    def run_timeout(self) -> None:
        """Let the rest of the timeout pass from now on."""
        if self._time_left is not None and self._timeout is None:
            at = self.host.clock.now() + self._time_left
            self._timeout = self.host.timers.set(at, self._time_out)

    def stop_timeout(self) -> None:
        """Let it stand still."""
        if self._timeout is not None:
            self._time_left = max(0.0, self._timeout.at - self.host.clock.now())
            self._timeout.cancel()
            self._timeout = None

    def _time_out(self) -> None:
        reason = f"it took longer than its timeout of {self.record.options.timeout:g} s"
        self.host.cancel(self.record, reason, Request.TIME_OUT)

    def _emit(self, event: Any) -> None:
        self.host.emit(self.record, event)

    def __repr__(self) -> str:
        return f"<Actor {self.record.id} {self.record.snapshot.state}>"
