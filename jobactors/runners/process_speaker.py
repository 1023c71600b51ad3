"""The thread of a process job that writes to the parent: samples, lines, and what others send.

Any thread may put a frame into its queue, a signal handler too; the first one starts the thread,
since a short job has nothing to send.  The socket is written by this thread, and after its end by
the main thread, which sends the last word.  So nothing that interrupts
the function, SIGTERM included, can cut a frame in two.

Lines are many, and each frame costs the parent a turn of its loop and one of a thread.  So they are
put together: the first line after a pause is sent at once, and those that follow it every 20 ms.
"""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import threading
import time
from collections import deque
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec.structs import asdict

from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
from jobactors.inside.report.meter import Meter
from jobactors.inside.report.work_files import folder_for
from jobactors.model.log import LONGEST_LINE, Log
from jobactors.model.progress import NO_PROGRESS, Progress

from .process_wire import LOST_LINK, Kind, header

if TYPE_CHECKING:
    import socket

INTERVAL: Final = 0.1
"""Seconds between two samples, at least."""
SLOWEST: Final = 1.0
"""Seconds between two looks at a loop that does not move."""
LOG_INTERVAL: Final = 0.02
"""Seconds between two frames of lines, at least: each costs the parent as much as many lines do."""
LONGEST_LOG: Final = 1 << 20
"""Characters of lines that may wait to be sent; then a thread that prints waits."""


def end_if_closed_here(exc: OSError) -> None:
    """End at once if code of this process has closed the socket: no result can arrive any more."""
    if exc.errno in {errno.EBADF, errno.ENOTSOCK}:  # its number may be another file's by now
        os._exit(LOST_LINK)


class Speaker:
    """The thread that writes to the parent, and the meter that it reads.

    Its queue may be filled from any thread, and from a signal handler.
    """

    _LOOK: Final = (None, b"")
    _NOW: Final = (None, b"now")
    _LINES: Final = (None, b"lines")
    _FULL: Final = (None, b"full")
    _STOP: Final = (Kind.STOPPED, b"")

    def __init__(self, sock: socket.socket) -> None:
        self.meter = Meter(lambda: self._put(self._LOOK))
        self.buffer: CheckpointBuffer | None = None
        self.ended = False
        """Whether the last word is due; then the socket may end."""
        self._sock = sock
        self._queue: SimpleQueue[tuple[Kind | None, bytes]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starts = itertools.count()
        self._last: Progress = NO_PROGRESS
        self._told: set[str] = set()
        """The complaints about reports that were sent, for the job's log."""
        self._sampled_at = 0.0
        self._interval = INTERVAL
        self._due: float | None = None
        self._lines: deque[tuple[str, str]] = deque()
        self._written = 0
        """Characters of all lines; written under the lock of the log."""
        self._passed_on = 0
        """Characters of those that were sent; written by this thread."""
        self._has_lines = False
        """Whether lines wait; set when this thread is woken for them."""
        self._lines_at = 0.0
        self._lines_due: float | None = None

    def _put(self, frame: tuple[Kind | None, bytes]) -> None:
        self._queue.put(frame)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        if next(self._starts) == 0:  # in one step: a signal handler or a thread may come as well
            made = threading.Thread(target=self._run, name="jobactors speaker", daemon=True)
            made.start()
            self._thread = made

    def stop(self) -> None:
        """Send all that waits, and the last sample; the main thread writes from then on."""
        self.ended = True
        self._queue.put(self._STOP)
        if next(self._starts) == 0:  # no thread is started any more
            if self._queue.qsize() > 1:  # it would have been started in this very moment
                self._run()
            return
        while self._thread is None:  # it is being started
            time.sleep(0.001)
        self._thread.join()

    def let_go(self) -> None:
        """Drop what it has for a job that has ended, and left nothing that could report."""
        # These refer to each other, and to it.  What is there when a job ends is never looked at
        # again by the garbage collector, see process_traces.
        self.meter.wake = _ignore_wake
        self.buffer = None

    def send(self, kind: Kind, content: bytes) -> None:
        """Send a frame soon."""
        self._put((kind, content))

    def make_buffer(self, sent: dict[str, Any] | None) -> CheckpointBuffer | None:
        """Make the buffer of this process, whose saves are sent."""
        if sent is None:
            return None
        folder = partial(folder_for, sent["folder"], *sent["words"])
        return CheckpointBuffer.received(self.meter, self._save, sent, folder)

    def _save(self, now: bool) -> None:
        """Have an unsent checkpoint sent, soon or at once."""
        self._put(self._NOW if now else self._LOOK)

    def log(self, source: str, text: str) -> None:
        """Send lines soon; block while very many of them wait.  Under the lock of the log."""
        thread = self._thread
        while self._written - self._passed_on > LONGEST_LOG and thread and thread.is_alive():
            self._put(self._FULL)
            time.sleep(0.001)
        self._lines.append((source, text))
        self._written += len(text)
        if not self._has_lines:
            self._has_lines = True
            self._put(self._LINES)

    def _run(self) -> None:
        try:
            while True:
                kind, content = self._next()
                if kind in {Kind.STOPPED, Kind.REACHED}:
                    self._send_lines()
                    self._sample()
                if kind is Kind.STOPPED:
                    return
                if kind is not None:
                    self._sock.sendall(header(kind, content) + content)
                now = time.monotonic()
                if self._lines_due is not None and now >= self._lines_due:
                    self._send_lines()
                if self._due is not None and now >= self._due:
                    self._due = None
                    self._sample()
        except OSError as exc:  # the parent is gone: the listener sees to it
            end_if_closed_here(exc)

    def _next(self) -> tuple[Kind | None, bytes]:
        """Return the next frame, or a look that is due."""
        due = min(self._due or math.inf, self._lines_due or math.inf)
        timeout = None if due == math.inf else max(0.0, due - time.monotonic())
        try:
            frame = self._queue.get(timeout=timeout)
        except Empty:
            return self._LOOK
        if frame is self._LOOK:
            self._look_at(self._sampled_at + INTERVAL)
        elif frame is self._NOW:
            self._look_at(0.0)
        elif frame is self._LINES:
            # The first line after a pause is sent at once, those that follow it together.
            self._lines_due = self._lines_at + LOG_INTERVAL
        elif frame is self._FULL:
            self._lines_due = time.monotonic()
        return frame

    def _look_at(self, at: float) -> None:
        self._due = at if self._due is None else min(at, self._due)

    def _send_lines(self) -> None:
        """Send the lines that wait, those of one source in a row in one frame."""
        self._lines_at, self._lines_due = time.monotonic(), None
        self._has_lines = False  # before taking them: one that comes meanwhile wakes again
        while self._lines:
            source, text = self._lines.popleft()
            texts = [text]
            while self._lines and self._lines[0][0] == source:
                texts.append(self._lines.popleft()[1])
            joined = "".join(texts)
            content = f"{source}\n{joined}".encode(errors="backslashreplace")
            self._sock.sendall(header(Kind.LOG, content) + content)
            self._passed_on += len(joined)

    def _sample(self) -> None:
        self._sampled_at = time.monotonic()
        self._send_saved()
        self.meter.quiet = True  # before reading: a report that comes meanwhile wakes again
        try:
            progress = self.meter.read_plain()
            content = b"" if progress == self._last else json.dumps(asdict(progress)).encode()
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


def _ignore_wake() -> None:
    """Do nothing."""


class LineSender(Protocol):
    """Sends the lines of a job that runs elsewhere."""

    def log(self, source: str, text: str) -> None:
        """Send lines soon."""
        ...


class SentLog(Log):
    """The job's log in its process: sends whole lines to the parent, and stores none."""

    __slots__ = ("_lock", "_speaker")

    def __init__(self, speaker: LineSender) -> None:
        super().__init__(0)
        self._speaker = speaker
        self._lock = threading.RLock()  # reentrant: a signal handler may print as well

    def write(self, text: str, source: str, at: float) -> bool:
        """Send the whole lines of what was written, and wait for the rest of the last one."""
        del at  # the parent reads its own clock
        with self._lock:
            whole, mark, rest = (self._partial.pop(source, "") + text).rpartition("\n")
            if rest:
                self._partial[source] = rest[-LONGEST_LINE:]
            if mark:
                self._send(source, whole + mark)
        return False

    def finish(self, at: float) -> None:
        """Send the last line, though nothing has ended it."""
        del at
        with self._lock:
            for source, rest in self._partial.items():
                self._send(source, rest)
            self._partial.clear()

    def _send(self, source: str, text: str) -> None:
        self._speaker.log(source, text)
