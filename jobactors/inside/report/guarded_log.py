"""The package's own log, whose handlers are the user's: writing to it never raises.

The logger is ``jobactors``.  Its handlers and filters, and those of the root logger, are code that
the user has installed, and may raise anything.  Raised in the engine's loop that would end every
job, so all rooms write through :data:`LOG`, and none through a logger.

A record that is lost so is counted, and written to the original stderr with the reason, as logging
itself does for errors it meets while it writes.

Ctrl-C is not lost: a KeyboardInterrupt that a handler in the main thread lets through is sent to
the main thread anew, and arrives where the program is interrupted otherwise.  In any other thread
it is a handler's error like others.
"""

from __future__ import annotations

import _thread
import logging
import sys
import threading
import traceback
from contextlib import suppress
from typing import Final

_FRAMES: Final = 3
"""From the logger up to the code that logs, for ``%(filename)s`` and ``%(funcName)s``."""


class GuardedLog:
    """A logger that lets nothing escape; from any thread."""

    def __init__(self, name: str) -> None:
        self._logger: Final = logging.getLogger(name)
        self.lost: int = 0
        """The number of records that a handler or filter did not take."""

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
        try:
            self._logger.log(level, message, *args, exc_info=with_traceback, stacklevel=_FRAMES)
        except KeyboardInterrupt as exc:
            self._note(message, exc)
            if threading.current_thread() is threading.main_thread():
                _thread.interrupt_main()
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


LOG: Final = GuardedLog("jobactors")
"""The one log of the package."""
