"""The exit status of a program whose main thread has ended already.

The interpreter knows the status when its main thread ends, and lets nothing change it afterwards:
an exception of an ``atexit`` function, or of a thread, is only reported.  ``os._exit`` would change
it, and leave out the ``atexit`` functions that were registered earlier, the finalizers, and all
that waits in buffers.  So the status is changed where the process itself ends, in the C library,
after the interpreter has been finalized in full.  A program that dies of a signal still does.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress


def exit_with_failure() -> None:
    """Let this process end with status 1, whatever its main thread ends with."""
    try:
        _add_last_call()
    except (ImportError, OSError, AttributeError):  # a platform without that C library
        atexit.register(_leave)


def _add_last_call() -> None:
    import ctypes  # for this alone

    library = ctypes.CDLL(None)
    add = library.__cxa_atexit
    add.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    for function, argument in ((library._exit, 1), (library.fflush, None)):  # the last one first
        add(ctypes.cast(function, ctypes.c_void_p), argument, None)


def _leave() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(1)
