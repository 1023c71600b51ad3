"""Runs a job function as a job would, without a system, and returns its reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterable
from contextvars import copy_context
from typing import Any, Generic, TypeVar, overload

import trio
from msgspec import Struct

from jobactors.engine.ports.late_binding import runner_for
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.own_decimals import take_own_decimals
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer, SavedCheckpoint
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control, StopJob
from jobactors.inside.signals.mailbox import Inbox
from jobactors.inside.verbs.output_capture import capturing
from jobactors.model.chain_result import ItemError
from jobactors.model.errors import WrongThread
from jobactors.model.every import Every
from jobactors.model.exact import exact_json, from_json
from jobactors.model.field_docs import documented
from jobactors.model.log import Log, as_text
from jobactors.model.outcome import Partial, Returned, Succeeded, is_success
from jobactors.model.progress import Progress
from jobactors.runners.task import Listening

T = TypeVar("T")


@documented
class Inside(Struct, Generic[T], frozen=True):
    """The result and the reports of a job function that :func:`run_inside` has run."""

    value: T | None
    """Its result, or its partial result; None if it was stopped."""
    stopped: bool
    """Whether the cancel ended it: at a ``track``, ``progress`` or ``check``, in ``async def`` at
    any cancel point."""
    cancelled: bool
    """Whether its job would count as cancelled: it was stopped, returned after it was notified of
    the cancel, or returned ``ja.cancelled(…)``."""
    progress: tuple[Progress, ...]
    """Its progress, one sample for each report that changed something."""
    log: str
    """The lines it has printed, logged, and written with ``ja.current_job().write_log``."""
    checkpoint: Any = None
    """The value it saved last with ``ja.save_checkpoint``; None if it saved nothing."""
    errors: tuple[ItemError, ...] = ()
    """The errors that ``ja.collect_errors`` has collected."""


@overload
def run_inside(
    function: Callable[..., Coroutine[Any, Any, T]],
    *args: Any,
    messages: Iterable[Any] = (),
    cancel_after: int | None = None,
    attempt: int = 1,
    checkpoint: Any = None,
    **kwargs: Any,
) -> Inside[T]: ...
@overload
def run_inside(
    function: Callable[..., T],
    *args: Any,
    messages: Iterable[Any] = (),
    cancel_after: int | None = None,
    attempt: int = 1,
    checkpoint: Any = None,
    **kwargs: Any,
) -> Inside[T]: ...
def run_inside(
    function: Callable[..., Any],
    *args: Any,
    messages: Iterable[Any] = (),
    cancel_after: int | None = None,
    attempt: int = 1,
    checkpoint: Any = None,
    **kwargs: Any,
) -> Inside[Any]:
    """Run a job function as a job would, without a job system, and return its reports.

    A plain function is called in this thread, as in a thread of its own; an ``async def`` is run in
    a trio loop that ends with it.  Its output is passed on as well, so that a test's report has it.

    Args:
        function: The job function.
        *args: Its positional arguments.
        messages: The messages in its inbox; default: none.
        cancel_after: The number of reports after which to cancel it; 0: before its first line;
            default: not at all.
        attempt: The number ``ja.current_job().attempt``; default: 1.
        checkpoint: The checkpoint of an earlier attempt; default: none.
        **kwargs: Its keyword arguments.

    Raises:
        Exception: the function's own.
        WrongThread: for an ``async def`` in a running trio loop: there, await it.

    Example::

        seen = run_inside(import_rows, path, cancel_after=3)
        assert seen.cancelled and not target.exists()
    """
    is_async = runner_for(function).name == "trio"
    control, log = Control(threading.get_ident() if is_async else 0), Log(2**20)
    recorder = _ReportRecorder(control, cancel_after)
    stored = {} if checkpoint is None else {"": SavedCheckpoint(exact_json(checkpoint), 0)}
    buffer = CheckpointBuffer(recorder.meter, Every(), lambda _: None, stored)
    job = JobContext(
        ReadyToolbox(control, recorder.meter, _inbox(messages), log, buffer),
        id="test-1",
        attempt=attempt,
    )

    if not is_async:
        control.own_thread = threading.get_ident()

    def call() -> Any:
        CURRENT.set(job)
        take_own_decimals()
        if is_async:
            return _run_in_trio(lambda: function(*args, **kwargs), job)
        return function(*args, **kwargs)

    value: Any = None
    stopped = False
    with capturing(echo=True):
        try:
            value = copy_context().run(call)
        except StopJob:
            stopped = True
    log.finish(0.0)
    ending = Returned(value, told=control.answers > 0)
    result: Any = value.value if isinstance(value, Partial | Succeeded) else value
    saved = [from_json(last.text) for part, last in buffer.take() if not part]
    return Inside(
        result,
        stopped,
        stopped or not is_success(ending),
        tuple(recorder.seen),
        as_text(log.lines()),
        saved[0] if saved else None,
        job.errors,
    )


def _run_in_trio(call: Callable[[], Coroutine[Any, Any, Any]], job: JobContext) -> Any:
    """Run a coroutine in a trio loop of its own; a cancel cancels its scope, as an actor's."""
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        pass
    else:
        raise WrongThread("run_inside() of an async def", "a test that is a plain def")

    control = job._control

    async def run() -> Any:
        token, scope = trio.lowlevel.current_trio_token(), trio.CancelScope()

        def cancel() -> None:
            if control.is_home:
                scope.cancel(control.scope_reason)
            else:
                token.run_sync_soon(scope.cancel, control.scope_reason)

        with scope:
            control.cancel_requested.call_when_set(cancel)
            return await Listening(call(), job)
        raise StopJob(control.reason)

    return trio.run(run)


class _ReportRecorder:
    """Reads a meter at every report, and cancels after some."""

    def __init__(self, control: Control, cancel_after: int | None) -> None:
        self.seen: list[Progress] = []
        self.meter = Meter(self._look)
        self._last = self.meter.read()
        self._control = control
        self._cancel_after = cancel_after
        self._cancel_when_due()

    def _look(self) -> None:
        """Take a sample; called at every report, and at every line of output."""
        self.meter.quiet = True
        sample = self.meter.read()
        if sample != self._last:
            self._last = sample
            self.seen.append(sample)
        self._cancel_when_due()

    def _cancel_when_due(self) -> None:
        limit = self._cancel_after
        if limit is not None and len(self.seen) >= limit and not self._control.requests:
            self._control.cancel(f"run_inside(cancel_after={limit})")


def _inbox(messages: Iterable[Any]) -> Inbox:
    waiting = list(messages)
    inbox = Inbox("test-1", max(1, len(waiting)))
    for message in waiting:
        inbox._put(message)
    return inbox
