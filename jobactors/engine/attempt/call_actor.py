"""The actor of an attempt that is one call in a thread, a process or a cluster: it has no task.

A task that only waits, with its scope, was a third of what a short ``def`` job cost, and two turns
of the loop more than its thread needs.  So the call is handed over in the step that starts the job,
and its return is judged in the call that brings it back into the loop.  Whatever is more than a
return, such as an exception whose text has to be taken, gets a task from there on; so does a call
to a process that turns out not to be short.

It is not for an attempt with jobs among its arguments, whose values are code of the user.
"""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

from jobactors.engine.ports.runner import GoesOn, begins_call
from jobactors.engine.records.references import has_references
from jobactors.inside.context.current_job import CURRENT
from jobactors.model.exception_tree import tracebacks_of
from jobactors.model.last_references import drop_elsewhere
from jobactors.model.outcome import Ending, Stopped
from jobactors.model.states import Request

from .actor import ABANDONED, Actor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context

    from jobactors.engine.ports.runner import Attempt, BegunCall, CallElsewhere
    from jobactors.engine.records.record import Record


class CallActor(Actor):
    """Runs one attempt of one job as one call, and reports its ending, exactly once."""

    _call: BegunCall | None = None
    """The call while it lasts.  Written by the loop's thread, as are the next two."""
    _caught: BaseException | None = None
    """An exception of the call; no argument of a frame, as its traceback holds the frames."""
    _rest: Callable[[], Awaitable[Any]] | None = None
    """Goes on with the call, in a task."""

    def begin(self, begin_call: Callable[[Attempt], BegunCall], context: Context | None) -> None:
        """Have the function called; in the step that starts the job, or has its start stored.

        Args:
            begin_call: The runner's way to call it.
            context: The context variables of the submitter; None for those of the caller.
        """
        self._begin()
        if self._is_withdrawn:
            self.host.portal.soon(partial(self.host.portal.step, self._end, Stopped()))
            return
        if self.record.refused is not None:
            self._caught = self.record.refused
            self.host.start_task(self.run, name=self.record.id)
            return
        own = copy_context() if context is None else context.copy()
        own.run(CURRENT.set, self.context)
        call = own.run(begin_call, self._attempt())
        call.call_when_ended(partial(own.run, partial(self._ended, call)))
        if not self.has_started:
            cast("CallElsewhere", call).call_to_start(self._start_call)
        self._call = call

    def _ended(self, call: BegunCall) -> None:
        self.host.attempt_runs(self._turn)
        self._call = None  # it can be neither withdrawn nor left behind any more
        try:
            ending = self._returned(call.result())
        except GoesOn as exc:
            self._rest = exc.rest
            self.host.start_task(self.run, name=self.record.id)
        except BaseException as exc:  # a job may raise anything
            self._caught = exc
            self.host.start_task(self.run, name=self.record.id)
        else:
            self.host.portal.step(self._end, ending)

    def _start_call(self, where: str, begin: Callable[[], None]) -> None:
        """Start a call that has waited elsewhere, unless it is to end."""
        if not self.is_stopping:
            self.host.portal.step(self._mark_started, where)
            go_on = partial(self._begin_started, begin)
            durable = self.host.until_durable(self.record)  # no attempt begins twice
            if durable is None:
                go_on()
            else:
                durable.begin_when_set(go_on)

    def _begin_started(self, begin: Callable[[], None]) -> None:
        if self._call is None:
            return  # it has ended meanwhile
        if self.record.refused is None:
            begin()
            return
        self._call.leave_behind()
        self._call, self._caught = None, self.record.refused
        self.host.start_task(self.run, name=self.record.id)

    async def _run(self) -> Any:
        rest, self._rest = self._rest, None
        if rest is None:
            self._raise_again()
        return await rest()

    def _raise_again(self) -> NoReturn:
        """Raise what the call has raised: it is judged as if it were raised in the task."""
        raised, self._caught = self._caught or RuntimeError("the call has not ended"), None
        drop_elsewhere(tracebacks_of(raised))  # once more: the task begins in a turn of its own
        try:
            raise raised
        finally:
            del raised  # its traceback holds this frame

    def cancel(self, reason: str | None, request: Request = Request.CANCEL) -> None:
        """Ask the attempt to end; a call that no thread has taken yet is never made."""
        super().cancel(reason, request)
        if self._call is not None and self._call.withdraw():
            self.host.portal.soon(partial(self.host.portal.step, self._end, Stopped()))

    def abandon(self, why: str = ABANDONED) -> None:
        """Leave the attempt behind; ``why`` joins the reason."""
        super().abandon(why)
        if self._call is not None:
            self.host.portal.step(self._end, self._left_behind(why))

    def _end(self, ending: Ending) -> None:
        if self._call is not None:
            self._call.leave_behind()
            self._call = None
        super()._end(ending)


def call_for(record: Record) -> Callable[[Attempt], BegunCall] | None:
    """Return the way to begin a job's next attempt without a task; None if it needs one."""
    begin = begins_call(record.runner)
    if begin is None or has_references(record.args, record.kwargs):
        return None
    return begin
