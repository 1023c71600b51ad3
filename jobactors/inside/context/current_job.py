"""The current job of any code, through one context variable, and functions that need no more."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar, cast

from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.signals.own_context import CURRENT_CONTEXT, IS_BOUND
from jobactors.model.outcome import Partial, Succeeded

P = ParamSpec("P")
T = TypeVar("T")

CURRENT: ContextVar[JobContext | None] = CURRENT_CONTEXT
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

    A function that returns after it was notified of a cancel counts as cancelled anyway, see
    :attr:`JobContext.cancel_requested`; this states it outright, and also where nothing was asked.
    To a type checker the mark is the partial result, so that it can be returned in its place; at
    run time it is an opaque object that means nothing but "cancelled" to the job system.

    Args:
        partial: The cancelled job's partial result; default: none.

    Example::

        if ja.current_job().cancel_requested:
            return ja.cancelled(rows_so_far)
    """
    return cast("T", Partial(partial))


def succeeded(value: T | None = None) -> T:
    """Return the mark of a job that has finished its work although it was notified of a cancel.

    A normal return after the request was answered counts as cancelled, its value as a partial
    result; with this it counts as succeeded, and its checkpoint is done with.  Where nothing was
    asked it is the plain value.  To a type checker the mark is the value itself; at run time it is
    an opaque object that means nothing but "succeeded" to the job system.

    Args:
        value: The job's result; default: none.

    Example::

        for i, row in enumerate(rows):
            if ja.current_job().cancel_requested and i < len(rows) // 2:
                return load_again_later(rows[i:])
            load(row)
        return ja.succeeded(len(rows))
    """
    return cast("T", Succeeded(value))


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

    Such a thread reports for the job, and may poll ``ja.current_job().cancel_requested`` to stop
    early.  A cancel or pause is not delivered there: it is for the thread in which the job's
    function was called, at the next ``track``, ``progress`` or ``check`` of that one.  So let that
    one check when the others have ended, and nothing they left undone counts as done.

    Args:
        function: The function; its signature stays as it is.

    Example::

        with ThreadPoolExecutor() as pool:
            pool.map(ja.bind_context(parse), files)
        ja.current_job().check()
    """
    context = CURRENT.get()

    @functools.wraps(function, updated=())
    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        if CURRENT.get() is context:  # no other thread, or one that has the job's own context
            return function(*args, **kwargs)
        lent, token = IS_BOUND.set(True), CURRENT.set(context)
        try:
            return function(*args, **kwargs)
        finally:
            CURRENT.reset(token)
            IS_BOUND.reset(lent)

    return bound
