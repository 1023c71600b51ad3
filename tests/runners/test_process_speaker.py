"""The thread of a process that writes to the parent."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import socket

import jobactors as ja
from jobactors.runners.process_child import _receive
from jobactors.runners.process_speaker import SentLog, Speaker
from jobactors.runners.process_wire import Kind


def test_lines_that_wait_travel_together_in_their_order() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        speaker = Speaker(theirs)
        log = SentLog(speaker)
        for number in range(1_000):
            log.write(f"{number}\n", "out", 0)
        log.write("first half, ", "err", 0)
        log.write("warning\n", "WARNING", 0)
        log.write("second half", "err", 0)
        log.finish(0)
        speaker.start()
        speaker.stop()
        theirs.shutdown(socket.SHUT_WR)
        frames = [_receive(ours) for _ in range(3)]
    assert {kind for kind, _ in frames} == {Kind.LOG}
    out, warning, err = (content.decode() for _, content in frames)
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
