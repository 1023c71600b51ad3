"""Durable no-op jobs, end to end: submitted, started, run, and their results on disk."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import trio

import jobactors as ja
from tests.bench import durable_peers
from tests.bench.harness import Measure, Numbers, Program, Variant

if TYPE_CHECKING:
    from jobactors.stores.connection import Durability


_THREADS = 8


async def nothing() -> None:
    """A job that has nothing to do."""


def _bare(synchronous: str, size: int) -> float:
    """Three commits a job, each after the other, and nothing run."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(sqlite3.connect(Path(folder) / "db", isolation_level=None)) as db,
    ):
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT)")
        start = time.perf_counter()
        for n in range(size):
            db.execute("INSERT INTO jobs VALUES (?, 'queued')", (str(n),))
            for state in ("running", "succeeded"):
                db.execute("UPDATE jobs SET state = ? WHERE id = ?", (state, str(n)))
        return (time.perf_counter() - start) / size * 1e6


def bare(size: int) -> Numbers:
    """Python's sqlite3 with nothing around it; it has no threads that could wait together."""
    alone = _bare("NORMAL", size)
    return {
        "survives a kill": alone,
        "from eight threads": alone,
        "one after another": alone,
        "survives a power cut": _bare("FULL", size),
    }


async def _ours(durability: Durability, size: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = ja.SqliteStore(Path(folder) / "db", durability=durability)
        async with ja.open_jobs(store=store) as jobs:
            start = time.perf_counter()
            made = [jobs.submit(nothing) for _ in range(size)]
            for job in made:
                await job
            for job in made:
                await job.stored()
            return (time.perf_counter() - start) / size * 1e6


def _from_threads(threads: int, size: int) -> float:
    """Microseconds a job, if each thread waits for its job before it submits the next one."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = ja.start(store=Path(folder) / "db", max_running=None)

        def work() -> None:
            for _ in range(max(1, size // threads)):
                jobs.submit(nothing).result()

        start = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(work) for _ in range(threads)]:
                done.result()
        took = time.perf_counter() - start
        ja.stop()
        return took / (threads * max(1, size // threads)) * 1e6


def jobactors(size: int) -> Numbers:
    """Every state of every job is on disk before the next thing happens to it."""
    return {
        "survives a kill": trio.run(_ours, "os", size),
        "from eight threads": _from_threads(_THREADS, size),
        "one after another": _from_threads(1, size),
        "survives a power cut": trio.run(_ours, "power", size),
    }


PROGRAM = Program(
    title="durable no-op jobs, end to end",
    measures=(
        Measure("survives a kill", "µs", at_most=1.5),
        Measure("from eight threads", "µs", at_most=2),
        Measure("one after another", "µs", at_most=4),
        Measure("survives a power cut", "µs", at_most=0.3),
    ),
    variants=(
        Variant("sqlite3, three commits a job", bare),
        Variant("jobactors", jobactors),
        Variant("litequeue", durable_peers.litequeue, "litequeue"),
        Variant("huey", durable_peers.huey, "huey"),
    ),
    size=3_000,
    smoke_size=10,
)
