"""``ja.start`` and ``open_jobs`` on a real file: jobs that outlive their script."""

from __future__ import annotations

import gc
import json
import os
import sqlite3
from contextlib import closing
from math import nan
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.hosts.notebook import notebook_path
from tests.engine.scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    """No system is left behind."""
    yield
    ja.stop(0)


def test_a_synchronous_program_keeps_its_jobs(tmp_path: Path) -> None:
    """Its results are there when it runs again."""
    store = tmp_path / "jobs.db"
    jobs = ja.start(store=store)
    job_id = jobs.submit(lambda: [1, 2]).id
    assert jobs.get(job_id).result(10) == [1, 2]
    ja.stop()
    jobs = ja.start(store=store)
    assert jobs.get(job_id).result(10) == [1, 2]
    assert jobs.store is not None
    assert jobs.store.name == str(store)


def test_a_script_keeps_nothing_unless_told_to() -> None:
    """No file appears unasked."""
    assert ja.start().store is None


def test_a_store_that_cannot_be_opened_is_an_error_of_start(tmp_path: Path) -> None:
    """Asked for by name, it is not replaced by memory."""
    bad = tmp_path / "jobs.db"
    bad.write_bytes(b"this is no database" * 1000)
    before = bad.read_bytes()
    with pytest.raises(ja.StoreDamaged, match=r"jobs\.db cannot be read"):
        ja.start(store=bad)
    assert bad.read_bytes() == before
    assert ja.start(store=None).submit(lambda: 1).result(10) == 1


def test_starting_again_with_the_same_store_returns_the_same_system(tmp_path: Path) -> None:
    """However its path is written; a first cell may be run twice."""
    path = tmp_path / "jobs.db"
    jobs = ja.start(store=ja.SqliteStore(path, durability="power", keep=ja.Keep(jobs=9)))
    assert ja.start() is jobs
    assert jobs is ja.start(
        store=ja.SqliteStore(str(path), durability="power", keep=ja.Keep(jobs=9))
    )
    ja.stop()
    jobs = ja.start(store=str(path))
    assert ja.start(store=path) is jobs
    assert ja.start(store=path.parent / "not" / ".." / "jobs.db") is jobs


def test_starting_again_with_another_store_is_refused(tmp_path: Path) -> None:
    """The error names the store and its settings."""
    path = tmp_path / "jobs.db"
    ja.start(store=path)
    with pytest.raises(ja.AlreadyStarted, match=r"store=<SqliteStore .*jobs\.db', open>, not None"):
        ja.start(store=None)
    with pytest.raises(ja.AlreadyStarted, match=r"open>, not <.*durability='power', closed>"):
        ja.start(store=ja.SqliteStore(path, durability="power"))
    with pytest.raises(ja.AlreadyStarted, match=r"open>, not <.*keep=Keep\(.*closed>"):
        ja.start(store=ja.SqliteStore(path, keep=ja.Keep(jobs=9)))
    with pytest.raises(ja.AlreadyStarted, match=r"not <SqliteStore .*other\.db"):
        ja.start(store=tmp_path / "other.db")
    with pytest.raises(ja.AlreadyStarted, match="not <MemoryStore"):
        ja.start(store=ja.MemoryStore())


def test_stores_in_the_same_file_are_equal(tmp_path: Path) -> None:
    """Open or not, if they have the same limits and durability."""
    path = tmp_path / "jobs.db"
    assert ja.SqliteStore(path) == ja.SqliteStore(str(path))
    assert len({ja.SqliteStore(path), ja.SqliteStore(str(path))}) == 1
    assert ja.SqliteStore(path) != ja.SqliteStore(path, durability="power")
    assert ja.SqliteStore(path) != ja.SqliteStore(tmp_path / "other.db")
    assert ja.SqliteStore(path) != path


@pytest.mark.parametrize(
    ("store", "kind", "cure"),
    [
        (ja.SqliteStore, TypeError, r"not the class SqliteStore.*ja\.SqliteStore\(path\)"),
        (ja.MemoryStore, TypeError, "not the class MemoryStore"),
        ("", ValueError, 'such as "jobs.db", or None'),
        (":memory:", ValueError, r"ja\.MemoryStore\(\)"),
        ("a\0b", ValueError, "NUL"),
        (3, TypeError, "a path, a store such as"),
    ],
)
async def test_a_store_that_is_none_is_refused_at_once(
    store: Any, kind: type[Exception], cure: str
) -> None:
    """The error names what to pass; nothing has been started."""
    with pytest.raises(kind, match=cure):
        ja.start(store=store)
    with pytest.raises(kind, match=cure):
        async with ja.open_jobs(store=store):
            pytest.fail("it was opened")


@pytest.mark.parametrize(
    ("patience", "kind"),
    [("x", TypeError), (True, TypeError), (None, TypeError), (-1, ValueError), (nan, ValueError)],
)
async def test_a_patience_that_makes_no_sense_is_refused(
    patience: Any, kind: type[Exception]
) -> None:
    """With a store or without one."""
    with pytest.raises(kind, match="patience is a number of seconds"):
        async with ja.open_jobs(patience=patience):
            pytest.fail("it was opened")


def test_adopting_needs_a_notebooks_own_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Anywhere else nothing would be adopted, unnoticed."""
    with pytest.raises(ValueError, match="leave store= out"):
        ja.start(store=tmp_path / "jobs.db", adopt=True)
    jobs = ja.start()
    with pytest.raises(ja.AlreadyStarted, match=r"adopt=False, not True.*ja\.stop\(\)"):
        ja.start(adopt=True)
    assert ja.start() is jobs
    ja.stop()
    jobs = ja.start(adopt=True)
    assert "serves no notebook" in caplog.text
    assert ja.start(adopt=True) is jobs


async def test_a_file_has_one_owner(tmp_path: Path) -> None:
    """The error of the second one names the owner, and its block never begins."""
    async with ja.open_jobs(store=tmp_path / "jobs.db"):
        with pytest.raises(ja.StoreBusy, match=f"process {os.getpid()}"):
            async with ja.open_jobs(store=tmp_path / "jobs.db"):
                pytest.fail("it was opened twice")


def test_a_script_that_ends_has_written_everything(tmp_path: Path) -> None:
    """Its last jobs included, which run after its main thread has ended."""
    store = tmp_path / "jobs.db"
    ended = run_script(f"""
        import threading
        import jobactors as ja
        jobs = ja.start(store={str(store)!r}, display=None)
        for n in range(3):
            jobs.submit(lambda n=n: threading.main_thread().join() or n)
    """)
    assert (ended.code, ended.errors) == (0, "")
    with closing(sqlite3.connect(store)) as db:
        states = [state for (state,) in db.execute("SELECT state FROM jobs")]
    assert states == ["succeeded"] * 3


async def test_a_row_can_name_no_function(tmp_path: Path) -> None:
    """A type is looked up among those registered, and nowhere else: nothing is imported or run."""
    store = tmp_path / "jobs.db"

    @ja.job("harmless")
    def harmless(command: str) -> str:
        return command

    async with ja.open_jobs(store=store) as jobs:
        job = jobs.options(hold=True).submit(harmless, "touch gone")
    spec = {"name": "evil", "type": "os.system", "subject": "", "options": "{}"}
    spec["arguments"] = json.dumps({"args": [f"touch {tmp_path}/gone"], "kwargs": {}, "jobs": []})
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE jobs SET type = 'os.system', spec = ?", (json.dumps(spec),))
    async with ja.open_jobs(store=store, recover="auto") as jobs:
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ja.NotResumable, match=r"'os\.system' is not registered"):
            jobs.get(job.id).resume()
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_writes_nothing(tmp_path: Path) -> None:
    """It gets a clear error, and the parent goes on."""
    jobs = ja.start(store=tmp_path / "jobs.db")
    jobs.submit(lambda: 1).result(10)
    child = os.fork()
    if child == 0:
        try:
            jobs.submit(lambda: 2)
        except ja.WrongProcess:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert jobs.submit(lambda: 3).result(10) == 3
    assert len(jobs.history()) == 2


def test_a_kernels_notebook_is_found_by_what_its_server_says(tmp_path: Path) -> None:
    """Only an existing notebook file is one; the editor's word goes before the server's."""
    notebook, other = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    for path in (notebook, other):
        path.write_text("{}")
    said = {"JPY_SESSION_NAME": str(notebook)}
    assert notebook_path(said, {}) == notebook
    assert notebook_path(said, {"__vsc_ipynb_file__": str(other)}) == other
    assert notebook_path({"JPY_SESSION_NAME": str(tmp_path / "Console 1")}, {}) is None
    assert notebook_path({"JPY_SESSION_NAME": str(tmp_path / "gone.ipynb")}, {}) is None
    assert notebook_path({}, {"__vsc_ipynb_file__": 3}) is None


@pytest.mark.parametrize("is_on", [True, False])
async def test_the_garbage_collector_is_after_an_opening_as_it_was(
    tmp_path: Path, is_on: bool
) -> None:
    """It is paused while jobs are loaded; a program may have turned it off itself."""
    was_on = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        async with ja.open_jobs(store=tmp_path / "jobs.db"):
            assert gc.isenabled() is is_on
    finally:
        (gc.enable if was_on else gc.disable)()
