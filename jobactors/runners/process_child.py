"""The child's side of process jobs: it calls a function, reports, obeys; then ends, or waits.

Three threads.

* The *main* thread runs the job's function, so that signals and libraries that want the main thread
  work.
* The *listener* reads the parent's frames, once a job takes longer than a moment, and makes the
  requests, as the engine's loop does for other runners.  When the parent is gone it kills the
  process's own group; see ``process_listener``.
* The *speaker* writes: samples (at most ten a second), lines, and the pause that was reached; see
  ``process_speaker``.  It is started when there is something to write.

A job that has returned and left no traces (``process_traces``) may be followed by another one: the
last word of such a job comes with FIT before it.  Each job has its own control, mailbox, speaker
and context, made of its BEGIN, so that every frame between two of these belongs to the first.

Why no event loop here: trio and the engine would take longer to import than all the rest, and the
function has the main thread for itself.  Only the model and the inside of a job are loaded.
"""

from __future__ import annotations

import faulthandler
import inspect
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.own_trace import in_trace
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.signals.control import Control, StopJob
from jobactors.inside.verbs.output_capture import capturing
from jobactors.inside.verbs.tqdm_bars import capture_tqdm
from jobactors.model.error_text import ErrorText
from jobactors.model.exception_tree import release_frames

from .process_listener import Listener
from .process_mail import SentInbox
from .process_pickler import is_short, teach_multiprocessing
from .process_speaker import SentLog, Speaker, end_if_closed_here
from .process_wire import SHORT, Kind, header, pack_error, pack_result, unpack

if TYPE_CHECKING:
    from types import FrameType

    from .process_traces import Traces


def main(link: int, parent: int) -> None:
    """Serve one job after another.

    Args:
        link: The number of the inherited socket.
        parent: The parent's process id, to notice if that has ended already.
    """
    _die_with(parent)
    if sys.platform == "win32":
        sock = socket.fromshare(sys.stdin.buffer.read())
    else:
        # At the lowest free number, so that the open files have no gap: see process_counts.
        sock = socket.socket(fileno=os.dup(link))
        os.close(link)
    sys.argv = [""]
    with suppress(OSError, ValueError, AttributeError):  # there may be no stderr
        faulthandler.enable(all_threads=False)  # a crash in native code shows its place
    with sock:
        Child(sock).run()


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if sys.platform != "win32" and os.getppid() != parent:
        os._exit(1)  # it ended before this line


LARGE: Final = 1 << 16
"""Bytes of a result that is sent by itself."""
UNHEARD: Final = 0.1
"""Seconds in which the cancel that was sent before a SIGTERM is heard."""
_SIGTERM: Final = int(signal.SIGTERM)
_BY_DEFAULT: Final = int(signal.SIG_DFL)
_NOT_AT_ALL: Final = int(signal.SIG_IGN)
_handle: Final[Callable[[int, Any], object]] = import_module("_signal").signal
"""Without the enum of ``signal.signal``, which takes ten times as long; thrice a job."""


class Child:
    """The jobs of this process, one after another."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def run(self) -> None:
        """Make the calls that are sent, until one leaves traces or the parent hangs up."""
        listener = Listener(self._sock, partial(ChildJob, self._sock))
        job = listener.next_job()
        if sys.platform != "win32":
            # So late that signals come to this thread, and interrupt the function in it.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        capture_tqdm()
        teach_multiprocessing()
        traces = None
        with capturing(echo=False):  # the parent echoes
            while job is not None:
                if traces is None and not job.is_alone:
                    traces = _make_traces()
                if not Context().run(job.run, None if job.is_alone else traces):
                    return
                job = listener.next_job()


class ChildJob:
    """One job's function in this process; called by the main thread."""

    def __init__(
        self,
        sock: socket.socket,
        sent: bytearray,
        work: bytearray,
        hurry: Callable[[], None],
    ) -> None:
        begin: dict[str, Any] = unpack(sent)
        self.is_alone: bool = begin.pop("alone")
        """Whether no job may follow it."""
        self.speaker: Speaker = Speaker(sock)
        self._sock = sock
        self._hurry = hurry
        """Has the requests made that were sent until now."""
        self._limits = begin.pop("limits")
        self._is_short = False
        """Whether its result is rebuilt in a moment, without code of the program."""
        self._work = work
        self._control = Control(loop_thread=0)
        self._control.own_thread = threading.main_thread().ident or 0
        self._log = SentLog(self.speaker)
        self._inbox = SentInbox(begin["id"], self.speaker.send, self._log)
        self._inbox._attend(self._control)
        self.speaker.buffer = buffer = self.speaker.make_buffer(begin.pop("buffer"))
        meter = self.speaker.meter
        toolbox = ReadyToolbox(self._control, meter, self._inbox, self._log, buffer)
        self._trace = begin.pop("trace")
        self._context = JobContext(toolbox, **begin)

    def obey(self, kind: Kind, content: bytearray) -> None:
        """Make a request of the parent's; in the listener's thread."""
        match kind:
            case Kind.CANCEL:
                self._control.cancel(content.decode("utf-8", "surrogatepass") or None)
            case Kind.PAUSE:
                self._control.pause(partial(self.speaker.send, Kind.REACHED, bytes(content)))
            case Kind.RESUME:
                self._control.resume()
            case Kind.TELL:
                self._inbox._receive_frame(content)
            case _:
                pass  # a newer parent's

    def run(self, traces: Traces | None) -> bool:
        """Make the call and send its ending; return whether another job may follow.

        Args:
            traces: Finds what the job leaves behind; None if no job may follow.
        """
        if traces is not None and not traces.are_sources_unedited():
            self._send(header(Kind.UNFIT, b""), b"")
            return False
        _limit(**self._limits)
        CURRENT.set(self._context)
        with in_trace(self._trace):
            kind, content = self._last_word(traces)
        self._log.finish(0)
        self.speaker.stop()
        CURRENT.set(None)
        frames = header(kind, content)
        is_clean = kind is Kind.RETURNED and traces is not None and self._leaves_nothing(traces)
        if is_clean:
            short = SHORT if self._is_short else b""
            frames = header(Kind.FIT, short) + short + frames
        self._send(frames, content)
        if is_clean:  # it waits, and nothing is lost by its end
            _handle(_SIGTERM, _BY_DEFAULT)
            self.speaker.let_go()
        return is_clean

    def _send(self, frames: bytes, content: bytes) -> None:
        try:
            if len(content) > LARGE:  # it would be copied to be joined
                self._sock.sendall(frames)
                self._sock.sendall(content)
            else:
                self._sock.sendall(frames + content)
        except OSError as exc:
            end_if_closed_here(exc)
            raise

    def _leaves_nothing(self, traces: Traces) -> bool:
        return not (self._control.requests or traces.left())

    def _last_word(self, traces: Traces | None) -> tuple[Kind, bytes]:
        try:
            value = self._call(traces)
            content, self._is_short = pack_result(value), is_short(value)
            return (Kind.ANSWERED if self._control.answers else Kind.RETURNED), content
        except StopJob as exc:
            if self._control.cancel_requested.is_set:
                return Kind.STOPPED, b""
            error: BaseException = exc
        except BaseException as exc:  # a job may raise anything
            error = exc
        text = ErrorText.of(error)
        release_frames(error)
        return Kind.RAISED, pack_error(error, text)

    def _call(self, traces: Traces | None) -> Any:
        size = len(self._work)
        try:
            function, args, kwargs = unpack(self._work)
        except Exception as exc:
            exc.add_note("raised when the job's process rebuilt its function and arguments")
            raise
        self._work.clear()
        if traces is not None:
            traces.begin(size)
        _handle(_SIGTERM, self._terminate)
        try:
            value = function(*args, **kwargs)
        finally:
            # From here on the result matters more, and there is SIGKILL.
            _handle(_SIGTERM, _NOT_AT_ALL)
        if inspect.iscoroutine(value):
            value.close()
            raise TypeError(
                f'{function!r:.100} is an async def: use runner="trio" or "asyncio", or submit a '
                "def that runs it, with trio.run or asyncio.run"
            )
        return value

    def _terminate(self, number: int, _: FrameType | None) -> None:
        """Unwind the function wherever it is, once: the second rung of the ladder."""
        if not self._control.cancel_requested.is_set:  # nothing may have listened for it yet
            self._hurry()
            self._control.cancel_requested.wait_in_thread(UNHEARD)
        # A SIGTERM without a cancel before it ends the process, as it ends others.
        if self._control.cancel_requested.is_set:
            signal.signal(number, signal.SIG_IGN)
            self._control.look()
            raise StopJob(self._control.reason)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _make_traces() -> Traces:
    from .process_traces import Traces  # a job that is alone needs none, nor does Windows have it

    return Traces()


def _limit(cpu: float | None = None, memory: int | None = None) -> None:
    """Let the system enforce the limits, from here on."""
    if sys.platform == "win32" or (cpu is None and memory is None):
        return
    import resource

    # At the soft limit of CPU time comes SIGXCPU, which a function could ignore; at the hard one
    # SIGKILL.
    for what, value, more in ((resource.RLIMIT_CPU, cpu, 1), (resource.RLIMIT_AS, memory, 0)):
        if value is not None:
            _, hard = resource.getrlimit(what)
            most = math.inf if hard == resource.RLIM_INFINITY else hard
            soft = min(math.ceil(value), most)
            resource.setrlimit(what, (int(soft), int(min(soft + more, most))))
