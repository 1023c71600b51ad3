"""The child's listener: which thread reads the parent's frames, and that none is lost by it."""

from __future__ import annotations

import socket
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import pytest

from jobactors.runners.process_listener import MOMENT, Listener
from jobactors.runners.process_speaker import Speaker
from jobactors.runners.process_wire import Kind, header

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 30.0


class Job:
    """A job that takes note of its requests, and has said its last word."""

    def __init__(self, sock: socket.socket, work: bytearray) -> None:
        self.speaker = Speaker(sock)
        self.speaker.ended = True  # else the end of the socket would kill this process
        self.work = bytes(work)
        self.requests: SimpleQueue[tuple[Kind, bytes]] = SimpleQueue()

    def obey(self, kind: Kind, content: bytearray) -> None:
        """Note a request."""
        self.requests.put((kind, bytes(content)))


class Parent:
    """The other end of the socket, and the listener with the jobs that it has made."""

    def __init__(self) -> None:
        self.ours, self._theirs = socket.socketpair()
        self.made: SimpleQueue[Job] = SimpleQueue()
        self.listener = Listener(self._theirs, self._make)

    def _make(self, _: bytearray, work: bytearray, __: Callable[[], None]) -> Job:
        job = Job(self._theirs, work)
        self.made.put(job)
        return job

    def send(self, *frames: tuple[Kind, bytes]) -> None:
        """Send frames at once."""
        self.ours.sendall(b"".join(header(kind, content) + content for kind, content in frames))

    def next_job(self) -> Job | None:
        """What the child's main thread does; in a thread, to fail instead of waiting for ever."""
        found: SimpleQueue[Job | None] = SimpleQueue()
        threading.Thread(target=lambda: found.put(self.listener.next_job()), daemon=True).start()
        return found.get(timeout=PATIENCE)

    def close(self) -> None:
        """Hang up."""
        self.ours.close()
        assert self.next_job() is None
        self._theirs.close()


def call(number: bytes) -> tuple[tuple[Kind, bytes], ...]:
    """Return the frames of a call."""
    return (Kind.BEGIN, b"{}"), (Kind.WORK, number)


def test_a_request_that_comes_with_its_job_is_made() -> None:
    """Nothing listens for it yet."""
    parent = Parent()
    parent.send(*call(b"1"), (Kind.CANCEL, b""), (Kind.TELL, b"hello"))
    job = parent.next_job()
    assert job is not None
    requests = [job.requests.get(timeout=PATIENCE) for _ in range(2)]
    assert requests == [(Kind.CANCEL, b""), (Kind.TELL, b"hello")]
    parent.close()


def test_a_job_that_the_listener_has_read_is_the_next_one() -> None:
    """Its parent has the result of the last one before the main thread asks for the next."""
    parent = Parent()
    parent.send(*call(b"1"), (Kind.TELL, b"hello"))
    job = parent.next_job()
    assert job is not None
    job.requests.get(timeout=PATIENCE)  # the listener listens
    parent.send(*call(b"2"))
    assert [parent.made.get(timeout=PATIENCE).work for _ in range(2)] == [b"1", b"2"]
    following = parent.next_job()
    assert following is not None
    assert following.work == b"2"
    parent.send((Kind.TELL, b"again"))
    assert following.requests.get(timeout=PATIENCE) == (Kind.TELL, b"again")
    parent.close()


def test_a_request_to_a_job_that_was_read_waits_for_it() -> None:
    """The main thread has sent its last word, and was held up before it asks for the next job."""
    parent = Parent()
    parent.send(*call(b"1"), (Kind.TELL, b"hello"))
    job = parent.next_job()
    assert job is not None
    job.requests.get(timeout=PATIENCE)  # the listener listens
    parent.send(*call(b"2"))
    assert [parent.made.get(timeout=PATIENCE).work for _ in range(2)] == [b"1", b"2"]
    parent.send((Kind.CANCEL, b"the second"))
    with pytest.raises(Empty):
        job.requests.get(timeout=20 * MOMENT)
    following = parent.next_job()
    assert following is not None
    assert following.requests.get(timeout=PATIENCE) == (Kind.CANCEL, b"the second")
    parent.close()


def test_a_request_to_a_job_that_has_ended_is_none_to_the_next_one() -> None:
    """It has come too late to be read."""
    parent = Parent()
    parent.send(*call(b"1"), (Kind.CANCEL, b""), *call(b"2"), (Kind.TELL, b"hello"))
    parent.next_job()
    following = parent.next_job()
    assert following is not None
    assert following.work == b"2"
    assert following.requests.get(timeout=PATIENCE) == (Kind.TELL, b"hello")
    parent.close()
