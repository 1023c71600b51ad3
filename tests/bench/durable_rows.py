"""The rows of no-op jobs, made durable: what the store's own work costs beside bare sqlite3.

Each job is kept three times: when it is submitted, when it starts, and with its result when it has
ended.  Once with a commit each time, once with one commit for what two hundred jobs have to say,
as the engine does it when there is much to do.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import jobactors as ja
from jobactors.model.stored_rows import JobRow, PutJob, SetStatus, Write
from tests.bench.harness import Measure, Numbers, Program, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GROUP = 200
SPEC = '{"name": "no-op 12345", "options": {}, "args": [1, 2, 3], "kwargs": {"epochs": 30}}'
STATUS = '{"attempt": 1, "message": null, "done": 0, "total": null}'

TABLE = """
CREATE TABLE jobs (id TEXT PRIMARY KEY, type TEXT, subject TEXT, state TEXT, submitted_at REAL,
changed_at REAL, finished_at REAL, read INTEGER, spec TEXT, status TEXT, result TEXT, after TEXT)"""
INDEX = "CREATE INDEX jobs_by_end ON jobs (finished_at)"
INSERT = "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
UPDATE = (
    "UPDATE jobs SET state = ?, changed_at = ?, finished_at = ?, read = ?, status = ?, result = ? "
    "WHERE id = ?"
)

Statement = tuple[str, list[tuple[object, ...]]]


def _names(size: int) -> list[str]:
    return [f"nothing-{n}-k7m2x9qaef" for n in range(size)]


def _groups(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _statements(size: int, group: int) -> list[Statement]:
    """What bare sqlite3 is told, a commit each."""
    steps: list[Statement] = []
    for names in _groups(_names(size), group):
        row = ("nothing", "", "queued", 1.0, 1.0, None, 0, SPEC, STATUS, None, "[]")
        steps.append((INSERT, [(name, *row) for name in names]))
        steps.append((UPDATE, [("running", 2.0, None, 0, STATUS, None, name) for name in names]))
        steps.append((UPDATE, [("succeeded", 3.0, 3.0, 0, STATUS, "1", name) for name in names]))
    return steps


def _batches(size: int, group: int) -> list[list[Write]]:
    """The same as the engine says it."""
    steps: list[list[Write]] = []
    queued, running, done = ja.JobState.QUEUED, ja.JobState.RUNNING, ja.JobState.SUCCEEDED
    for names in _groups(_names(size), group):
        steps.append(
            [
                PutJob(JobRow(n, "nothing", "", queued, 1.0, 1.0, None, False, SPEC, STATUS))
                for n in names
            ]
        )
        steps.append([SetStatus(n, running, 2.0, None, False, STATUS) for n in names])
        steps.append([SetStatus(n, done, 3.0, 3.0, False, STATUS, "1") for n in names])
    return steps


def _timed(commit: Callable[[int], None], count: int, size: int) -> float:
    start = time.perf_counter()
    for step in range(count):
        commit(step)
    return (time.perf_counter() - start) / size * 1e6


def _bare(path: Path, steps: Sequence[Statement], size: int, synchronous: str) -> float:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(TABLE)
        connection.execute(INDEX)

        def commit(step: int) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(*steps[step])
            connection.execute("COMMIT")

        return _timed(commit, len(steps), size)


def bare(size: int) -> Numbers:
    """Python's sqlite3 with nothing around it."""
    with tempfile.TemporaryDirectory() as folder:
        root, alone, together = Path(folder), _statements(size, 1), _statements(size, GROUP)
        return {
            "three commits a job": _bare(root / "1", alone, size, "NORMAL"),
            "group commit": _bare(root / "2", together, size, "NORMAL"),
            "group commit, power": _bare(root / "3", together, size, "FULL"),
        }


def _ours(store: ja.SqliteStore, steps: Sequence[Sequence[Write]], size: int) -> float:
    store.open()
    try:
        return _timed(lambda step: store.apply(steps[step]), len(steps), size)
    finally:
        store.close()


def jobactors(size: int) -> Numbers:
    """The same rows, checked, and written by whoever still owns the file."""
    with tempfile.TemporaryDirectory() as folder:
        root, alone, together = Path(folder), _batches(size, 1), _batches(size, GROUP)
        power = ja.SqliteStore(root / "3", durability="power")
        return {
            "three commits a job": _ours(ja.SqliteStore(root / "1"), alone, size),
            "group commit": _ours(ja.SqliteStore(root / "2"), together, size),
            "group commit, power": _ours(power, together, size),
        }


PROGRAM = Program(
    title="durable rows of a no-op job",
    measures=(
        Measure("three commits a job", "µs"),
        Measure("group commit", "µs", at_most=1.43),
        Measure("group commit, power", "µs", at_most=1.43),
    ),
    variants=(
        Variant("sqlite3", bare),
        Variant("jobactors", jobactors),
    ),
    size=20_000,
    smoke_size=10,
)
