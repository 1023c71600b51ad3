"""A file of every earlier version is opened, one of a later version is refused clearly."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import jobactors as ja
from jobactors.model.stored_rows import CheckpointRow, EventRow, JobRow
from jobactors.stores.migrations import MIGRATIONS, expected_schema, migrate, schema_of, version_of
from tests.stores.samples import put
from tests.stores.scripts import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Files as each version has written them. A version that was released stays here for ever.
FILES = {
    1: """
        CREATE TABLE jobs (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            type TEXT NOT NULL,
            subject TEXT NOT NULL,
            state TEXT NOT NULL,
            submitted_at REAL NOT NULL,
            changed_at REAL NOT NULL,
            finished_at REAL,
            read INTEGER NOT NULL,
            spec TEXT NOT NULL,
            status TEXT NOT NULL,
            result TEXT,
            after TEXT NOT NULL
        );
        CREATE INDEX jobs_by_end ON jobs (finished_at);
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            job INTEGER NOT NULL,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL
        );
        CREATE INDEX events_by_job ON events (job);
        CREATE TABLE checkpoints (
            seq INTEGER PRIMARY KEY,
            type TEXT NOT NULL,
            subject TEXT NOT NULL,
            part TEXT NOT NULL,
            job_id TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            value TEXT NOT NULL,
            items REAL NOT NULL,
            fraction REAL,
            created_at REAL NOT NULL,
            saved_at REAL NOT NULL,
            UNIQUE (type, subject, part)
        );
        CREATE TABLE owner (epoch INTEGER NOT NULL);
        INSERT INTO owner VALUES (41);
        INSERT INTO jobs VALUES (1, 'train-1-k7', 'train', 'wiki', 'failed', 1.5, 2.5, 3.5, 1,
            '{}', '{"n": 1}', NULL, '["a"]');
        INSERT INTO events VALUES (1, 1, 1.5, 'JobQueued', '{}');
        INSERT INTO checkpoints VALUES (1, 'train', 'wiki', '', 'train-1-k7', 2, '[7]', 7, 0.5, 1,
            2);
        PRAGMA application_id = 1785684545;
        PRAGMA user_version = 1;
    """,
}
FILES[2] = (
    FILES[1]
    .replace(
        "PRAGMA application_id",
        """CREATE TABLE documents (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            changed_at REAL NOT NULL,
            UNIQUE (kind, name)
        );
        CREATE TABLE occurrences (
            seq INTEGER PRIMARY KEY,
            schedule TEXT NOT NULL,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            job_id TEXT NOT NULL,
            detail TEXT NOT NULL,
            count INTEGER NOT NULL,
            UNIQUE (schedule, at)
        );
        PRAGMA application_id""",
    )
    .replace("user_version = 1", "user_version = 2")
)

JOB = JobRow(
    id="train-1-k7",
    type="train",
    subject="wiki",
    state=ja.JobState.FAILED,
    submitted_at=1.5,
    changed_at=2.5,
    finished_at=3.5,
    read=True,
    spec="{}",
    status='{"n": 1}',
    after=("a",),
)
MARK = CheckpointRow("train", "wiki", "", "train-1-k7", 2, "[7]", 7.0, 0.5, 1.0, 2.0)


def unindent(script: str) -> str:
    """Return a script with its tables written as they are written in the package."""
    return "\n".join(
        line if line.startswith("            ") else line[4:] for line in script.split("\n")
    )


def write(path: Path, script: str) -> None:
    """Make a file with a plain SQLite."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def add_a_column(connection: sqlite3.Connection) -> None:
    """A step that a next version may make."""
    connection.execute("ALTER TABLE jobs ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'")
    connection.execute("CREATE INDEX jobs_by_colour ON jobs (colour)")


def fail_half_way(connection: sqlite3.Connection) -> None:
    """A step that it must not make."""
    connection.execute("CREATE TABLE half (x)")
    raise RuntimeError("half-way")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an empty file."""
    with closing(sqlite3.connect(tmp_path / "bare.db", isolation_level=None)) as connection:
        yield connection


def test_there_is_a_file_of_every_version() -> None:
    """A new migration comes with one, here."""
    assert list(FILES) == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize("version", FILES)
def test_a_file_of_every_version_is_opened(tmp_path: Path, version: int) -> None:
    """With all that is in it, and the next epoch."""
    path = tmp_path / "jobs.db"
    write(path, FILES[version])
    store = ja.SqliteStore(path)
    assert store.open() == 42
    assert store.finished() == [JOB]
    assert store.events(JOB.id) == [EventRow(JOB.id, 1.5, "JobQueued")]
    assert store.checkpoints() == [MARK]
    store.apply([put("b")])
    store.close()


def test_each_version_is_reached_through_every_one_before(bare: sqlite3.Connection) -> None:
    """An empty file is at version 0; its tables are then those of its version."""
    assert version_of(bare) == 0
    for version in range(len(MIGRATIONS)):
        assert migrate(bare, to=version + 1) == version
        assert schema_of(bare) == expected_schema(version + 1)
    assert migrate(bare) == version_of(bare) == len(MIGRATIONS)


def test_a_new_migration_finds_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And this package, which does not know it, refuses the file then, and leaves it as it is."""
    path, known = tmp_path / "jobs.db", len(MIGRATIONS)
    store = ja.SqliteStore(path)
    store.open()
    store.apply([put("a")])
    store.close()
    with monkeypatch.context() as later:
        later.setattr(ja.SqliteStore, "_migrations", (*MIGRATIONS, add_a_column))
        store.open()
        assert [row.id for row in store.unfinished()] == ["a"]
        store.close()
    before = path.read_bytes()
    with pytest.raises(
        ja.StoreTooNew, match=rf"schema {known + 1}.*up to {known}: upgrade jobactors"
    ):
        store.open()
    assert path.read_bytes() == before


def test_a_file_that_only_says_it_is_newer_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables must be those of its version."""
    path = tmp_path / "jobs.db"
    write(path, FILES[1] + f"PRAGMA user_version = {len(MIGRATIONS) + 1};")
    monkeypatch.setattr(ja.SqliteStore, "_migrations", (*MIGRATIONS, add_a_column))
    with pytest.raises(ja.StoreDamaged, match="colour"):
        ja.SqliteStore(path).open()


def test_a_migration_that_fails_leaves_the_version_before(bare: sqlite3.Connection) -> None:
    """The steps before it stand, its own changes do not, and it can be tried again."""
    steps = (*MIGRATIONS, add_a_column, fail_half_way)
    with pytest.raises(RuntimeError, match="half-way"):
        migrate(bare, steps)
    assert version_of(bare) == len(MIGRATIONS) + 1
    assert schema_of(bare) == expected_schema(len(MIGRATIONS) + 1, steps)
    assert migrate(bare, (*steps[:-1], lambda _: None)) == len(MIGRATIONS) + 1


def test_a_store_whose_migration_fails_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is free again, and as it was."""
    store = ja.SqliteStore(tmp_path / "jobs.db")
    store.open()
    store.apply([put("a")])
    store.close()
    with monkeypatch.context() as later:
        later.setattr(ja.SqliteStore, "_migrations", (*MIGRATIONS, fail_half_way))
        with pytest.raises(RuntimeError, match="half-way"):
            store.open()
    store.open()
    assert [row.id for row in store.unfinished()] == ["a"]
    store.close()


def test_a_migration_that_is_killed_leaves_the_version_before(tmp_path: Path) -> None:
    """Whatever stops the process, its record and its work are one."""
    source = """
    from jobactors.stores.migrations import MIGRATIONS
    store = ja.SqliteStore(path)
    store.open()
    store.apply([put("a")])
    store.close()
    def die(connection):
        connection.execute("CREATE TABLE half (x)")
        connection.execute("INSERT INTO half VALUES (zeroblob(20000000))")  # spilled to the log
        os.kill(os.getpid(), signal.SIGKILL)
    ja.SqliteStore._migrations = (*MIGRATIONS, die)
    store.open()
    """
    path = tmp_path / "jobs.db"
    with running(source, path) as script:
        assert script.end() < 0
    store = ja.SqliteStore(path)
    store.open()
    assert [row.id for row in store.unfinished()] == ["a"]
    store.close()
