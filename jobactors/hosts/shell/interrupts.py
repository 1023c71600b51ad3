"""Ctrl-C on the command line: it ends a command at once, or stops its jobs in order.

A KeyboardInterrupt may strike anywhere: in an import, which prints a traceback, or while msgspec
reads the fields of a struct for the first time, which it does not survive (0.23 ends the process by
a segmentation fault).  So a command that only reads, or is being loaded, dies of the signal itself,
as ``cat`` does.  One that has jobs hears it from the moment on at which trio answers it.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

R = TypeVar("R")
Arguments = TypeVarTuple("Arguments")


def let_ctrl_c_end() -> None:
    """Have a Ctrl-C end this program at once, unless it is ignored or has another handler."""
    _replace(signal.default_int_handler, signal.SIG_DFL)


def hear_ctrl_c() -> None:
    """Have a Ctrl-C raise KeyboardInterrupt again."""
    _replace(signal.SIG_DFL, signal.default_int_handler)


def run_jobs(main: Callable[[*Arguments], Awaitable[R]], *args: *Arguments) -> R:
    """Run a trio program, which answers a Ctrl-C."""
    import trio

    hear_ctrl_c()
    return trio.run(main, *args)


def _replace(before: object, after: signal.Handlers | Callable[..., object]) -> None:
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is before:
        signal.signal(signal.SIGINT, after)
