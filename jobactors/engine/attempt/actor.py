"""One running attempt: its cancel scope, its requests, its meter, its end."""

from __future__ import annotations

import math
import signal
import threading
from typing import TYPE_CHECKING, Any

import trio

from jobactors.engine.ports.runner import Abandoned, Attempt
from jobactors.engine.records.references import resolved
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.signals.control import StopJob
from jobactors.model.events import JobCancelling, JobPaused, JobRequested, JobResumed, JobStuck
from jobactors.model.outcome import (
    OWNER_CANCELLED,
    Ending,
    ErrorText,
    Raised,
    Returned,
    Stopped,
    ending_of,
    is_group,
    is_success,
)
from jobactors.model.states import JobState, Request

from .attempt_toolbox import AttemptToolbox

if TYPE_CHECKING:
    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record
    from jobactors.engine.storage.journal import Journal
    from jobactors.engine.system.core import System

ABANDONED = "abandoned: it did not end within its grace"
_ONE_AT_A_TIME = threading.Lock()


class Actor:
    """Runs one attempt of one job and reports how it ended, exactly once.

    Made and written by the loop's thread; what the job's own code writes, and what is asked of it,
    is in ``toolbox``.
    """

    def __init__(self, system: System, record: Record, attempt: int) -> None:
        info = record.snapshot.info
        self.system = system
        self.record = record
        self.request: Request | None = None
        self.reason: str | None = None
        self.asked_at: float | None = None
        """When it was told to end."""
        self._scope = trio.CancelScope()
        self._abandon: trio.CancelScope | None = None
        """What the runner waits in, if it can leave its attempt behind."""
        self.phase: trio.CancelScope | None = None
        """What a chain's blocking phase is waited for in; cancelled when that is abandoned."""
        self._grace: Timer | None = None
        self._timeout: Timer | None = None
        self._time_left = record.options.timeout
        self.toolbox = AttemptToolbox(system, record, attempt)
        self.context = JobContext(
            self.toolbox,
            id=info.id,
            name=info.name,
            type=info.type,
            subject=info.subject,
            attempt=attempt,
            system=system,
            part=record.part,
        )

    # Ctrl-C belongs to the body of the program, never to a job that happens to be running.
    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Run the attempt to its end and hand the ending to the system.

        Whatever the function raises ends here.  Only a cancellation from outside the actor's own
        scope goes on, because it belongs to whoever is being cancelled.
        """
        CURRENT.set(self.context)
        if self._time_left is not None:
            self._set_timeout()
        watched = self.record.runner.name == "trio" and not self.system.clock.is_virtual
        if watched:
            self.system.watch.begin()
        try:
            ending = await self._ending()
        except trio.Cancelled:
            self.reason = self.reason or OWNER_CANCELLED
            self._finish(Stopped())
            raise
        finally:
            if watched:
                self.system.watch.end()
        self._finish(ending)

    async def _ending(self) -> Ending:
        record = self.record
        args, kwargs = resolved(record.args, record.kwargs, self.system.handle_for)
        attempt = Attempt(
            self.context, record.function, args, kwargs, self._make_abandon, record.options
        )
        try:
            with self._scope:
                if self.system.journal is not None:
                    await self._until_kept(self.system.journal)
                return Returned(await record.runner.run(attempt))
        except trio.Cancelled as exc:
            if trio.current_effective_deadline() == -math.inf:
                raise
            # Nobody is being cancelled: the job raised one it had kept from somewhere else.
            return _raised(exc)
        except Abandoned as exc:
            how = str(exc) or ABANDONED
            self.reason = f"{self.reason} ({how})" if self.reason else how
            return Stopped()
        except StopJob as exc:
            return _raised(exc) if self.request is None else Stopped()
        except BaseException as exc:  # a job may raise anything, and it ends that job alone
            if _is_ctrl_c(exc):
                self.reason = self.reason or "Ctrl-C"
                signal.raise_signal(signal.SIGINT)  # once more, for the body: here it is shielded
                return Stopped()
            return _raised(exc)
        return Stopped()

    async def _until_kept(self, journal: Journal) -> None:
        """Wait until it is on disk that this attempt begins: no attempt begins twice."""
        kept = journal.latch_for(self.record)
        if kept is not None:
            await kept
        if self.record.refused is not None:
            raise self.record.refused

    def _finish(self, ending: Ending) -> None:
        for timer in (self._grace, self._timeout):
            if timer is not None:
                timer.take_back()
        if self.toolbox.writer is not None:
            self.toolbox.writer.close(succeeded=is_success(ending))
        now = self.system.clock.now()
        if self.record.log is not None:
            self.record.log.finish(now)
        self.toolbox.close()
        self.system.attempt_ended(self, ending, now)

    # -- requests, all in the loop's thread

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end, for whatever reason."""
        return self.request in {Request.CANCEL, Request.TIME_OUT, Request.INTERRUPT}

    def cancel(self, reason: str | None, request: Request = Request.CANCEL) -> None:
        """Ask the attempt to end: the first rungs of the ladder."""
        if self.is_stopping:
            return
        self.request, self.reason = request, reason
        self.asked_at = now = self.system.clock.now()
        if request is Request.CANCEL:
            self._emit(JobCancelling(self.record.id, now, reason))
        else:
            self._emit(JobRequested(self.record.id, now, request, reason))
        self._keep()  # it may be stuck, and never come to its end
        self._grace = self.system.timers.set(now + self.record.options.grace, self._stuck)
        self.toolbox.control.cancel(reason)
        self._scope.cancel(reason)

    def _make_abandon(self) -> trio.CancelScope:
        if self._abandon is None:
            self._abandon = trio.CancelScope()
        return self._abandon

    def abandon(self) -> None:
        """Leave the attempt behind, where its runner can do that."""
        for scope in (self._make_abandon(), self.phase):
            if scope is not None:
                scope.cancel(self.reason)

    def pause(self) -> None:
        """Ask the attempt to stand still at its next point that can wait."""
        if self.request is None and self.record.snapshot.state is JobState.RUNNING:
            self.request = Request.PAUSE
            self._emit(JobRequested(self.record.id, self.system.clock.now(), Request.PAUSE))
            self.toolbox.control.pause(self._paused_in_thread)

    def resume(self) -> None:
        """Take a pause back that was not reached, or let the attempt go on."""
        if self.request in {Request.PAUSE, Request.RESUME}:
            self.request = None
        now = self.system.clock.now()
        if self.record.snapshot.state is JobState.PAUSED:
            self._emit(JobResumed(self.record.id, now))
            self._set_timeout()
            if self.toolbox.sampler is not None:
                self.toolbox.sampler.resumed()
        else:
            self._emit(JobRequested(self.record.id, now, None))
        self.toolbox.control.resume()

    def _paused_in_thread(self) -> None:
        self.system.portal.post(self._paused)

    def _paused(self) -> None:
        if self.request is not Request.PAUSE or self.record.snapshot.state is not JobState.RUNNING:
            return
        self.request = None
        if self.toolbox.sampler is not None:
            self.toolbox.sampler.sample()
        self._keep()
        self._stop_timeout()
        self._emit(JobPaused(self.record.id, self.system.clock.now()))
        self.system.paused(self.record)

    def _keep(self) -> None:
        if self.toolbox.writer is not None:
            self.toolbox.writer.write()

    def _stuck(self) -> None:
        self._emit(JobStuck(self.record.id, self.system.clock.now()))

    # -- the timeout, which stands still during a pause

    def _set_timeout(self) -> None:
        if self._time_left is not None:
            at = self.system.clock.now() + self._time_left
            self._timeout = self.system.timers.set(at, self._time_out)

    def _stop_timeout(self) -> None:
        if self._timeout is not None:
            self._time_left = max(0.0, self._timeout.at - self.system.clock.now())
            self._timeout.take_back()

    def _time_out(self) -> None:
        limit = self.record.options.timeout
        reason = f"it took longer than its timeout of {limit:g} s"
        self.system.cancel(self.record, reason, Request.TIME_OUT)

    # -- reports

    def _emit(self, event: Any) -> None:
        self.system.emit(self.record, event)

    def __repr__(self) -> str:
        return f"<Actor {self.record.id} {self.record.snapshot.state}>"


def _raised(exc: BaseException) -> Raised:
    """Keep what a job raised; an exception whose own code fails is kept by its name only."""
    try:
        return ending_of(exc)
    except BaseException:  # its __str__ or __setattr__ is the job's code: it may raise anything
        name = type(exc).__qualname__
        return Raised(RuntimeError(f"{name}, which cannot be shown"), ErrorText(name, "", ""))


def _is_ctrl_c(exc: BaseException) -> bool:
    """Whether ``exc`` holds a KeyboardInterrupt that a signal brought, and not the job's code.

    Only the actor's own task is protected from Ctrl-C; tasks that the job starts are not.
    """
    if is_group(exc):
        return any(_is_ctrl_c(inner) for inner in exc.exceptions)
    where = exc.__traceback__ if isinstance(exc, KeyboardInterrupt) else None
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    return where is not None and where.tb_frame.f_globals.get("__name__") == "trio._core._ki"
