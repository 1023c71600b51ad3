"""current."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.model.outcome import Partial

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


CURRENT: ContextVar[JobContext | None] = ContextVar("jobactors_current_job", default=None)


def current_job() -> JobContext:
    """Return the job this code belongs to, or a detached stand-in outside any job.

    Found through a context variable, so it also works in tasks the job starts and in functions it
    runs with ``trio.to_thread``.  For threads of its own, see :func:`bind_context`.
    """
    context = CURRENT.get()
    return _detached() if context is None else context


def _detached() -> JobContext:
    return JobContext(ReadyToolbox())


def cancelled(partial: object = None) -> Partial:
    """Make "I was cancelled" of a job's normal return, keeping what it has.

    A function that polls ``cancel_requested`` and returns would otherwise count as succeeded.

    Args:
        partial: What to keep as the cancelled job's partial result; default: nothing.

    Example::

        if ja.current_job().cancel_requested:
            return ja.cancelled(rows_so_far)
    """
    return Partial(partial)


@contextmanager
def shield() -> Generator[None]:
    """Put off a cancel while a job's thread does something that must not be cut in two.

    The cancel arrives at the next ``track``, ``progress`` or ``check`` after the block.  In trio
    code use ``trio.CancelScope(shield=True)``, which this does not replace.
    """
    control = current_job().control
    control.shield()
    try:
        yield
    finally:
        control.unshield()


def bind_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` bound to the current job, for a thread of the job's own.

    ``threading.Thread`` and thread pools begin with an empty context (on Python before 3.14), and
    so without a current job.

    Example::

        with ThreadPoolExecutor() as pool:
            pool.map(ja.bind_context(parse), files)
    """
    context = CURRENT.get()

    def bound(*args: Any, **kwargs: Any) -> Any:
        token = CURRENT.set(context)
        try:
            return function(*args, **kwargs)
        finally:
            CURRENT.reset(token)

    return bound
