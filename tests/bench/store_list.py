"""``jobactors list`` on a large store, beside an interpreter that asks SQLite for the same rows."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trio
from msgspec.structs import replace

import jobactors as ja
from jobactors.model.stored_rows import JobRow, PutJob
from tests.bench.harness import Measure, Numbers, Program, Variant

BARE = """
import json, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT id, spec, status FROM jobs ORDER BY seq DESC LIMIT 50").fetchall()
print([json.loads(status) for _, _, status in rows])
"""
SHOWN = 50
AT_ONCE = 1_000


async def _run_two(path: Path) -> None:
    async with ja.open_jobs(store=path) as jobs:
        await jobs.run(abs, -4)
        jobs.options(hold=True).submit(abs, -4)
        await jobs.close()


def patterns(folder: Path) -> tuple[JobRow, JobRow]:
    """Return the rows of a real job that has ended, and of one that rests."""
    path = folder / "pattern.db"
    trio.run(_run_two, path)
    store = ja.SqliteStore(path)
    store.open()
    with contextlib.closing(store):
        return store.finished(1)[0], store.unfinished()[0]


def make_store(path: Path, count: int) -> None:
    """Write a store of so many jobs, half of them ended."""
    ended, resting = patterns(path.parent)
    store = ja.SqliteStore(path)
    store.open()
    with contextlib.closing(store):
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            rows = (
                replace(resting if number % 2 else ended, id=f"abs-{number}-abcdefghjk")
                for number in numbers
            )
            store.apply([PutJob(row) for row in rows])


def timed(*command: str, size: int) -> Numbers:
    """Seconds that a command takes on a store of so many jobs."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        make_store(store, size)
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command, str(store)], check=True, capture_output=True, text=True
        )
        took = time.perf_counter() - begun
        assert len(done.stdout.splitlines()) in {1, SHOWN}
    return {"list": took}


def bare(size: int) -> Numbers:
    """An interpreter and SQLite."""
    return timed("-c", BARE, size=size)


def ours(size: int) -> Numbers:
    """``jobactors list``."""
    return timed("-m", "jobactors", "list", size=size)


PROGRAM = Program(
    title="the command line on 100,000 stored jobs (floor: Python and sqlite3)",
    measures=(Measure("list", "s", at_most=0.5, absolute=True),),
    variants=(Variant("sqlite3", bare), Variant("jobactors", ours)),
    size=100_000,
    smoke_size=200,
    rounds=3,
)
