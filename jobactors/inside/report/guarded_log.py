"""The package's own log, whose handlers are the user's: writing to it never raises.

The logger is ``jobactors``.  Its handlers and filters, and those of the root logger, are code that
the user has installed, and may raise anything.  Raised in the engine's loop that would end every
job, so all rooms write through :data:`LOG`, and none through a logger.

A record that is lost so is counted, and written to the original stderr with the reason, as logging
itself does for errors it meets while it writes.

As long as an engine runs in this process, records are written by a thread of their own
(:mod:`.log_thread`): neither a handler that blocks nor the lock of one stops the loop.

Ctrl-C is not lost: a KeyboardInterrupt that a handler in the main thread lets through is sent to
the main thread anew, and arrives where the program is interrupted otherwise.  In any other thread
it is a handler's error like others.
"""

from __future__ import annotations

import _thread
import logging
import os
import sys
import threading
import traceback
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Final

from .log_thread import Interrupted, LogThread

_FRAMES: Final = 3
"""From the logger up to the code that logs, for ``%(filename)s`` and ``%(funcName)s``."""


class GuardedLog:
    """A logger that lets nothing escape; from any thread."""

    def __init__(self, name: str) -> None:
        self._logger: Final = logging.getLogger(name)
        self.lost: int = 0
        """The number of records that a handler or filter did not take."""
        self._thread = LogThread()
        self._engines: set[object] = set()
        """The engines that run; written by their loops."""

    def serve(self, engine: object) -> None:
        """Write records in a thread of their own, for as long as this engine runs."""
        self._engines.add(engine)

    def leave(self, engine: object) -> None:
        """Write records in the calling thread again, once no other engine runs and all is written.

        A program may end next, and ends the thread with it.
        """
        self._engines.discard(engine)
        if not self._engines:
            self._thread.flush()

    def wait_for_none(self) -> bool:
        """Let all go on that wait for a record, if this is a handler that is to wait itself.

        Returns:
            Whether it is one; then :meth:`handler_goes_on` is called after the wait.
        """
        return self._thread.wait_for_none()

    def handler_goes_on(self) -> None:
        """End the wait of a handler."""
        self._thread.handler_goes_on()

    def forget_thread(self) -> None:
        """Begin anew in a forked child, which has neither the thread nor the engines."""
        self._thread, self._engines = LogThread(), set()

    def debug(self, message: str, *args: object) -> None:
        """Log with level DEBUG."""
        self._write(logging.DEBUG, message, args)

    def info(self, message: str, *args: object) -> None:
        """Log with level INFO."""
        self._write(logging.INFO, message, args)

    def warning(self, message: str, *args: object) -> None:
        """Log with level WARNING."""
        self._write(logging.WARNING, message, args)

    def error(self, message: str, *args: object) -> None:
        """Log with level ERROR."""
        self._write(logging.ERROR, message, args)

    def exception(self, message: str, *args: object) -> None:
        """Log with level ERROR, and the traceback of the exception that is being handled."""
        self._write(logging.ERROR, message, args, with_traceback=True)

    def _write(
        self, level: int, message: str, args: tuple[object, ...], *, with_traceback: bool = False
    ) -> None:
        logger = self._logger
        try:
            if not logger.isEnabledFor(level):
                return
            file, line, function, _ = logger.findCaller(stacklevel=_FRAMES)
            error = sys.exc_info() if with_traceback else None
            record = logger.makeRecord(
                logger.name, level, file, line, message, args, error, function
            )
            if not self._engines:
                self._handle(record, message)
            elif not self._thread.write(partial(copy_context().run, self._handle, record, message)):
                self._note(message, OverflowError("too many records wait"))
        except Interrupted:
            _interrupt()
        except KeyboardInterrupt as exc:  # it came while the record was made
            self._note(message, exc)
            _interrupt()
        except BaseException as exc:  # a factory of records is the user's, too
            self._note(message, exc)

    def _handle(self, record: logging.LogRecord, message: str) -> None:
        try:
            self._logger.handle(record)
        except KeyboardInterrupt as exc:
            self._note(message, exc)
            _interrupt()
        except BaseException as exc:  # SystemExit, too, would end the loop of all jobs
            self._note(message, exc)

    def _note(self, message: str, exc: BaseException) -> None:
        self.lost += 1
        with suppress(BaseException):  # there may be no stderr, and the exception may be hostile
            frames = "".join(traceback.format_tb(exc.__traceback__))
            text = f"a logging handler raised {type(exc).__name__} for {message!r:.200}\n{frames}"
            stream = sys.__stderr__
            if stream is not None:
                stream.write(f"{self._logger.name}: {text}")


def _interrupt() -> None:
    if threading.current_thread() is threading.main_thread():
        _thread.interrupt_main()


LOG: Final = GuardedLog("jobactors")
"""The one log of the package."""

if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=LOG.forget_thread)
