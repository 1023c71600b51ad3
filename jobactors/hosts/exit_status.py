"""The exit status of a program whose main thread has ended already.

The interpreter knows the status when its main thread ends, and lets nothing change it afterwards:
an exception of an ``atexit`` function, or of a thread, is only reported.  ``os._exit`` would change
it, and leave out the ``atexit`` functions that were registered earlier, the finalizers, and all
that waits in buffers.  So the status is changed where the process itself ends, in the C library,
after the interpreter has been finalized in full.  A program that dies of a signal still does.

A status of the program's own, as ``sys.exit(3)`` gives it, is left alone.  The interpreter does not
show it: it asks the ``SystemExit`` for its ``code``, and ends.  So ``sys.exit`` raises one of ours,
which takes note of the code when it is asked for it with no Python code below.  ``raise
SystemExit(3)`` is not seen, and such a program ends with status 1.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import Any, Final, NoReturn

_FAILURE: Final = 1
_OF_CTRL_C: Final = 128 + signal.SIGINT
"""The status of a program that Ctrl-C has ended, where it cannot die of the signal."""


class _AskedFor:
    """The code with which ``sys.exit`` has ended the main thread; written by that thread."""

    code: object = None


class _Exit(SystemExit):
    """The exception of ``sys.exit``, whose code is noted when the interpreter ends with it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._given: Any = args[0] if len(args) == 1 else args or None

    @property
    def code(self) -> Any:
        """The status; the last one to ask for it is the interpreter, without a frame of its own."""
        if sys._getframe().f_back is None:
            _AskedFor.code = self._given
        return self._given

    @code.setter
    def code(self, code: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._given = code

    def __reduce__(self) -> Any:
        return SystemExit, self.args


_Exit.__name__ = _Exit.__qualname__ = SystemExit.__name__
_Exit.__module__ = SystemExit.__module__


def _exit(status: Any = None, /) -> NoReturn:
    raise _Exit() if status is None else _Exit(status)


_exit.__name__ = _exit.__qualname__ = "exit"
_exit.__module__ = "sys"  # a process that gets it by its name has one of its own
_exit.__doc__ = sys.exit.__doc__


def watch_exit() -> None:
    """Have ``sys.exit`` note the status that it gives to the program."""
    sys.exit = _exit


def exit_with_failure() -> None:
    """Let this process end with status 1, unless its main thread has asked for a failure itself."""
    if not _AskedFor.code:
        _at_the_end("_exit", _FAILURE)


def exit_by_ctrl_c() -> None:
    """Let this process die of SIGINT, as a program does that a Ctrl-C has ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _at_the_end("raise", signal.SIGINT)


def _at_the_end(name: str, argument: int) -> None:
    try:
        _add_last_call(name, argument)
    except (ImportError, OSError, AttributeError):  # a platform without that C library
        atexit.register(_leave, argument if name == "_exit" else _OF_CTRL_C)


def _add_last_call(name: str, argument: int) -> None:
    import ctypes  # for this alone

    library = ctypes.CDLL(None)
    add = library.__cxa_atexit
    add.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    calls = ((getattr(library, name), int(argument)), (library.fflush, None))
    for function, value in calls:  # the last one first
        add(ctypes.cast(function, ctypes.c_void_p), value, None)


def _leave(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)
