"""One process at a time writes a file, and every end of it releases the file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import jobactors as ja
from jobactors.stores import ownership
from jobactors.stores.failures import from_sqlite
from tests.stores.samples import event, job, put
from tests.stores.scripts import running

if TYPE_CHECKING:
    from collections.abc import Iterator

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX locks and fork")

OWNER = """
store = ja.SqliteStore(path)
store.open()
store.apply([put("a")])
say("open")
wait()
store.apply([put("b")])
store.close()
say("closed")
wait()
"""

OPENER = """
try:
    say("epoch", ja.SqliteStore(path).open())
except ja.StoreBusy as exc:
    say(exc)
os._exit(0)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the store."""
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[ja.SqliteStore]:
    """An open store."""
    store = ja.SqliteStore(path)
    store.open()
    yield store
    store.close()


def open_elsewhere(path: Path) -> str:
    """Return the answer that another process gets when it opens the store."""
    with running(OPENER, path) as opener:
        return opener.hear()


def kept(path: Path) -> list[str]:
    """Open the store in this process, and return the ids of its unfinished jobs."""
    store = ja.SqliteStore(path)
    store.open()
    try:
        return [row.id for row in store.unfinished()]
    finally:
        store.close()


# --- who owns it ------------------------------------------------------------------------------


def test_another_process_learns_who_owns_it(store: ja.SqliteStore, path: Path) -> None:
    """Its number, its program, since when, and what to do about it."""
    told = open_elsewhere(path)
    assert f"belongs to process {os.getpid()} (" in told
    assert ", since 20" in told
    assert told.endswith("end that first, wait for it, or open another file")


def test_another_store_in_this_process_is_busy_too(store: ja.SqliteStore, path: Path) -> None:
    """And asking does not lose the lock, which a second look at its file would."""
    for _ in range(3):
        with pytest.raises(ja.StoreBusy, match="another job system in this process"):
            ja.SqliteStore(path).open()
    assert "belongs to" in open_elsewhere(path)


def test_a_file_has_one_owner_whatever_it_is_called(
    store: ja.SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative, through a link to it, through a link to its folder."""
    monkeypatch.chdir(path.parent)
    link, folder = path.with_name("link.db"), path.parent / "folder"
    link.symlink_to(path)
    folder.symlink_to(path.parent, target_is_directory=True)
    for name in (Path("jobs.db"), link, folder / "jobs.db", path.parent / "x" / ".." / "jobs.db"):
        with pytest.raises(ja.StoreBusy):
            ja.SqliteStore(name).open()


def test_a_hard_link_to_a_store_in_use_is_busy(
    store: ja.SqliteStore, path: Path, tmp_path: Path
) -> None:
    """It is the same file, whatever lock would lie beside its other name."""
    link = tmp_path / "link.db"
    link.hardlink_to(path)
    with pytest.raises(ja.StoreBusy, match="another job system in this process"):
        ja.SqliteStore(link).open()
    assert not Path(f"{link}.lock").exists()
    store.apply([])


def test_a_hard_link_to_a_store_in_use_elsewhere_says_what_to_do(path: Path) -> None:
    """Another process cannot be seen behind it; what SQLite stumbles over is put in words."""
    short = sqlite3.OperationalError("disk I/O error")
    short.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHORT_READ
    said = str(from_sqlite(str(path), short))
    assert "if it is in use under another name (a hard link, a mount), open it by that" in said


def test_a_store_that_is_open_is_not_opened_again(store: ja.SqliteStore) -> None:
    """It stays open."""
    with pytest.raises(ja.StoreFailed, match="open already"):
        store.open()
    store.apply([put("a")])


def test_it_is_free_as_soon_as_it_is_closed(store: ja.SqliteStore, path: Path) -> None:
    """The next owner has the next epoch."""
    store.close()
    assert open_elsewhere(path) == "epoch 2"
    assert store.open() == 3


def test_what_could_not_be_opened_is_not_owned(path: Path) -> None:
    """A refusal lets go of what was taken on the way to it."""
    path.write_text("no database at all, but long enough to look like one" * 100)
    store = ja.SqliteStore(path)
    for _ in range(2):
        with pytest.raises(ja.StoreDamaged):
            store.open()
    path.unlink()
    assert open_elsewhere(path) == "epoch 1"


HOSTILE = {
    "nothing": (b"", "another process"),
    "a novel": (b"x" * 100_000, "x" * 200),
    "commands to the terminal": (b"\x1b[2Jpid 1\x07\r\n\nroot", "[2Jpid 1 root"),
    "no text": (b"\xff\xfe\x00 8", "\ufffd\ufffd 8"),
}


@POSIX
@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_what_the_owner_says_is_not_believed(path: Path, text: bytes, shown: str) -> None:
    """One line, cut, without anything a terminal would obey: it may be forged."""
    with running(OWNER, path) as owner:
        assert owner.hear() == "open"
        Path(f"{path}.lock").write_bytes(text)
        with pytest.raises(ja.StoreBusy) as caught:
            ja.SqliteStore(path).open()
    assert caught.value.owner == shown


# --- how it is let go -------------------------------------------------------------------------


def test_kill_9_frees_it_at_once(path: Path) -> None:
    """Every acknowledged write is there."""
    with running(OWNER, path) as owner:
        assert owner.hear() == "open"
        with pytest.raises(ja.StoreBusy, match=f"process {owner.pid} "):
            kept(path)
        owner.kill()
        assert kept(path) == ["a"]


@POSIX
def test_a_forked_child_does_not_keep_it(path: Path) -> None:
    """Such as a worker of a data loader that outlives the kernel."""
    with running(f"{FORKING}\nwait()", path) as owner:
        child = int(owner.hear())
        owner.kill()
        try:
            os.kill(child, 0)  # still there
            assert kept(path) == ["a"]
        finally:
            os.kill(child, 9)


FORKING = """
store = ja.SqliteStore(path)
store.open()
store.apply([put("a")])
read, write = os.pipe()
if (child := os.fork()) == 0:
    os.read(read, 1)
    os._exit(0)
say(child)
"""


@POSIX
def test_nothing_a_forked_child_does_harms_the_parent(path: Path) -> None:
    """It gets an error, closes its inherited connection, cannot open the file, and ends."""
    source = """
    store = ja.SqliteStore(path)
    store.open()
    if os.fork() == 0:
        try:
            store.apply([put("x")])
        except ja.WrongProcess:
            say("wrong process")
        store.close()
        try:
            store.open()
        except ja.StoreBusy as exc:
            say(exc.owner.split(" (")[0])
        sys.exit()  # with all that happens at the end of a Python process
    os.wait()
    say(os.getpid())
    wait()
    store.apply([put("a")])
    say("written")
    wait()
    """
    with running(source, path) as owner:
        assert owner.hear() == "wrong process"
        assert owner.hear() == f"process {owner.pid}"
        assert owner.hear() == f"{owner.pid}"
        assert "belongs to" in open_elsewhere(path)
        owner.tell()
        assert owner.hear() == "written"
        assert "belongs to" in open_elsewhere(path)
        owner.kill()
    assert kept(path) == ["a"]


@POSIX
def test_the_lock_file_stays(store: ja.SqliteStore, path: Path) -> None:
    """A new one of the same name would be another lock."""
    before = Path(f"{path}.lock").stat().st_ino
    store.close()
    store.open()
    assert Path(f"{path}.lock").stat().st_ino == before


# --- the owner's own mistakes -----------------------------------------------------------------


@POSIX
def test_opening_and_closing_the_file_in_the_owner_does_not_lose_it(
    store: ja.SqliteStore, path: Path
) -> None:
    """A user looks at it, copies it, asks SQLite about it: SQLite's own locks are gone then."""
    store.apply([put("a")])
    path.open("rb").close()
    shutil.copy(path, path.with_name("copy.db"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT * FROM jobs").fetchall()
    assert "belongs to" in open_elsewhere(path)
    store.apply([put("b")])
    assert [row.id for row in store.unfinished()] == ["a", "b"]


@POSIX
def test_nothing_is_lost_when_another_program_takes_the_log_away(
    store: ja.SqliteStore, path: Path
) -> None:
    """SQLite does that when it takes itself for the last one, which it does after the above."""
    store.apply([put("a"), event("a")])
    path.open("rb").close()
    look = "import sqlite3; c = sqlite3.connect(path); say(*c.execute('SELECT id FROM jobs')); "
    with running(look + "c.close(); say('closed')", path) as other:
        assert other.hear() == "('a',)"
        assert other.hear() == "closed"
    assert not Path(f"{path}-wal").exists()
    store.apply([put("b"), event("a")])
    assert [row.id for row in store.unfinished()] == ["a", "b"]
    with running(look + "wait()", path) as other:  # and it is in the file, not in what is gone
        assert other.hear() == "('a',) ('b',)"
    store.close()
    assert kept(path) == ["a", "b"]


def test_it_is_said_when_the_file_is_gone(
    store: ja.SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of writing to a file that has no name any more."""
    monkeypatch.setattr("jobactors.stores.open_files.LOOK_EVERY", 0.0)
    store.apply([put("a")])
    away = path.rename(path.with_name("away.db"))
    with pytest.raises(ja.StoreFailed, match=r"moved, replaced or deleted.*put it back"):
        store.apply([put("b")])
    away.rename(path)
    store.apply([put("b")])
    assert [row.id for row in store.unfinished()] == ["a", "b"]


@POSIX
@pytest.mark.parametrize("kept_part", [0.0, 0.3, 0.9])
def test_a_log_that_was_cut_is_noticed_before_anything_more_is_lost(
    store: ja.SqliteStore, path: Path, kept_part: float
) -> None:
    """What stood before the cut is there again when the store is opened anew."""
    written = [f"job {number}" for number in range(40)]
    for job_id in written:
        store.apply([put(job_id)])
    log = Path(f"{path}-wal")
    os.truncate(log, int(log.stat().st_size * kept_part))
    for _ in range(2):
        with pytest.raises(ja.StoreFailed, match="its log was cut by another program"):
            store.apply([put("lost")])
    store.close()
    found = kept(path)
    assert found == written[: len(found)]
    assert (len(found) > 0) is (kept_part > 0)


@POSIX
def test_a_log_that_another_program_has_written_back_is_not_cut(
    store: ja.SqliteStore, path: Path
) -> None:
    """A person may empty it by hand: nothing is lost."""
    store.apply([put("a")])
    empty = "import sqlite3; c = sqlite3.connect(path); "
    empty += "say(*c.execute('PRAGMA wal_checkpoint(TRUNCATE)')); wait()"
    with running(empty, path) as other:
        assert other.hear() == "(0, 0, 0)"
        assert Path(f"{path}-wal").stat().st_size == 0
        store.apply([put("b")])
    store.close()
    assert kept(path) == ["a", "b"]


@POSIX
def test_an_owner_whose_lock_was_removed_learns_that_it_is_not_any_more(
    store: ja.SqliteStore, path: Path
) -> None:
    """A person deletes the lock file and opens the store elsewhere: the older writes no more."""
    store.apply([put("a")])
    Path(f"{path}.lock").unlink()
    with running(OWNER.replace('put("a")', 'put("c")'), path) as other:
        assert other.hear() == "open"
        for write in (lambda: store.apply([put("x")]), lambda: store.prune(0), store.vacuum):
            with pytest.raises(ja.StoreLost, match="taken over"):
                write()
        assert [row.id for row in store.unfinished()] == ["a", "c"]
        other.tell()
        assert other.hear() == "closed"
    store.close()
    assert kept(path) == ["a", "c", "b"]


# --- patience ---------------------------------------------------------------------------------


def test_without_patience_the_answer_comes_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without patience there is no sleep."""
    monkeypatch.setattr("jobactors.stores.ownership.time.sleep", pytest.fail)
    with running(OWNER, path) as owner:
        assert owner.hear() == "open"
        with pytest.raises(ja.StoreBusy):
            ja.SqliteStore(path).open()


def test_patience_waits_for_a_predecessor_that_closes(path: Path) -> None:
    """As a restarted kernel waits for the one before; what that wrote last is there."""
    polled = threading.Event()
    with running(OWNER, path) as owner, pytest.MonkeyPatch.context() as patch:
        assert owner.hear() == "open"
        patch.setattr("jobactors.stores.ownership.time.sleep", lambda _: polled.set())
        store = ja.SqliteStore(path)
        opening = threading.Thread(target=store.open, args=(60.0,))
        opening.start()
        assert polled.wait(60)
        owner.tell()
        opening.join(60)
        assert [row.id for row in store.unfinished()] == ["a", "b"]
        store.close()


def test_patience_waits_for_a_predecessor_that_is_killed(path: Path) -> None:
    """The wait is for the lock, not for the text in its file."""
    with running(OWNER, path) as owner, pytest.MonkeyPatch.context() as patch:
        assert owner.hear() == "open"
        patch.setattr("jobactors.stores.ownership.time.sleep", lambda _: owner.kill())
        store = ja.SqliteStore(path)
        store.open(patience=60.0)
        assert store.unfinished() == [job("a")]
        store.close()


def test_patience_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that was given, with a last try."""
    clock = iter(range(100))
    slept: list[float] = []
    monkeypatch.setattr("jobactors.stores.ownership.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("jobactors.stores.ownership.time.sleep", slept.append)
    taken = ownership.acquire(path)
    with pytest.raises(ja.StoreBusy):
        ownership.acquire(path, patience=5.0)
    taken.release()
    assert len(slept) == 4
