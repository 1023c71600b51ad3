"""The child's side of a process job: it calls one function, reports, obeys, and ends.

Three threads.

* The *main* thread runs the job's function, so that signals and libraries that want the main thread
  work.
* The *listener* reads the parent's frames and makes the requests, as the engine's loop does for
  other runners.  When the parent is gone it kills the process's own group.
* The *speaker* writes: samples (at most ten a second), log lines, and the pause that was reached.

Any thread may put a frame into the speaker's queue, a signal handler too; the socket is written by
the speaker, and after its end by the main thread, which sends the last word.  So nothing that
interrupts the function, SIGTERM included, can cut a frame in two.

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
import time
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control, StopJob
from jobactors.inside.verbs.output_capture import capturing
from jobactors.inside.verbs.tqdm_bars import capture_tqdm
from jobactors.model.error_text import ErrorText
from jobactors.model.exception_tree import release_frames
from jobactors.model.log import LONGEST_LINE, Log
from jobactors.model.progress import NO_PROGRESS, Progress

from .process_mail import SentInbox
from .process_wire import HEADER, Kind, header, pack_error, pack_result, unpack

if TYPE_CHECKING:
    from types import FrameType

INTERVAL: Final = 0.1
"""Seconds between two samples, at least."""
SLOWEST: Final = 1.0
"""Seconds between two looks at a loop that does not move."""
LONGEST_QUEUE: Final = 1000
"""Log frames that may wait to be sent; then a thread that prints waits."""


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
        self._speaker = _Speaker(sock)

    def run(self) -> None:
        """Read the call, make it, and send its ending."""
        begin = json.loads(_receive(self._sock)[1])
        work = _receive(self._sock)[1]
        _limit(**begin.pop("limits"))
        log = _SentLog(self._speaker)
        self._inbox = SentInbox(begin["id"], self._speaker.send, log)
        self._inbox._attend(self._control)
        self._speaker.buffer = buffer = self._speaker.make_buffer(begin.pop("buffer"))
        toolbox = ReadyToolbox(self._control, self._speaker.meter, self._inbox, log, buffer)
        context = JobContext(toolbox, **begin)
        threading.Thread(target=self._listen, name="jobactors listener", daemon=True).start()
        self._speaker.start()
        if sys.platform != "win32":
            # Last: so that signals come to this thread, and interrupt the function in it.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        CURRENT.set(context)
        capture_tqdm()
        with capturing(echo=False):  # the parent echoes
            kind, content = self._last_word(work)
        log.finish(0)
        self._speaker.stop()
        self._sock.sendall(header(kind, content))
        self._sock.sendall(content)

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
        """Unwind the function wherever it is, once: the second rung of the ladder.

        A SIGTERM without a cancel before it ends the process, as it ends others.
        """
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
        except (OSError, EOFError):
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
    """Read one frame.

    Raises:
        EOFError: if the other end is closed.
    """
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


class _Speaker:
    """The thread that writes to the parent, and the meter that it reads.

    Its queue may be filled from any thread, and from a signal handler.
    """

    _LOOK: Final = (None, b"")
    _NOW: Final = (None, b"now")
    _STOP: Final = (Kind.STOPPED, b"")

    def __init__(self, sock: socket.socket) -> None:
        self.meter = Meter(lambda: self._queue.put(self._LOOK))
        self.buffer: CheckpointBuffer | None = None
        self.ended = False
        """Whether the last word is due; then the socket may end."""
        self._sock = sock
        self._queue: SimpleQueue[tuple[Kind | None, bytes]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="jobactors speaker", daemon=True)
        self._last: Progress = NO_PROGRESS
        self._told: set[str] = set()
        """The complaints about reports that were sent, for the job's log."""
        self._sampled_at = 0.0
        self._interval = INTERVAL
        self._due: float | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send all that waits, and the last sample; the main thread writes from then on."""
        self.ended = True
        self._queue.put(self._STOP)
        self._thread.join()

    def send(self, kind: Kind, content: bytes) -> None:
        """Send a frame soon."""
        self._queue.put((kind, content))

    def make_buffer(self, sent: dict[str, Any] | None) -> CheckpointBuffer | None:
        """Make the buffer of this process, whose saves are sent."""
        return None if sent is None else CheckpointBuffer.received(self.meter, self._save, sent)

    def _save(self, now: bool) -> None:
        """Have an unsent checkpoint sent, soon or at once."""
        self._queue.put(self._NOW if now else self._LOOK)

    def log(self, content: bytes) -> None:
        """Send a log frame soon; block while very many of them wait."""
        while self._queue.qsize() > LONGEST_QUEUE and self._thread.is_alive():
            time.sleep(0.01)
        self._queue.put((Kind.LOG, content))

    def _run(self) -> None:
        with suppress(OSError):  # the parent is gone: the listener sees to it
            while True:
                kind, content = self._next()
                if kind in {Kind.STOPPED, Kind.REACHED}:
                    self._sample()
                if kind is Kind.STOPPED:
                    return
                if kind is not None:
                    self._sock.sendall(header(kind, content) + content)
                if self._due is not None and time.monotonic() >= self._due:
                    self._due = None
                    self._sample()

    def _next(self) -> tuple[Kind | None, bytes]:
        """Return the next frame, or a look that is due."""
        timeout = None if self._due is None else max(0.0, self._due - time.monotonic())
        try:
            frame = self._queue.get(timeout=timeout)
        except Empty:
            return self._LOOK
        if frame is self._LOOK:
            self._look_at(self._sampled_at + INTERVAL)
        elif frame is self._NOW:
            self._look_at(0.0)
        return frame

    def _look_at(self, at: float) -> None:
        self._due = at if self._due is None else min(at, self._due)

    def _sample(self) -> None:
        self._sampled_at = time.monotonic()
        self._send_saved()
        self.meter.quiet = True  # before reading: a report that comes meanwhile wakes again
        try:
            progress = self.meter.read_plain()
            content = json.dumps(asdict(progress)).encode()
        except BaseException:  # the job's own objects; and a report may have come meanwhile
            progress, content = self._last, b""
        for complaint in self.meter.take_complaints(self._told):
            text = f"WARNING\nprogress: {complaint}\n".encode(errors="backslashreplace")
            self._sock.sendall(header(Kind.LOG, text) + text)
        if progress != self._last:
            self._last = progress
            self._interval = INTERVAL
            self._sock.sendall(header(Kind.SAMPLE, content) + content)
        else:
            self._interval = min(SLOWEST, self._interval * 2)
        if self.meter.polled:
            self._look_at(self._sampled_at + self._interval)

    def _send_saved(self) -> None:
        """Send the last checkpoints; before an end or a pause, so that none is lost by it."""
        if self.buffer is not None:
            for fields in self.buffer.news():
                content = json.dumps(fields).encode()
                self._sock.sendall(header(Kind.SAVED, content) + content)


class _SentLog(Log):
    """The job's log in its process: sends whole lines to the parent, and stores none."""

    __slots__ = ("_lock", "_speaker")

    def __init__(self, speaker: _Speaker) -> None:
        super().__init__(0)
        self._speaker = speaker
        self._lock = threading.RLock()  # reentrant: a signal handler may print as well

    def write(self, text: str, source: str, at: float) -> bool:
        del at  # the parent reads its own clock
        with self._lock:
            whole, mark, rest = (self._partial.pop(source, "") + text).rpartition("\n")
            if rest:
                self._partial[source] = rest[-LONGEST_LINE:]
            if mark:
                self._send(source, whole + mark)
        return False

    def finish(self, at: float) -> None:
        del at
        with self._lock:
            for source, rest in self._partial.items():
                self._send(source, rest)
            self._partial.clear()

    def _send(self, source: str, text: str) -> None:
        self._speaker.log(f"{source}\n{text}".encode(errors="backslashreplace"))
