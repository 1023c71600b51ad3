"""The thread of a process that writes to the parent."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import socket
import threading
from typing import cast

import jobactors as ja
from jobactors.runners.process_listener import Frames
from jobactors.runners.process_speaker import SentLog, Speaker
from jobactors.runners.process_wire import Kind


class SlowSocket:
    """A socket whose first frame is on its way until the test lets it go."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.may_send = threading.Event()

    def sendall(self, data: bytes) -> None:
        """Send, once it is allowed."""
        assert self.may_send.wait(30)
        self.sock.sendall(data)


def test_lines_that_wait_travel_together_in_their_order() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        slow = SlowSocket(theirs)
        speaker = Speaker(cast("socket.socket", slow))
        log = SentLog(speaker)
        speaker.send(Kind.TAKEN, b"")
        for number in range(1_000):
            log.write(f"{number}\n", "out", 0)
        log.write("first half, ", "err", 0)
        log.write("warning\n", "WARNING", 0)
        log.write("second half", "err", 0)
        log.finish(0)
        slow.may_send.set()
        speaker.stop()
        theirs.shutdown(socket.SHUT_WR)
        received = Frames(ours)
        frames = [received.receive() for _ in range(4)]
    assert [kind for kind, _ in frames] == [Kind.TAKEN, Kind.LOG, Kind.LOG, Kind.LOG]
    _, out, warning, err = (content.decode() for _, content in frames)
    assert out == "out\n" + "".join(f"{number}\n" for number in range(1_000))
    assert warning == "WARNING\nwarning\n"
    assert err == "err\nfirst half, second half"


async def test_very_many_lines_arrive_whole_and_in_order() -> None:
    """More than may wait at once; the parent's log holds all of them."""

    def write() -> None:
        for number in range(30_000):
            print(number, "x" * 50, flush=True)  # noqa: T201 - what is tested

    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process", log_limit=10_000_000).submit(write)
        await job
        lines = job.logs().splitlines()
    assert [line.split()[0] for line in lines] == [str(number) for number in range(30_000)]
