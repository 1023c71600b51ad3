"""``ja.start`` and ``open_jobs`` on a real file: scripts that keep their jobs."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio

import jobactors as ja
from jobactors.hosts.notebook import notebook_path
from tests.engine.scripts import run_script


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    """No system is left behind."""
    yield
    ja.stop(0)


def test_a_synchronous_program_keeps_its_jobs(tmp_path: Path) -> None:
    """What it has computed is there when it runs again."""
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
    """No file appears that nobody has asked for."""
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


async def test_a_file_has_one_owner(tmp_path: Path) -> None:
    """The second one is told who it is, and its block never begins."""
    async with ja.open_jobs(store=tmp_path / "jobs.db"):
        with pytest.raises(ja.StoreBusy, match=f"process {os.getpid()}"):
            async with ja.open_jobs(store=tmp_path / "jobs.db"):
                pytest.fail("it was opened twice")


def test_a_script_that_ends_has_written_everything(tmp_path: Path) -> None:
    """Its last jobs included, which run after its main thread has ended."""
    store = tmp_path / "jobs.db"
    ended = run_script(f"""
        import time
        import jobactors as ja
        jobs = ja.start(store={str(store)!r}, display=None)
        for n in range(3):
            jobs.submit(lambda n=n: time.sleep(0.1) or n)
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
