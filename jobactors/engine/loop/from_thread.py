"""``trio.from_thread`` in the threads of jobs: a job's cancel is raised there, once.

A job's thread is called so that the engine can leave it behind, and behind a shield, since the
cancel is the thread's own to obey.  So trio would never raise in ``trio.from_thread``, which code
written for trio's threads uses as its cancel points.  Two functions of that module are wrapped,
``check_cancelled`` and ``run``; the calls of all other threads go through unchanged.

Why so, and not otherwise: without the shield trio raises at every call from then on, in the
function's own cleanup too, and such a thread could not be left behind.  Replacing what trio stores
in its worker threads would depend on names that are trio's own.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.inside.context.current_job import CURRENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from jobactors.inside.context.job_context import JobContext
    from jobactors.inside.signals.control import Control

_OURS: Final = "_jobactors_from_thread"
_CANCELLED: Final = object()


def hear_cancels() -> None:
    """Have jobs' cancels raised in ``trio.from_thread``; a second call does nothing."""
    module: Any = trio.from_thread
    if not hasattr(module.run, _OURS):
        module.check_cancelled = _checking(module.check_cancelled)
        module.run = _running(module.run)


def _checking(original: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(original)
    def check_cancelled() -> None:
        context = _job_of_this_thread()
        if context is not None:
            context.check()
        original()

    return check_cancelled


def _running(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def run(
        afn: Callable[..., Awaitable[Any]],
        *args: Any,
        trio_token: trio.lowlevel.TrioToken | None = None,
    ) -> Any:
        context = _job_of_this_thread()
        if context is None or trio_token is not None:
            return original(afn, *args, trio_token=trio_token)
        context.check()
        control = context._control
        if not control.may_deliver:  # it was raised already: the function cleans up
            return original(afn, *args)
        value = original(_until_cancelled, control, afn, args)
        if value is _CANCELLED:
            context.check()
        return value

    setattr(run, _OURS, True)
    return run


def _job_of_this_thread() -> JobContext | None:
    """Return the job whose function was called in this thread."""
    context = CURRENT.get()
    if context is None or not context._control.own_thread or not context._control.is_own:
        return None
    return context


async def _until_cancelled(
    control: Control, afn: Callable[..., Awaitable[Any]], args: tuple[Any, ...]
) -> Any:
    """Await ``afn(*args)`` in the loop, in a scope that the job's cancel cancels."""
    scope = trio.CancelScope()
    with _cancelled_by(control, scope), scope:
        return await afn(*args)
    return _CANCELLED


@contextmanager
def _cancelled_by(control: Control, scope: trio.CancelScope) -> Generator[None]:
    token = trio.lowlevel.current_trio_token()

    def cancel() -> None:  # in the thread that asks, which may be another loop's
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(scope.cancel, control.scope_reason)

    take_back = control.cancel_requested.call_when_set(cancel)
    try:
        yield
    finally:
        take_back()
