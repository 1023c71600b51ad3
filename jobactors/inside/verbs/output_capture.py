"""The capture of a job's output: prints and log records go to the log of their job.

``sys.stdout`` and ``sys.stderr`` are replaced by proxies that look at the current job; outside jobs
they pass everything on to the stream they stand for.  Logging needs one step more: a handler holds
the stream it was made with, so a record that a job's code makes is copied before the handlers see
it, and the text they then write to a proxy is not copied again.

Some output escapes: that of threads a job starts without :func:`~jobactors.bind_context`; text
written to the file descriptors themselves, as C libraries and child processes do; and, while
another stream is in the place of ``sys.stdout`` (``contextlib.redirect_stdout`` in a cell), all.

Where the output of jobs is also written to the stream, it is in whole lines:
:mod:`~jobactors.inside.verbs.whole_lines`.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING, Any, Final

from jobactors.inside.context.current_job import CURRENT

from .whole_lines import PROGRAM, WholeLines

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from jobactors.inside.context.job_context import JobContext

_IN_HANDLER: ContextVar[bool] = ContextVar("jobactors_in_log_handler", default=False)
_STYLE: Final = logging.Formatter("%(levelname)s %(name)s: %(message)s")


class JobStream:
    """Stands for ``sys.stdout`` or ``sys.stderr``, and sends a job's text to the job.

    All but writing is the stream's own.
    """

    def __init__(self, stream: IO[str], source: str, echo: Callable[[], bool]) -> None:
        self.stream: IO[str] = stream
        self._source = source
        self._echo = echo
        self.lines: WholeLines = WholeLines(lambda: self.stream)

    def write(self, text: str) -> int:
        """Write to the current job's log, or to the stream outside jobs; to both if it echoes."""
        if not isinstance(text, str):
            return self.stream.write(text)  # which refuses it
        context = CURRENT.get()
        if context is None or not context.id:
            self.lines.write(PROGRAM, text)
            return len(text)
        if not _IN_HANDLER.get():
            context.write_log(text, self._source)
        if self._echo():
            self.lines.write(context.id, text)
        return len(text)

    def flush(self) -> None:
        """Write the beginning of the current job's line, and flush the stream."""
        context = CURRENT.get()
        if context is not None:
            self.lines.flush(context.id)
        self.stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __iter__(self) -> Any:
        return iter(self.stream)

    def __repr__(self) -> str:
        return f"<JobStream for {self.stream!r}>"


def beneath(stream: Any) -> Any:
    """Return the stream that a :class:`JobStream` stands for; any other is its own."""
    return stream.stream if isinstance(stream, JobStream) else stream


class Capture:
    """The capture of one process, in place while at least one job system is open.

    Written under its lock, by each loop that opens or closes a system.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: list[bool] = []
        self._streams: dict[str, tuple[JobStream, Any]] = {}
        self._proxies: dict[str, JobStream] = {}
        """The proxies made last, used again for the same stream.  While one is taken off, a
        ``print`` in another thread may still be in it, and CPython gives that no reference of its
        own: it would crash if this were the last one."""
        self._call_handlers: Callable[..., None] | None = None

    @property
    def echo(self) -> bool:
        """Whether the output of jobs is also written where it would have gone."""
        return any(self._users)

    def open(self, *, echo: bool) -> None:
        """Begin to capture, or go on for one more user."""
        with self._lock:
            self._users.append(echo)
            if len(self._users) == 1:
                self._install()

    def close(self, *, echo: bool) -> None:
        """Undo one :meth:`open`; the last one puts the streams back."""
        with self._lock:
            self._users.remove(echo)
            if not self._users:
                self._uninstall()

    def finish(self, job_id: str) -> None:
        """Write what a job that has ended has printed without a line end; from any thread."""
        for proxy in list(self._proxies.values()):
            proxy.lines.flush(job_id)

    def _install(self) -> None:
        for name, source in (("stdout", "out"), ("stderr", "err")):
            stream = getattr(sys, name)
            if stream is not None:  # None under pythonw and in some services
                proxy = self._proxies.get(name)
                if proxy is None or proxy.stream is not stream:
                    proxy = JobStream(stream, source, lambda: self.echo)
                    self._proxies[name] = proxy
                self._streams[name] = (proxy, stream)
                setattr(sys, name, proxy)
        self._call_handlers = logging.Logger.callHandlers
        logging.Logger.callHandlers = _copying(self._call_handlers)  # type: ignore[method-assign]

    def _uninstall(self) -> None:
        for name, (proxy, stream) in self._streams.items():
            if getattr(sys, name) is proxy:  # another one in its place stays there
                setattr(sys, name, stream)
        self._streams.clear()
        if self._call_handlers is not None:
            logging.Logger.callHandlers = self._call_handlers  # type: ignore[method-assign]


def _copying(call_handlers: Callable[..., None]) -> Callable[..., None]:
    """Wrap a method of loggers: a job's record goes to the job's log, then to the handlers."""

    def copying(logger: logging.Logger, record: logging.LogRecord) -> None:
        context = CURRENT.get()
        if context is None or not context.id or _IN_HANDLER.get():
            call_handlers(logger, record)
            return
        _copy(context, record)
        token = _IN_HANDLER.set(True)
        try:
            call_handlers(logger, record)
        finally:
            _IN_HANDLER.reset(token)

    return copying


def _copy(context: JobContext, record: logging.LogRecord) -> None:
    try:
        text = _STYLE.format(record)
    except Exception as exc:  # a record whose arguments do not fit its message
        text = (
            f"{record.levelname} {record.name}: {record.msg!r:.200} (not formatted: {exc!r:.200})"
        )
    context.write_log(f"{text}\n", record.levelname)


CAPTURE: Final = Capture()


@contextmanager
def capturing(*, echo: bool) -> Generator[None, None, None]:
    """Capture the output of jobs for the length of a block.

    Args:
        echo: Whether it is also written where it would have gone.
    """
    CAPTURE.open(echo=echo)
    try:
        yield
    finally:
        CAPTURE.close(echo=echo)
