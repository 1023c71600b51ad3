"""The same durable no-op jobs through other libraries that keep them in a SQLite file.

Each job is enqueued, taken out of the queue, called, and its result is stored; by the calls of the
libraries alone.  Their worker loops, which ask the file again and again, are left out: a job does
not wait for the next question.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.harness import Numbers, peer

_THREADS = 8


class Queue(NamedTuple):
    """Another library's queue in a file, for any thread."""

    enqueue: Callable[[], object]
    """Store a job."""
    work: Callable[[], object]
    """Take the next job, call its function, and store its result."""


Open = Callable[[Path, bool], Queue]
"""Open a file; each commit waits for the disk, or not."""


def open_litequeue(path: Path, synced: bool) -> Queue:
    """Three commits a job; it knows no results, so these go into a queue of their own."""
    module = peer("litequeue")
    queue = module.LiteQueue(path)
    results = module.LiteQueue(queue.conn, queue_name="Results")
    queue.conn.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")

    def work() -> None:
        message = queue.pop()
        result = nothing(message.data)
        with queue.transaction(mode="IMMEDIATE"):
            queue.done(message.message_id)
            results.put(result)

    return Queue(lambda: queue.put("nothing"), work)


def open_huey(path: Path, synced: bool) -> Queue:
    """Its own task, dequeued and executed as a worker of it does."""
    huey: Any = peer("huey").SqliteHuey(filename=str(path), fsync=synced)
    task: Any = huey.task()(nothing)
    return Queue(lambda: task("nothing"), lambda: huey.execute(huey.dequeue()))


def nothing(name: str) -> str:
    """Return a small result: the libraries store none for a job that returns None."""
    return name


def _in_folder(run: Callable[[Path], None], size: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run(Path(folder) / "db")
        return (time.perf_counter() - start) / size * 1e6


def _all_at_once(open_queue: Open, synced: bool, size: int) -> float:
    def run(path: Path) -> None:
        queue = open_queue(path, synced)
        for _ in range(size):
            queue.enqueue()
        for _ in range(size):
            queue.work()

    return _in_folder(run, size)


def _one_after_another(open_queue: Open, threads: int, size: int) -> float:
    each = max(1, size // threads)

    def run(path: Path) -> None:
        open_queue(path, False)  # makes the tables

        def jobs() -> None:
            queue = open_queue(path, False)
            for _ in range(each):
                queue.enqueue()
                queue.work()

        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(jobs) for _ in range(threads)]:
                done.result()

    return _in_folder(run, each * threads)


def _numbers(open_queue: Open, size: int) -> Numbers:
    return {
        "survives a kill": _all_at_once(open_queue, False, size),
        "from eight threads": _one_after_another(open_queue, _THREADS, size),
        "one after another": _one_after_another(open_queue, 1, size),
        "survives a power cut": _all_at_once(open_queue, True, size),
    }


def litequeue(size: int) -> Numbers:
    """A queue of messages: whoever takes one calls the function."""
    return _numbers(open_litequeue, size)


def huey(size: int) -> Numbers:
    """A task queue, without an fsync where a kill is all that is to be survived."""
    return _numbers(open_huey, size)
