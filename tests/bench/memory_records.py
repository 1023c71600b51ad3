"""What a job costs that waits, or has ended: memory of the process, a job."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import trio

import jobactors as ja
from tests.bench.bare_loop import nothing
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.memory_running import resident


def bare(size: int) -> Numbers:
    """The floor: a small record in a dictionary."""
    records: dict[str, tuple[str, float, str, list[object]]] = {}
    before = resident()
    for number in range(size):
        records[f"job-{number}"] = (f"name {number}", float(number), "queued", [])
    each = (resident() - before) / size / 1e3
    return {"queued": each, "finished": each}


async def jobactors(size: int) -> Numbers:
    """Jobs whose handles nobody keeps; the registry keeps them all."""
    everything = ja.Retention(jobs=size, read=size)
    async with ja.open_jobs(max_running=100, retention=everything) as jobs:
        jobs.hold_dispatch()
        before = resident()
        for _ in range(size - 1):
            jobs.submit(nothing)
        last = jobs.submit(nothing)
        await trio.sleep(0.3)
        queued = resident() - before
        jobs.release_dispatch()
        await last.wait()
        await trio.sleep(0.3)
        finished = resident() - before
    return {"queued": queued / size / 1e3, "finished": finished / size / 1e3}


def thread_pool(size: int) -> Numbers:
    """The standard library's futures, kept by their user."""
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(go.wait)
        before = resident()
        futures: list[Future[int]] = [pool.submit(int) for _ in range(size)]
        queued = resident() - before
        go.set()
        futures[-1].result()
        finished = resident() - before
    return {"queued": queued / size / 1e3, "finished": finished / size / 1e3}


PROGRAM = Program(
    title="memory of a job at rest",
    measures=(
        Measure("queued", "kB", at_most=2, absolute=True),
        Measure("finished", "kB", at_most=2, absolute=True),
    ),
    variants=(
        Variant("a record in a dict", bare),
        Variant("jobactors", lambda n: trio.run(jobactors, n)),
        Variant("ThreadPoolExecutor", thread_pool),
    ),
    size=20_000,
    smoke_size=20,
    rounds=5,
)
