"""The child's side of a process job: it calls one function, reports, obeys, and ends.

Three threads.

* The *main* thread runs the job's function, so that signals and libraries that want the main thread
  work.
* The *listener* reads the parent's frames and makes the requests, as the engine's loop does for
  other runners.  When the parent is gone it kills the process's own group.
* The *speaker* writes: samples (at most ten a second), lines, and the pause that was reached; see
  ``process_speaker``.

Why no event loop here: trio and the engine would take longer to import than all the rest, and the
function has the main thread for itself.  Only the model and the inside of a job are loaded.
"""

from __future__ import annotations

import faulthandler
import inspect
import json
import math
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.own_trace import in_trace
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.signals.control import Control, StopJob
from jobactors.inside.verbs.output_capture import capturing
from jobactors.inside.verbs.tqdm_bars import capture_tqdm
from jobactors.model.error_text import ErrorText
from jobactors.model.exception_tree import release_frames

from .process_mail import SentInbox
from .process_pickler import teach_multiprocessing
from .process_speaker import SentLog, Speaker, end_if_closed_here
from .process_wire import HEADER, Kind, header, pack_error, pack_result, unpack

if TYPE_CHECKING:
    from types import FrameType


def main(link: int, parent: int) -> None:
    """Serve one job.

    Args:
        link: The number of the inherited socket.
        parent: The parent's process id, to notice if that has ended already.
    """
    _die_with(parent)
    if sys.platform == "win32":
        sock = socket.fromshare(sys.stdin.buffer.read())
    else:
        sock = socket.socket(fileno=link)
        sock.set_inheritable(False)
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


class Child:
    """One job's function in this process."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._control = Control(loop_thread=0)
        self._control.own_thread = threading.get_ident()
        self._speaker = Speaker(sock)

    def run(self) -> None:
        """Read the call, make it, and send its ending."""
        begin = json.loads(_receive(self._sock)[1])
        work = _receive(self._sock)[1]
        _limit(**begin.pop("limits"))
        log = SentLog(self._speaker)
        self._inbox = SentInbox(begin["id"], self._speaker.send, log)
        self._inbox._attend(self._control)
        self._speaker.buffer = buffer = self._speaker.make_buffer(begin.pop("buffer"))
        toolbox = ReadyToolbox(self._control, self._speaker.meter, self._inbox, log, buffer)
        trace = in_trace(begin.pop("trace"))
        context = JobContext(toolbox, **begin)
        threading.Thread(target=self._listen, name="jobactors listener", daemon=True).start()
        self._speaker.start()
        if sys.platform != "win32":
            # Last: so that signals come to this thread, and interrupt the function in it.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        CURRENT.set(context)
        capture_tqdm()
        with trace, capturing(echo=False):  # the parent echoes
            kind, content = self._last_word(work)
        log.finish(0)
        self._speaker.stop()
        try:
            self._sock.sendall(header(kind, content))
            self._sock.sendall(content)
        except OSError as exc:
            end_if_closed_here(exc)
            raise

    def _last_word(self, work: bytearray) -> tuple[Kind, bytes]:
        try:
            content = pack_result(self._call(work))
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

    def _call(self, work: bytearray) -> Any:
        teach_multiprocessing()
        try:
            function, args, kwargs = unpack(work)
        except Exception as exc:
            exc.add_note("raised when the job's process rebuilt its function and arguments")
            raise
        work.clear()
        signal.signal(signal.SIGTERM, self._terminate)
        try:
            value = function(*args, **kwargs)
        finally:
            # From here on the result matters more, and there is SIGKILL.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if inspect.iscoroutine(value):
            value.close()
            raise TypeError(
                f'{function!r:.100} is an async def: use runner="trio" or "asyncio", or submit a '
                "def that runs it, with trio.run or asyncio.run"
            )
        return value

    def _terminate(self, number: int, _: FrameType | None) -> None:
        """Unwind the function wherever it is, once: the second rung of the ladder."""
        # A SIGTERM without a cancel before it ends the process, as it ends others.
        if self._control.cancel_requested.is_set:
            signal.signal(number, signal.SIG_IGN)
            self._control.look()
            raise StopJob(self._control.reason)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    # -- the listener's thread

    def _listen(self) -> None:
        try:
            while True:
                self._obey(*_receive(self._sock))
        except OSError as exc:
            end_if_closed_here(exc)
        except EOFError:
            pass
        if not self._speaker.ended:
            _kill_own_group()  # the parent is gone, and the result with it

    def _obey(self, kind: Kind, content: bytearray) -> None:
        match kind:
            case Kind.CANCEL:
                self._control.cancel(content.decode("utf-8", "surrogatepass") or None)
            case Kind.PAUSE:
                self._control.pause(partial(self._speaker.send, Kind.REACHED, bytes(content)))
            case Kind.RESUME:
                self._control.resume()
            case Kind.TELL:
                self._inbox._receive_frame(content)
            case _:
                pass  # a newer parent's


def _kill_own_group() -> None:
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _receive(sock: socket.socket) -> tuple[Kind, bytearray]:
    """Read one frame, or raise EOFError if the other end is closed."""
    kind, size = HEADER.unpack(_receive_exactly(sock, HEADER.size))
    return Kind(kind), _receive_exactly(sock, size)


def _receive_exactly(sock: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    rest = memoryview(content)
    while rest:
        got = sock.recv_into(rest)
        if not got:
            raise EOFError
        rest = rest[got:]
    return content


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
