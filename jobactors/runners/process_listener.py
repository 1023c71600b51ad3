"""The child's side of the socket: who reads the frames that the parent sends, and when.

To hand each call from a thread that reads to the one that makes it, and the interpreter with it,
took a third of a short job.  So the main thread reads its next call itself.  While it makes that,
the *listener*, a thread of its own, looks every 10 ms whether the same call is still being made.
If so, it reads from then on: what was sent meanwhile waits in the socket.  It hands the next call
over to the main thread, which reads again after that.  Between two jobs the listener sleeps.

==============  ================================================================================
field           written by
==============  ================================================================================
``_job``        the main thread, under the lock at the job's end
``_listens``    the listener, under the lock: whether it reads, and not the main thread
``_is_asleep``  the listener; then looks at ``_job`` again
==============  ================================================================================
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from .process_speaker import Speaker, end_if_closed_here
from .process_wire import HEADER, Kind

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

MOMENT: Final = 0.01
"""Seconds between two looks of the listener at the call that is made."""
_AT_ONCE: Final = 1 << 16
"""Bytes read at once: a short call is there whole."""


class Obedient(Protocol):
    """A job of which requests are made."""

    speaker: Speaker

    def obey(self, kind: Kind, content: bytearray) -> None:
        """Make a request of the parent's."""
        ...


J = TypeVar("J", bound=Obedient)


class Listener(Generic[J]):
    """Reads the parent's frames: jobs for the main thread, and requests to the one that runs.

    When the parent is gone while a job runs, the process's own group is killed.

    Args:
        sock: The child's end of the socket.
        make: Makes a job of the contents of BEGIN and WORK, and of :meth:`hurry`.
    """

    def __init__(
        self,
        sock: socket.socket,
        make: Callable[[bytearray, bytearray, Callable[[], None]], J],
    ) -> None:
        self._frames = Frames(sock)
        self._make = make
        self._lock = threading.Lock()
        self._job: J | None = None
        """The job that runs."""
        self._listens = False
        self._is_asleep = False
        self._jobs: SimpleQueue[J | None] = SimpleQueue()
        """The one that the listener has read; None when the parent has hung up."""
        self._wake: SimpleQueue[bool] = SimpleQueue()
        """Wakes the listener; True lets it read at once."""
        threading.Thread(target=self._run, name="jobactors listener", daemon=True).start()

    # -- the main thread

    def next_job(self) -> J | None:
        """Wait for the next job; None when the parent has hung up."""
        with self._lock:
            self._job = None
            # It may have read the next job already: the parent has the result of this one.
            listens = self._listens or not self._jobs.empty()
        job = self._jobs.get() if listens else self._read_job()
        self._job = job
        if self._is_asleep and job is not None:
            self._wake.put(False)
        return job

    def hurry(self) -> None:
        """Let requests that were sent be made soon; also from a signal handler."""
        self._wake.put(True)

    def _read_job(self) -> J | None:
        try:
            while True:
                kind, content = self._frames.receive()
                if kind is Kind.BEGIN:  # else it is for a job that has ended
                    return self._make(content, self._frames.receive()[1], self.hurry)
        except OSError as exc:
            end_if_closed_here(exc)
        except EOFError:
            pass
        return None

    # -- the listener's thread

    def _run(self) -> None:
        seen: J | None = None
        while True:
            job = self._job
            if job is None and seen is None:
                is_hurried = self._sleep()
            else:
                if job is not None and job is seen and self._begins_to_listen(job):
                    if not self._listen(job):
                        return
                    job = None
                is_hurried = self._woken(MOMENT)
            seen = self._job if is_hurried else job

    def _sleep(self) -> bool:
        self._is_asleep = True
        is_hurried = self._woken(None) if self._job is None else False
        self._is_asleep = False
        return is_hurried

    def _woken(self, seconds: float | None) -> bool:
        try:
            return self._wake.get(timeout=seconds)
        except Empty:
            return False

    def _begins_to_listen(self, job: J) -> bool:
        with self._lock:
            # Not where it has read the next job: what comes then is a request to that one.
            self._listens = self._job is job and self._jobs.empty()
            return self._listens

    def _listen(self, job: J) -> bool:
        """Make the requests to a job until the next one comes; returns whether one has."""
        try:
            while True:
                kind, content = self._frames.receive()
                if kind is Kind.BEGIN:
                    following = self._make(content, self._frames.receive()[1], self.hurry)
                    with self._lock:
                        self._listens = False
                        self._jobs.put(following)
                    return True
                job.obey(kind, content)
        except OSError as exc:
            end_if_closed_here(exc)
        except EOFError:
            pass
        if not job.speaker.ended:
            _kill_own_group()  # the parent is gone, and the result with it
        self._jobs.put(None)
        return False


class Frames:
    """Reads frames, as many as have come at once."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._read = b""
        """What was read and is not part of a frame that was returned."""

    def receive(self) -> tuple[Kind, bytearray]:
        """Return the next frame, or raise EOFError if the other end is closed."""
        kind, size = HEADER.unpack(self._exactly(HEADER.size))
        return Kind(kind), self._exactly(size)

    def _exactly(self, size: int) -> bytearray:
        if not self._read and 0 < size <= _AT_ONCE:
            self._read = self._sock.recv(_AT_ONCE)
        content, self._read = bytearray(self._read[:size]), self._read[size:]
        if len(content) == size:
            return content
        whole = bytearray(size)
        whole[: len(content)] = content
        rest = memoryview(whole)[len(content) :]
        while rest:
            got = self._sock.recv_into(rest)
            if not got:
                raise EOFError
            rest = rest[got:]
        return whole


def _kill_own_group() -> None:
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
