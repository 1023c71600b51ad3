"""The stream of changes over HTTP: how soon, at what price, and how quickly it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from functools import partial
from statistics import quantiles
from urllib.parse import urlsplit

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant

READER = """
import selectors, socket, sys
host, port, token, count = sys.argv[1:]
ask = f"GET /events HTTP/1.1\\r\\nHost: {host}:{port}\\r\\n"
ask += f"Authorization: Bearer {token}\\r\\n\\r\\n"
chosen = selectors.DefaultSelector()
for _ in range(int(count)):
    one = socket.create_connection((host, int(port)))
    one.sendall(ask.encode())
    one.recv(65536)
    one.setblocking(False)
    chosen.register(one, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in chosen.select():
        if not key.fileobj.recv(2**20):
            sys.exit()
"""
FRAME = 0.1


def readers(server: ja.JobsServer, count: int) -> subprocess.Popen[str]:
    """Start a process that reads so many streams, and wait until it does."""
    where = urlsplit(server.url)
    program = [sys.executable, "-c", READER, f"{where.hostname}", f"{where.port}"]
    reading = subprocess.Popen(
        [*program, f"{server.token}", str(count)], stdout=subprocess.PIPE, text=True
    )
    assert reading.stdout is not None
    assert reading.stdout.readline() == "ready\n"
    return reading


def change(jobs: list[ja.Job[object]], seconds: float) -> float:
    """Change a tenth of the jobs ten times a second; return the processor's seconds of it."""
    part, used, number = max(1, len(jobs) // 10), time.process_time(), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for job in jobs[:part]:
            job.update(description=f"{number}")
        number += 1
        time.sleep(FRAME)
    return (time.process_time() - used) / seconds * 100


def soon(server: ja.JobsServer, job: ja.Job[object], times: int) -> float:
    """Milliseconds from a change to its bytes at the client: the 95th of a hundred."""
    where = urlsplit(server.url)
    arrived, seen = threading.Semaphore(0), b""
    head = (
        f"GET /events HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {server.token}\r\n"
    )
    found: list[float] = []
    with socket.create_connection((where.hostname or "", where.port or 0)) as stream:
        stream.sendall(f"{head}\r\n".encode())

        def read() -> None:
            nonlocal seen
            while chunk := stream.recv(2**20):
                seen = seen[-100:] + chunk
                if wanted in seen:
                    arrived.release()

        wanted = b"event: state"
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        arrived.acquire()
        for number in range(times):
            time.sleep(1.3 * FRAME)
            wanted, begun = f"change {number}.".encode(), time.perf_counter()
            job.update(description=f"change {number}.")
            arrived.acquire()
            found.append((time.perf_counter() - begun) * 1e3)
            while arrived.acquire(blocking=False):
                pass
        stream.shutdown(socket.SHUT_RDWR)
        thread.join()
    return quantiles(found, n=20)[-1]


def cost(count: int, size: int) -> Numbers:
    """What so many streams over ``size`` jobs cost."""
    jobs = ja.start(display=None)
    held: list[ja.Job[object]] = [jobs.options(hold=True).submit(print) for _ in range(size)]
    server = jobs.serve()
    seconds = size / 200
    numbers: Numbers = {"a change, p95": soon(server, held[-1], max(3, size // 20))}
    reading = readers(server, count)
    numbers["processor"] = change(held, seconds)
    time.sleep(0.5)
    used = time.process_time()
    time.sleep(seconds)
    numbers["idle"] = (time.process_time() - used) / seconds * 1e3
    begun = time.perf_counter()
    server.close()
    server.job.wait().result(60)
    numbers["stop"] = time.perf_counter() - begun
    reading.wait(60)
    if reading.stdout is not None:
        reading.stdout.close()
    ja.stop(0)
    return numbers


PROGRAM = Program(
    title="events over HTTP (floor: one stream; jobactors: 50), 1,000 jobs, 100 changing",
    measures=(
        Measure("a change, p95", "ms", at_most=150, absolute=True),
        Measure("processor", "% of a core", at_most=1.5),
        Measure("idle", "ms a second", at_most=1, absolute=True),
        Measure("stop", "s", at_most=2, absolute=True),
    ),
    variants=(
        Variant("one stream", partial(cost, 1)),
        Variant("50 streams", partial(cost, 50)),
    ),
    size=1_000,
    smoke_size=20,
    rounds=3,
)
