"""A failed write raises with its cure, changes nothing, and can be tried again."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import jobactors as ja
from jobactors.model.stored_rows import PutJob, Write
from jobactors.stores import connection
from jobactors.stores.failures import from_os
from jobactors.stores.row_writer import RowBatch
from tests.stores import faulty
from tests.stores.faulty import Fault, FaultyStore
from tests.stores.samples import event, job, put
from tests.stores.scripts import running

if TYPE_CHECKING:
    from collections.abc import Iterator

MUCH = "x" * 3_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ja.SqliteStore]:
    """An open store that holds one job, and does not wait for others."""
    store = ja.SqliteStore(tmp_path / "jobs.db")
    store.open()
    store.apply([put("a")])
    yield store
    store.close()


def inside(store: ja.SqliteStore) -> sqlite3.Connection:
    """Return the store's own connection."""
    assert store._connection is not None
    return store._connection


def check_nothing_is_lost(store: ja.SqliteStore, batch: list[Write]) -> None:
    """The batch that failed has left nothing, and can be written now; so it is after a restart."""
    assert store.unfinished() == [job("a")]
    assert store.events("a") == []
    store.apply(batch)
    kept = [job("a"), *(write.row for write in batch if isinstance(write, PutJob))]
    assert store.unfinished() == kept
    store.close()
    store.open()
    assert store.unfinished() == kept
    assert len(store.events("a")) == 1


# --- real disks -------------------------------------------------------------------------------


def test_a_full_disk_keeps_nothing_of_a_batch(store: ja.SqliteStore) -> None:
    """SQLite's own bound on the file ends in the same error as a full disk does."""
    batch: list[Write] = [event("a"), put("b"), put("c", spec=MUCH), put("d")]
    (pages,) = inside(store).execute("PRAGMA page_count").fetchone()
    inside(store).execute(f"PRAGMA max_page_count = {pages + 5}")
    for _ in range(2):
        with pytest.raises(ja.StoreFailed, match=r"disk is full.*make room there"):
            store.apply(batch)
    inside(store).execute("PRAGMA max_page_count = 1000000")
    check_nothing_is_lost(store, batch)


def test_a_really_full_disk_keeps_nothing_of_a_batch(tmp_path: Path) -> None:
    """A file system of one megabyte, where one may be mounted."""
    if os.name == "nt" or os.getuid() != 0:
        pytest.skip("only root mounts")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("not even root mounts here")
    store = ja.SqliteStore(disk / "jobs.db")
    try:
        store.open()
        store.apply([put("a")])
        batch: list[Write] = [event("a"), put("b"), put("c", spec=MUCH[:400_000]), put("d")]
        (disk / "ballast").write_bytes(bytes(700_000))
        with pytest.raises(ja.StoreFailed, match="disk is full"):
            store.apply(batch)
        (disk / "ballast").unlink()
        check_nothing_is_lost(store, batch)
    finally:
        store.close()
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_a_disk_that_reports_an_error_keeps_nothing_of_a_batch(tmp_path: Path) -> None:
    """Writing beyond a limit of the process is a real error in the middle of a commit."""
    source = """
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = ja.SqliteStore(path)
    store.open()
    store.apply([put("a")])
    room = os.stat(f"{path}-wal").st_size + 50_000
    batch = [event("a"), put("b"), put("c", spec="x" * 300_000)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    for _ in range(2):
        try:
            store.apply(batch)
        except ja.StoreFailed as exc:
            say(exc.why)
    say(*(row.id for row in store.unfinished()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.apply(batch)
    os._exit(0)
    """
    path = tmp_path / "jobs.db"
    with running(source, path) as script:
        assert "SQLITE_IOERR_WRITE" in script.hear()
        assert "SQLITE_IOERR_WRITE" in script.hear()
        assert script.hear() == "a"
        assert script.end() == 0
    store = ja.SqliteStore(path)
    store.open()
    assert [row.id for row in store.unfinished()] == ["a", "b", "c"]
    assert len(store.events("a")) == 1
    store.close()


def test_a_file_that_another_program_has_locked_is_waited_for_and_then_said(
    store: ja.SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction of another program is left open; ours goes on when it has ended."""
    batch: list[Write] = [event("a"), put("b")]
    inside(store).execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ja.StoreFailed, match=r"another program has locked it.*close"):
            store.apply(batch)
        assert store.unfinished() == [job("a")]  # reading goes on
        other.execute("ROLLBACK")
    check_nothing_is_lost(store, batch)


def test_a_file_that_became_read_only_is_said(store: ja.SqliteStore) -> None:
    """Stored rows can be read."""
    batch: list[Write] = [event("a"), put("b")]
    inside(store).execute("PRAGMA query_only = ON")
    with pytest.raises(ja.StoreFailed, match=r"read-only.*make it writable"):
        store.apply(batch)
    inside(store).execute("PRAGMA query_only = OFF")
    check_nothing_is_lost(store, batch)


def test_a_place_that_takes_no_file_is_said(tmp_path: Path) -> None:
    """A folder, a path below a file, a place that cannot be written."""
    (tmp_path / "file").write_text("")
    for path, why in (
        (tmp_path, "not a file"),
        (tmp_path / "file" / "jobs.db", "Not a directory"),
        (Path("/proc/jobs.db"), "cannot be written"),
    ):
        with pytest.raises(ja.StoreFailed, match=why) as caught:
            ja.SqliteStore(path).open()
        assert caught.value.cure


def test_a_value_that_is_too_large_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of its batch is stored; the bound is lower here, to be quick."""
    monkeypatch.setitem(connection._LIMITS, sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)
    store = ja.SqliteStore(tmp_path / "jobs.db")
    store.open()
    with pytest.raises(ja.StoreFailed, match=r"too large.*to a file"):
        store.apply([put("a"), put("b", spec=MUCH)])
    assert store.unfinished() == []
    store.close()


def test_a_number_that_is_none_is_said(store: ja.SqliteStore) -> None:
    """SQLite has no NaN."""
    with pytest.raises(ja.StoreFailed, match="NOT NULL"):
        store.apply([put("b"), put("c", submitted_at=float("nan"))])
    assert store.unfinished() == [job("a")]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_interruption_undoes_the_transaction(
    store: ja.SqliteStore, interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other error reaches its waiter."""
    run = RowBatch.run

    def interrupted(batch: RowBatch, connection: sqlite3.Connection) -> None:
        run(batch, connection)
        raise interruption

    monkeypatch.setattr(RowBatch, "run", interrupted)
    with pytest.raises(interruption):
        store.apply([put("b")])
    monkeypatch.undo()
    check_nothing_is_lost(store, [event("a"), put("b")])


def test_a_lost_connection_is_made_again(store: ja.SqliteStore) -> None:
    """Whatever has ended it."""
    inside(store).close()
    check_nothing_is_lost(store, [event("a"), put("b")])


OS_ERRORS = {
    errno.ENOSPC: "disk is full",
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.ENOLCK: "cannot lock",
    errno.EIO: "Input/output error",
}


@pytest.mark.parametrize(("code", "why"), OS_ERRORS.items())
def test_errors_of_the_operating_system_have_a_cure(code: int, why: str) -> None:
    """As those of SQLite do."""
    failed = from_os("jobs.db", OSError(code, os.strerror(code)))
    assert why in failed.why
    assert failed.cure


# --- the store that fails on purpose ----------------------------------------------------------

FAULTS: dict[str, Fault] = {
    "disk full": faulty.disk_full,
    "locked": faulty.locked,
    "I/O": faulty.io_error,
    "read-only": faulty.read_only,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_faulty_store_fails_on_command(fault: Fault) -> None:
    """At one apply, or from now on; in between it writes."""
    store = FaultyStore(faults={2: fault})
    store.open()
    store.apply([put("a")])
    with pytest.raises(ja.StoreFailed):
        store.apply([put("b")])
    store.apply([put("c")])
    store.fault = fault
    for _ in range(2):
        with pytest.raises(ja.StoreFailed):
            store.apply([put("d")])
    store.fault = None
    store.apply([put("d")])
    assert [row.id for row in store.unfinished()] == ["a", "c", "d"]
    assert store.applies == 6
    store.close()


def test_a_faulty_store_is_a_store() -> None:
    """It may be damaged as well."""
    store: ja.Store = FaultyStore(faults={1: faulty.damaged})
    store.open()
    with pytest.raises(ja.StoreDamaged):
        store.apply([])
    store.close()
