"""Runs a job function as a job would, without a system, and tells what it said of itself."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from jobactors.inside.context.current import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer, SavedCheckpoint
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control, StopJob
from jobactors.inside.signals.mailbox import Inbox
from jobactors.model.checkpoint import Every
from jobactors.model.exact import exact_json, from_json
from jobactors.model.log import Log, as_text
from jobactors.model.outcome import Partial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.model.phases import ItemError
    from jobactors.model.progress import Progress

T = TypeVar("T")


class Inside(Struct, Generic[T], frozen=True):
    """What a job function did while :func:`run_inside` ran it."""

    value: T | None
    """What it returned; None if it was stopped."""
    stopped: bool
    """Whether the cancel ended it at a ``track``, ``progress`` or ``check``."""
    cancelled: bool
    """Whether its job would count as cancelled: it was stopped, or returned ``ja.cancelled(…)``."""
    progress: tuple[Progress, ...]
    """What it reported, one sample for each report that changed something."""
    log: str
    """What it wrote with ``ja.current_job().write_log``."""
    checkpoint: Any = None
    """What it saved last with ``ja.save_checkpoint``; None if it saved nothing."""
    errors: tuple[ItemError, ...] = ()
    """What ``ja.collect_errors`` has written down."""


def run_inside(
    function: Callable[..., T],
    *args: Any,
    messages: Iterable[Any] = (),
    cancel_after: int | None = None,
    attempt: int = 1,
    checkpoint: Any = None,
    **kwargs: Any,
) -> Inside[T]:
    """Run a synchronous job function as a job would, without a system, and tell what it said.

    Args:
        function: The job function, called in this thread.
        *args: Its arguments.
        messages: What waits in its inbox.
        cancel_after: Request a cancel after so many reports; 0 before the first line; default: not.
        attempt: What ``ja.current_job().attempt`` says.
        checkpoint: What an earlier attempt has saved; default: nothing.
        **kwargs: Its keyword arguments.

    Raises:
        Exception: what the function raises.

    Example::

        seen = run_inside(import_rows, path, cancel_after=3)
        assert seen.cancelled and not target.exists()
    """
    control, log = Control(loop_thread=0), Log(2**20)
    witness = _Witness(control, cancel_after)
    kept = {} if checkpoint is None else {"": SavedCheckpoint(exact_json(checkpoint), 0)}
    buffer = CheckpointBuffer(witness.meter, Every(), lambda _: None, kept)
    job = JobContext(
        ReadyToolbox(control, witness.meter, _inbox(messages), log, buffer),
        id="test-1",
        attempt=attempt,
    )

    def call() -> Any:
        CURRENT.set(job)
        return function(*args, **kwargs)

    value: Any = None
    stopped = False
    try:
        value = copy_context().run(call)
    except StopJob:
        stopped = True
    log.finish(0.0)
    partial = isinstance(value, Partial)
    result: Any = value.value if isinstance(value, Partial) else value
    seen = tuple(witness.seen)
    saved = [from_json(last.text) for part, last in buffer.take() if not part]
    return Inside(
        result,
        stopped,
        stopped or partial,
        seen,
        as_text(log.lines()),
        saved[0] if saved else None,
        job.errors,
    )


class _Witness:
    """Reads a meter at every report, and cancels after some."""

    def __init__(self, control: Control, cancel_after: int | None) -> None:
        self.seen: list[Progress] = []
        self.meter = Meter(self._look)
        self._control = control
        self._cancel_after = cancel_after
        self._cancel_when_due()

    def _look(self) -> None:
        self.meter.quiet = True
        sample = self.meter.read()
        if not self.seen or sample != self.seen[-1]:
            self.seen.append(sample)
        self._cancel_when_due()

    def _cancel_when_due(self) -> None:
        limit = self._cancel_after
        if limit is not None and len(self.seen) >= limit and not self._control.requests:
            self._control.cancel("run_inside was told to")


def _inbox(messages: Iterable[Any]) -> Inbox:
    waiting = list(messages)
    inbox = Inbox("test-1", max(1, len(waiting)))
    for message in waiting:
        inbox.put(message)
    return inbox
