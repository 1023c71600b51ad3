"""A store in a file: its opening, its inspection, its remains."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.engine.ports.store import ValueRefused
from jobactors.model.keep import Keep
from jobactors.model.states import JobState
from jobactors.model.stored_rows import (
    AddOccurrence,
    DeleteJobs,
    DocumentRow,
    OccurrenceRow,
    PutCheckpoint,
    PutDocument,
)
from jobactors.stores import inspection
from jobactors.stores.location import last_written
from tests.stores.samples import DAY, NOW, checkpoint, event, job, put

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the store."""
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[ja.SqliteStore]:
    """An open store with small limits."""
    store = ja.SqliteStore(path, keep=Keep(age=DAY, events=3))
    store.open()
    yield store
    store.close()


def ask(store: ja.SqliteStore, question: str) -> Any:
    """Return SQLite's own answer, inside the store."""
    assert store._connection is not None
    return store._connection.execute(question).fetchone()[0]


# --- opening ----------------------------------------------------------------------------------

SETTINGS = {
    "journal_mode": b"wal",
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,
    "wal_autocheckpoint": 4_000,
    "secure_delete": 1,
    "busy_timeout": 5000,
}


@pytest.mark.parametrize(("name", "value"), SETTINGS.items())
def test_a_file_is_opened_with_every_defence(store: ja.SqliteStore, name: str, value: Any) -> None:
    """Also those that the check of its tables makes unnecessary, as far as we know."""
    assert ask(store, f"PRAGMA {name}") == value


def test_it_knows_when_it_was_written_before_it_was_opened(path: Path) -> None:
    """By an earlier owner, whose log may be newer than the file; a new file was not written."""
    store = ja.SqliteStore(path)
    store.open()
    assert store.last_written is None
    store.close()
    os.utime(path, (NOW, NOW))
    store.open()
    assert store.last_written == NOW
    log = path.with_name(f"{path.name}-wal")
    os.utime(log, (NOW + 60, NOW + 60))
    os.utime(path, (NOW, NOW))
    assert last_written(path) == NOW + 60
    store.close()


def test_durability_says_what_a_commit_waits_for(store: ja.SqliteStore, path: Path) -> None:
    """For the operating system, or for the disk as well."""
    assert (ask(store, "PRAGMA synchronous"), ask(store, "PRAGMA fullfsync")) == (1, 0)
    store.close()
    store = ja.SqliteStore(path, durability="power")
    store.open()
    assert (ask(store, "PRAGMA synchronous"), ask(store, "PRAGMA fullfsync")) == (2, 1)
    store.close()


def test_there_are_two_durabilities(path: Path) -> None:
    """A third is refused before anything is made."""
    with pytest.raises(ValueError, match='"os" or "power"'):
        ja.SqliteStore(path, durability="eternal")  # type: ignore[arg-type]
    assert not path.exists()


@pytest.mark.parametrize(
    "name", ["a?b#c%20d.db", "file:x?mode=memory", "Größe 東京.db", "' .db", "x"]
)
def test_any_file_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    """SQLite knows addresses and options; none of them is meant."""
    store = ja.SqliteStore(tmp_path / name)
    store.open()
    store.apply([put("a")])
    assert (tmp_path / name).stat().st_size > 0
    store.close()
    assert {file.name for file in tmp_path.iterdir()} == {name, f"{name}.lock"}


def test_its_repr_says_whether_it_is_open(store: ja.SqliteStore, path: Path) -> None:
    """With its path, and the settings beyond it."""
    keep = f"keep={Keep(age=DAY, events=3)!r}"
    assert repr(store) == f"<SqliteStore {str(path)!r}, {keep}, open>"
    store.close()
    assert repr(store) == f"<SqliteStore {str(path)!r}, {keep}, closed>"
    assert repr(ja.SqliteStore(path)) == f"<SqliteStore {str(path)!r}, closed>"
    assert repr(ja.MemoryStore()) == "<MemoryStore, 0 jobs>"


@pytest.mark.skipif(os.name == "nt", reason="POSIX links")
@pytest.mark.parametrize("kind", ["text", "folder", "fifo"])
def test_nothing_is_left_beside_what_is_refused(tmp_path: Path, kind: str) -> None:
    """A mistyped path leaves no file behind."""
    foreign = tmp_path / "foreign"
    if kind == "text":
        foreign.write_text("a shopping list")
    elif kind == "folder":
        foreign.mkdir()
    else:
        os.mkfifo(foreign)
    with pytest.raises(ja.StoreError):
        ja.SqliteStore(foreign).open()
    assert list(tmp_path.iterdir()) == [foreign]


def test_a_lock_file_that_is_a_link_is_not_followed(path: Path) -> None:
    """Its target stays as it is."""
    precious = path.with_name("precious")
    precious.write_text("mine")
    Path(f"{path}.lock").symlink_to(precious)
    with pytest.raises(ja.StoreFailed, match="symbolic links"):
        ja.SqliteStore(path).open()
    assert precious.read_text() == "mine"


# --- how much of it is looked at --------------------------------------------------------------


@pytest.fixture
def filled(store: ja.SqliteStore, path: Path) -> bytes:
    """The bytes of a closed file in which every page is in use."""
    store.apply([put(f"{n}", JobState.SUCCEEDED, spec="x" * 500) for n in range(100)])
    store.apply([event(f"{n}") for n in range(100)])
    store.apply([PutCheckpoint(checkpoint(f"{n}", value="7" * 500)) for n in range(20)])
    store.close()
    return path.read_bytes()


def test_damage_anywhere_is_found_before_anything_is_written(path: Path, filled: bytes) -> None:
    """Each page in turn is emptied; nothing lies beside the file afterwards but its lock."""
    for start in range(0, len(filled), PAGE):
        damaged = filled[:start] + bytes(PAGE) + filled[start + PAGE :]
        path.write_bytes(damaged)
        with pytest.raises(ja.StoreDamaged):
            ja.SqliteStore(path).open()
        assert path.read_bytes() == damaged
        assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_an_index_that_says_something_else_than_its_table_is_damage(
    path: Path, filled: bytes
) -> None:
    """A job that is in one of them only would come and go."""
    path.write_bytes(filled)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("""
        PRAGMA writable_schema = ON;
        CREATE TABLE aside AS SELECT * FROM sqlite_master WHERE name = 'jobs_by_end';
        DELETE FROM sqlite_master WHERE name = 'jobs_by_end';
    """)
    connection.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("""
        DELETE FROM jobs WHERE id = '7';
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master SELECT * FROM aside;
        DROP TABLE aside;
    """)
    connection.close()
    with pytest.raises(ja.StoreDamaged, match="jobs_by_end"):
        ja.SqliteStore(path).open()


def test_damage_in_a_large_file_is_found_when_it_is_read(
    path: Path, filled: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The opening does not wait for a check of all of it; the read that meets the damage raises."""
    monkeypatch.setattr(inspection, "_CHECKED_UP_TO", 0)
    monkeypatch.setattr(inspection, "_CHECKED_QUICKLY_UP_TO", 0)
    for start in range(PAGE, len(filled), PAGE):
        path.write_bytes(filled[:start] + bytes(PAGE) + filled[start + PAGE :])
        store = ja.SqliteStore(path)
        with pytest.raises(ja.StoreDamaged):
            use(store)
        store.close()


def use(store: ja.SqliteStore) -> None:
    """Open it, read everything, write, and forget."""
    store.open()
    store.finished(1_000)
    store.get(f"{n}" for n in range(100))
    for n in range(100):
        store.events(f"{n}")
    store.checkpoints()
    store.documents("template")
    store.occurrences("nightly")
    store.apply([put("new"), event("new"), PutCheckpoint(checkpoint("new"))])
    store.apply([PutDocument(DocumentRow("template", "sum", "{}", NOW))])
    store.apply([AddOccurrence(OccurrenceRow("nightly", NOW, "submitted", "new"))])
    store.prune(NOW + 9 * DAY)


# --- what is left in it -----------------------------------------------------------------------


def test_a_forgotten_job_leaves_no_line_behind(store: ja.SqliteStore) -> None:
    """Whether it was deleted or outlived; a later job that gets its number has an empty log."""
    store.apply([put("a", JobState.SUCCEEDED), event("a"), event("a")])
    store.prune(NOW + DAY)
    assert ask(store, "SELECT count(*) FROM events") == 0
    store.apply([put("b"), event("b"), put("c")])
    assert len(store.events("b")) == 1
    assert store.events("c") == []


def test_logs_are_cut_in_small_batches(store: ja.SqliteStore) -> None:
    """No more than twenty lines for each job that might go; the rest goes the next times."""
    store.apply([put("a"), put("b")])
    store.apply([event(name) for name in "ab" for _ in range(50)])
    lengths = []
    for _ in range(6):
        assert store.prune(NOW, at_most=1) == 0
        lengths.append(ask(store, "SELECT count(*) FROM events"))
    assert lengths == [80, 60, 40, 20, 6, 6]


def test_what_was_deleted_cannot_be_read_in_the_file(store: ja.SqliteStore, path: Path) -> None:
    """It may be about a person."""
    store.apply([put("a", spec="a secret"), put("b")])
    store.close()
    assert b"a secret" in path.read_bytes()
    store.open()
    store.apply([DeleteJobs(("a",))])
    store.close()
    assert b"a secret" not in path.read_bytes()


def test_vacuum_gives_the_space_back(store: ja.SqliteStore, path: Path) -> None:
    """In the file, and in its log."""
    store.apply([put("a", spec="x" * 1_000_000), put("b")])
    store.apply([DeleteJobs(("a",))])
    store.vacuum()
    assert path.stat().st_size < 100_000
    assert Path(f"{path}-wal").stat().st_size == 0
    assert store.unfinished() == [job("b")]


def test_the_log_is_written_back_before_it_is_large(path: Path, store: ja.SqliteStore) -> None:
    """But not after each few changes: that waits for the disk, and the jobs for that."""
    log, before, sizes = path.with_name("jobs.db-wal"), path.stat().st_size, list[int]()
    for n in range(300):
        store.apply([put(f"{n}", spec="x" * 100_000)])
        sizes.append(log.stat().st_size)
        if n == 50:
            assert sizes[-1] > 5_000_000
            assert path.stat().st_size == before
    assert max(sizes) < 20_000_000
    assert path.stat().st_size > 10_000_000


# --- at once ----------------------------------------------------------------------------------


def test_only_a_store_that_waits_for_no_disk_writes_at_once(
    store: ja.SqliteStore, path: Path
) -> None:
    """Each commit of the other one waits for it."""
    assert store.quick is store
    assert ja.SqliteStore(path.with_name("p.db"), durability="power").quick is None


def test_nothing_is_written_at_once_into_a_file_that_is_locked(
    store: ja.SqliteStore, path: Path
) -> None:
    """It does not wait, and the next call that may wait does."""
    assert store.apply_now([put("a")])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ask(store, "PRAGMA busy_timeout") == 0
        assert not store.apply_now([put("b")])
        other.execute("ROLLBACK")
    store.apply([put("c")])
    assert ask(store, "PRAGMA busy_timeout") == store.busy_timeout * 1_000
    assert [row.id for row in store.unfinished()] == ["a", "c"]


def test_what_is_written_at_once_never_writes_the_log_back(
    store: ja.SqliteStore, path: Path
) -> None:
    """That waits for the disk; the next call that may wait does it."""
    before = path.stat().st_size
    for n in range(200):
        assert store.apply_now([put(f"{n}", spec="x" * 100_000)])
    assert path.stat().st_size == before
    store.apply([put("last")])
    assert path.stat().st_size > 10_000_000


def test_a_value_that_is_refused_is_not_written_at_once(store: ja.SqliteStore) -> None:
    """Nor is the rest of its batch; the call that may take its time finds out which it is."""
    bad = put("b", spec=10**30)
    assert not store.apply_now([put("a"), bad])
    assert store.unfinished() == []
    with pytest.raises(ValueRefused) as refusal:
        store.apply([put("a"), bad])
    assert refusal.value.which == [1]


def test_nothing_is_written_at_once_where_the_file_has_to_be_opened_again(
    store: ja.SqliteStore, path: Path
) -> None:
    """Another program has taken the log away; the next call that may wait goes on."""
    assert store.apply_now([put("a")])
    ask(store, "PRAGMA wal_checkpoint(TRUNCATE)")
    path.with_name("jobs.db-wal").unlink()
    assert not store.apply_now([put("b")])
    store.apply([put("c")])
    assert store.apply_now([put("d")])
    assert [row.id for row in store.unfinished()] == ["a", "c", "d"]
