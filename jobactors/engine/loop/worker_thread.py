"""Blocking code of users, called in a worker thread.

trio hands an exception of a thread over to its loop, and adjusts its traceback on the way, by a
method that the exception's class may have replaced: one that raises leaves the waiting task waiting
for ever.  So the thread returns the exception, and it is raised again here, in the loop's thread.

What trio and anyio offer to the threads that they start works in these: ``trio.from_thread``, where
a job's cancel is raised, and ``anyio.from_thread`` in a program that has imported anyio.
"""

from __future__ import annotations

import math
import sys
import threading
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.inside.context.own_decimals import take_own_decimals
from jobactors.model.exception_tree import tracebacks_of
from jobactors.model.last_references import drop_elsewhere

from .from_thread import hear_cancels

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.signals.control import Control


_STARTS_NONE_AT_THE_END: Final = (3, 12, 0) <= sys.version_info[:3] <= (3, 12, 1)
_NO_THREAD: Final = (
    "Python 3.12.0 and 3.12.1 start no thread once the main thread has come to its end, and those "
    "that were held ready are used up: wait for the jobs before that, with 'with ja.start():' or "
    "ja.stop(math.inf), or take Python 3.12.2"
)


def error_of_start(error: RuntimeError) -> RuntimeError:
    """Return the error of a thread that could not be started, with the cure where there is one."""
    if _STARTS_NONE_AT_THE_END and not threading.main_thread().is_alive():
        return RuntimeError(_NO_THREAD)
    return RuntimeError(*error.args)


async def call_in_thread(call: Callable[[], Any], name: str, control: Control | None = None) -> Any:
    """Call ``call()`` in a worker thread, and return or raise what it does.

    A cancel leaves the thread behind: the caller shields the wait where that must not be.  There is
    no limit to the number of threads: ``max_running`` decides how many jobs run, and nothing else.

    Args:
        call: Blocking code.
        name: The thread's name meanwhile.
        control: The requests to the attempt whose own thread this is meanwhile; default: none.

    Raises:
        TypeError: if the call returns a coroutine, which would never run.
        RuntimeError: if no thread can be started; the message has the cure where there is one.
    """
    hear_cancels()
    limiter: Any = trio.CapacityLimiter(math.inf)
    by_anyio = anyio_run_sync()
    try:
        if by_anyio is None:
            value, raised = await trio.to_thread.run_sync(
                caught, call, control, thread_name=name, abandon_on_cancel=True, limiter=limiter
            )
        else:
            named = partial(_named, name, call)
            value, raised = await by_anyio(
                caught, named, control, abandon_on_cancel=True, limiter=limiter
            )
    except RuntimeError as exc:  # of the start: what the call raises is a value here
        raise error_of_start(exc) from exc
    if raised is None:
        return value
    drop_elsewhere((raised, tracebacks_of(raised)))  # its frames are the thread's
    try:
        raise raised
    finally:
        del raised  # its traceback holds this frame


def anyio_run_sync() -> Any:
    """Return anyio's way to call in a worker thread of trio, if the program uses anyio."""
    return getattr(getattr(sys.modules.get("anyio"), "to_thread", None), "run_sync", None)


def _named(name: str, call: Callable[[], Any]) -> Any:
    """Call with the thread named; trio gives it its own name again afterwards."""
    threading.current_thread().name = name
    return call()


def caught(call: Callable[[], Any], control: Control | None) -> tuple[Any, BaseException | None]:
    """Make a call in a worker thread; return its value, or what it has raised.

    Args:
        call: Blocking code.
        control: The requests to the attempt whose own thread this is meanwhile; None for none.
    """
    if control is not None:
        control.own_thread = threading.get_ident()
    take_own_decimals()  # hooks and callbacks call this as well
    try:
        return without_coroutine(call()), None
    except BaseException as exc:  # handed over whole, whatever it is
        return None, exc
    finally:
        if control is not None:
            control.own_thread = 0


def without_coroutine(value: Any) -> Any:
    """Return what a sync function has returned, unless that is a coroutine.

    Raises:
        TypeError: for a coroutine, which would never run.
    """
    if type(value) is CoroutineType:  # not isinstance: it asks the result for its __class__
        value.close()
        raise TypeError(
            f"{value.__qualname__} is async, and a thread calls sync functions: leave out "
            'runner="thread" to run it in the loop'
        )
    return value


def is_being_cancelled() -> bool:
    """Whether this task is cancelled, so that a ``trio.Cancelled`` it catches is its own.

    User code can raise one that it has caught somewhere else; that one must not go on.
    """
    return trio.current_effective_deadline() == -math.inf
