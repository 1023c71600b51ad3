"""A file of unknown origin: nothing of it is executed, and every value is checked."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.model.states import JobState
from jobactors.model.stored_rows import PutCheckpoint
from jobactors.stores import connection
from tests.stores.samples import DAY, NOW, checkpoint, event, job, put

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store with two unfinished jobs, an ended one, a log and a checkpoint."""
    path = tmp_path / "jobs.db"
    store = ja.SqliteStore(path)
    store.open()
    store.apply([put("a"), put("b"), put("c", JobState.SUCCEEDED), event("a"), event("a", "Two")])
    store.apply([PutCheckpoint(checkpoint("x")), PutCheckpoint(checkpoint("y"))])
    store.close()
    return path


def change(path: Path, script: str, *values: Any) -> None:
    """Do to the file what an attacker may do."""
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        if values:
            attacker.execute(script, values)
        else:
            attacker.executescript(script)


@pytest.fixture
def opened(path: Path) -> Iterator[ja.SqliteStore]:
    """The store; the test opens it when the file is as it should be."""
    store = ja.SqliteStore(path)
    yield store
    store.close()


# --- what is more than data -------------------------------------------------------------------

FOREIGN = {
    "a trigger": (
        "CREATE TRIGGER t AFTER UPDATE ON owner BEGIN UPDATE jobs SET state = 'failed'; END",
        "trigger t",
    ),
    "a temptation": ("CREATE VIEW v AS SELECT load_extension('evil')", "view v"),
    "a view in a table's place": (
        "ALTER TABLE owner RENAME TO o; CREATE VIEW owner AS SELECT epoch FROM o",
        "view owner",
    ),
    "another table": ("CREATE TABLE more (x)", "table more"),
    "a table that is a program": (
        "DROP TABLE checkpoints; CREATE VIRTUAL TABLE checkpoints USING fts5(type)",
        "table checkpoints",
    ),
    "an index with an expression": ("CREATE INDEX i ON jobs (hex(spec))", "index i"),
    "a column that is computed": (
        "ALTER TABLE jobs ADD COLUMN evil AS (hex(zeroblob(1000000)))",
        "table jobs",
    ),
    "a missing index": ("DROP INDEX jobs_by_end", "index jobs_by_end"),
    "a missing table": ("DROP TABLE events", "table events"),
    "text that is no SQL": (
        """
        PRAGMA writable_schema = ON;
        UPDATE sqlite_master SET sql = 'CREATE TABLE jobs (\xff' WHERE name = 'jobs'
        """,
        "cannot be read",
    ),
    "a name with commands for the terminal": ('CREATE TABLE "x\x1b[2J\ny" (x)', r"table x \[2J y"),
    "another program's file": ("PRAGMA application_id = 7", "another program"),
    "no version": ("PRAGMA user_version = 0", "no version is 0"),
    "a version below all": ("PRAGMA user_version = -5", "no version is -5"),
    "no owner": ("DELETE FROM owner", "its count of openings makes no sense"),
    "two owners": ("INSERT INTO owner VALUES (7)", "its count of openings makes no sense"),
    "an owner that is no number": (
        "UPDATE owner SET epoch = 'x'",
        "its count of openings makes no sense",
    ),
    "an epoch after all others": (
        "UPDATE owner SET epoch = 9223372036854775807",
        "its count of openings makes no sense",
    ),
    "UTF-16": (
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_master; VACUUM; PRAGMA encoding='UTF-16'",
        "cannot be read",
    ),
}


@pytest.mark.parametrize(("script", "why"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_more_than_our_data_is_refused(path: Path, script: str, why: str) -> None:
    """Before anything of it is used, and without a byte being changed."""
    change(path, script)
    before = path.read_bytes()
    with pytest.raises(ja.StoreDamaged, match=why) as caught:
        ja.SqliteStore(path).open()
    assert str(caught.value).isprintable()
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A mistaken path."""
    path = tmp_path / "photos.db"
    change(path, "CREATE TABLE photos (x); INSERT INTO photos VALUES (1)")
    before = path.read_bytes()
    with pytest.raises(ja.StoreDamaged, match="another program"):
        ja.SqliteStore(path).open()
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"x", b"SQLite format 3\0", b"# a text\n" * 1_000])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """However short."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ja.StoreDamaged, match="it is left as it is"):
        ja.SqliteStore(path).open()
    assert path.read_bytes() == content


def test_a_rollback_journal_is_not_played_back(path: Path, opened: ja.SqliteStore) -> None:
    """It would change the file, and could name any other file to be deleted."""
    journal = Path(f"{path}-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(600))
    before = path.read_bytes()
    with pytest.raises(ja.StoreDamaged, match=r"jobs\.db-journal"):
        opened.open()
    assert path.read_bytes() == before
    assert journal.exists()


def test_a_trigger_made_meanwhile_is_no_trigger_of_ours(path: Path, opened: ja.SqliteStore) -> None:
    """At the latest the next opening refuses it."""
    opened.open()
    change(path, FOREIGN["a trigger"][0])
    opened.close()
    with pytest.raises(ja.StoreDamaged, match="trigger t"):
        opened.open()


# --- rows that make no sense ------------------------------------------------------------------

BAD_JOBS: dict[str, tuple[str, Any]] = {
    "an unknown state": ("state", "exploded"),
    "a state that is a number": ("state", b"\x01"),
    "an end without having ended": ("state", "succeeded"),
    "an id that is no text": ("id", b"\xff\xfe"),
    "a type that is no text": ("type", b"\xc3"),
    "a time that is a word": ("submitted_at", "yesterday"),
    "a time without end": ("submitted_at", 9e999),
    "a time after all years": ("changed_at", 1e12),
    "a time that is bytes": ("changed_at", b"12"),
    "a maybe": ("read", 2),
    "a yes in words": ("read", "yes"),
    "deep JSON": ("after", "[" * 100_000),
    "no JSON": ("after", "b, c"),
    "JSON of another kind": ("after", '{"b": 1}'),
    "numbers for ids": ("after", "[1]"),
    "too much": ("spec", "x" * 300_000),
}


@pytest.mark.parametrize(("column", "value"), BAD_JOBS.values(), ids=BAD_JOBS)
def test_a_bad_job_is_left_out_and_named(
    path: Path,
    opened: ja.SqliteStore,
    column: str,
    value: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All others are there; one warning; and nothing stumbles over it."""
    change(path, f"UPDATE jobs SET {column} = ? WHERE id = 'a'", value)  # noqa: S608
    monkeypatch.setitem(connection._LIMITS, sqlite3.SQLITE_LIMIT_LENGTH, 200_000)
    with caplog.at_level(logging.WARNING, "jobactors"):
        opened.open()
        assert opened.unfinished() == opened.unfinished() == [job("b")]
        assert opened.finished() == [job("c", JobState.SUCCEEDED)]
    (record,) = caplog.records
    assert record.message.startswith(
        f"{path}: 1 of its jobs cannot be read and are left out (row 1"
    )
    assert opened.prune(NOW + 99 * DAY) >= 1
    opened.vacuum()
    assert opened.unfinished() == [job("b")]


def test_rows_that_say_odd_things_properly_are_given_out(
    path: Path, opened: ja.SqliteStore
) -> None:
    """The contents of JSON and the names of types are judged elsewhere: here they are text."""
    deep = "[" * 100_000
    odd: dict[str, Any] = {
        "type": "os.system",
        "subject": "\0",
        "spec": deep,
        "status": "{",
        "result": "NaN",
    }
    for column, value in odd.items():
        change(path, f"UPDATE jobs SET {column} = ? WHERE id = 'a'", value)  # noqa: S608
    opened.open()
    assert opened.unfinished() == [job("a", **odd), job("b")]


BAD_EVENTS = {"at": "now", "kind": b"\xff", "detail": b"\x80"}


@pytest.mark.parametrize(("column", "value"), BAD_EVENTS.items())
def test_a_bad_line_is_left_out(
    path: Path,
    opened: ja.SqliteStore,
    column: str,
    value: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rest of the log is there."""
    change(path, f"UPDATE events SET {column} = ? WHERE seq = 1", value)  # noqa: S608
    opened.open()
    assert [line.kind for line in opened.events("a")] == ["Two"]
    assert "1 of its events cannot be read" in caplog.text


BAD_CHECKPOINTS = {
    "attempt": "first",
    "items": 9e999,
    "fraction": "half",
    "saved_at": b"",
    "value": b"\xff",
    "subject": b"\xff",
}


@pytest.mark.parametrize(("column", "value"), BAD_CHECKPOINTS.items())
def test_a_bad_checkpoint_is_left_out(
    path: Path,
    opened: ja.SqliteStore,
    column: str,
    value: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others are there."""
    change(path, f"UPDATE checkpoints SET {column} = ? WHERE part = 'x'", value)  # noqa: S608
    opened.open()
    assert opened.checkpoints() == [checkpoint("y")]
    assert "1 of its checkpoints cannot be read" in caplog.text


def test_a_thousand_bad_rows_are_one_warning(
    path: Path, opened: ja.SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """With a count, and the first few by number."""
    opened.open()
    opened.apply([put(f"{n}") for n in range(1_000)])
    opened.close()
    change(path, "UPDATE jobs SET state = char(27) || '[2J' WHERE id NOT IN ('a', 'b', 'c')")
    opened.open()
    assert opened.unfinished() == [job("a"), job("b")]
    (record,) = caplog.records
    assert "1000 of its jobs" in record.message
    assert record.message.count("unknown state") == 10
    assert record.message.isprintable()


def test_a_bad_row_keeps_nothing_from_being_forgotten(path: Path, opened: ja.SqliteStore) -> None:
    """One that comes after nonsense holds nothing back, the others do."""
    change(path, "UPDATE jobs SET after = '[[' WHERE id = 'a'")
    change(path, """UPDATE jobs SET after = '["c"]' WHERE id = 'b'""")
    opened.open()
    opened.prune(NOW + 99 * DAY)
    assert [row.id for row in opened.finished()] == ["c"]
    change(path, "UPDATE jobs SET after = '7' WHERE id = 'b'")
    opened.prune(NOW + 99 * DAY)
    assert opened.finished() == []
