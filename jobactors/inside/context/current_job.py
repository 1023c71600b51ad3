"""The current job of any code, through one context variable, and functions that need no more."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar, cast

from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.model.outcome import Partial

P = ParamSpec("P")
T = TypeVar("T")

CURRENT: ContextVar[JobContext | None] = ContextVar("jobactors_current_job", default=None)
"""Set by the engine before an attempt begins; in a process of its own, before its one function."""


def current_job() -> JobContext:
    """Return the job this code belongs to, or a detached stand-in outside any job.

    Found through a context variable, so it also works in tasks the job starts and in functions it
    runs with ``trio.to_thread``.  For threads of its own, see :func:`bind_context`.

    Example::

        job = ja.current_job()
        start = job.checkpoint or 0
    """
    context = CURRENT.get()
    return JobContext(ReadyToolbox()) if context is None else context


def cancelled(partial: T | None = None) -> T:
    """Return the mark of a job that was cancelled and returns normally, with its partial result.

    A function that polls ``cancel_requested`` and returns would otherwise count as succeeded.  To a
    type checker the mark is the partial result, so that it can be returned in its place; at run
    time it is an opaque object that means nothing but "cancelled" to the job system.

    Args:
        partial: The cancelled job's partial result; default: none.

    Example::

        if ja.current_job().cancel_requested:
            return ja.cancelled(rows_so_far)
    """
    return cast("T", Partial(partial))


@contextmanager
def shield() -> Generator[None]:
    """Put off a cancel while a job's thread does something that must not be cut in two.

    The cancel arrives at the next ``track``, ``progress`` or ``check`` after the block.  In trio
    code use ``trio.CancelScope(shield=True)``, which this does not replace.  Outside a job it does
    nothing.

    Example::

        with ja.shield():
            write_header(file)
            write_rows(file)
    """
    control = current_job()._control
    control.shield()
    try:
        yield
    finally:
        control.unshield()


def bind_context(function: Callable[P, T]) -> Callable[P, T]:
    """Return ``function`` bound to the current job, for a thread of the job's own.

    ``threading.Thread`` and thread pools begin with an empty context (on Python before 3.14), and
    so without a current job.  The thread's own context is restored after each call.  Outside a job
    it binds to none.

    Args:
        function: The function; its signature stays as it is.

    Example::

        with ThreadPoolExecutor() as pool:
            pool.map(ja.bind_context(parse), files)
    """
    context = CURRENT.get()

    @functools.wraps(function, updated=())
    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        token = CURRENT.set(context)
        try:
            return function(*args, **kwargs)
        finally:
            CURRENT.reset(token)

    return bound
