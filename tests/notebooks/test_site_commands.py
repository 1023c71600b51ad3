# ruff: noqa: D103 (the name of a test is its sentence)
"""The commands over a web site: in their notebook, stopped politely, killed and started again."""

from __future__ import annotations

import json
import runpy
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import site_page
import site_work
import topics_site

import jobactors as ja
from tests.isolation import isolated_environment

from .executed import NOTEBOOKS, Executed, assert_is_kept_well, execute, loopback_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "06_commands_with_jobs.ipynb"
PAGES = len(topics_site.pages())

# Runs commands one after the other, and dies at a word of a report and a number.
PROGRAM = """
import json, os, signal, sys
import site_commands

word, number, commands = json.loads(sys.argv[1])

def show(current, total, message):
    if message.startswith(word) and current == number:
        os.kill(os.getpid(), signal.SIGKILL)
    before(current, total, message)

before, site_commands.show = site_commands.show, show
for command in commands:
    site_commands.app([*command, "--as-job"], standalone_mode=False)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Run the notebook."""
    return execute(NAME, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def found(page: Executed) -> Path:
    """The application's file after the notebook's run."""
    return page.folder / ".site" / "site.db"


@pytest.fixture
def site() -> Iterator[str]:
    """The address of the site."""
    with topics_site.serve() as server:
        yield server.address


def contents(database: Path) -> dict[str, Any]:
    """Everything that the commands have found, but for the vectors."""
    with closing(sqlite3.connect(database)) as db:
        return {
            "pages": db.execute("SELECT * FROM pages ORDER BY path").fetchall(),
            "passages": db.execute(
                "SELECT path, place, text FROM passages ORDER BY 1, 2"
            ).fetchall(),
            "suggestions": db.execute("SELECT * FROM suggestions ORDER BY 1, 2").fetchall(),
        }


def vectors(database: Path) -> Any:
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT vector FROM passages ORDER BY path, place").fetchall()
    return np.array([np.frombuffer(vector, "f4") for (vector,) in rows])


def test_the_notebook_is_kept_well_and_asks_for_no_address_but_its_own(page: Executed) -> None:
    assert_is_kept_well(NAME)
    assert page.refused == []
    assert page.said_on_standard_error == []


def test_commands_with_and_without_the_flag_do_the_same(page: Executed) -> None:
    assert "'cancelled': True, 'pages': 5" in page.text("plain")
    assert f'"pages": {PAGES}, "broken": ["/glossary.html"]' in page.text("rest")
    assert "succeeded" in page.text("flag")
    assert "'success': True" in page.text("flag-result")
    assert page.text("search").count("…") == 3
    assert "event: state" in page.text("stream")
    assert "<svg" in page.cells["map"].outputs[0].data["image/svg+xml"]


def test_a_command_that_is_cancelled_from_the_page_says_what_it_has_done(page: Executed) -> None:
    cancelled = page.text("cancel")
    assert "asked: 202" in cancelled
    assert '"cancelled": true' in cancelled
    assert "status 1" in cancelled
    assert f'"pages": {PAGES}' in page.text("again")
    assert page.text("history").count("scrape") == 2


def test_killed_in_every_phase_and_started_again_the_commands_come_to_the_same(
    found: Path, site: str, tmp_path: Path
) -> None:
    database, store = tmp_path / "site.db", tmp_path / "jobs.db"
    environ = isolated_environment(tmp_path) | loopback_only(tmp_path / "refused.txt")
    paths = {"SITE_DB": str(database), "JOBACTORS_STORE": str(store)}

    def run(word: str, number: int, *commands: str) -> int:
        asked = json.dumps([word, number, [each.split() for each in commands]])
        given = {**environ, **paths}
        program = [sys.executable, "-c", PROGRAM, asked]
        done = subprocess.run(program, cwd=NOTEBOOKS, env=given, check=False, capture_output=True)
        return done.returncode

    scrape = f"scrape {site}"
    assert run("", 40, scrape) == -9
    assert run("cutting", 30, scrape, "embed") == -9
    assert run("learning", 0, "embed") == -9
    assert run("embedding", 600, "embed") == -9
    assert run("/", 40, "embed", "discover") == -9
    assert run("nothing", 0, "discover") == 0
    assert contents(database) == contents(found)
    assert np.allclose(vectors(database), vectors(found), atol=1e-4)

    jobs = ja.start(store=store, display=None)
    stats = jobs.stats()
    ja.stop(0)
    assert (stats.interrupted, stats.cancelled, stats.succeeded) == (0, 5, 3)


class Stop:
    """A signal that is given once a function has looked so many times."""

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def is_set(self) -> bool:
        """Count one more look."""
        self._looks -= 1
        return self._looks < 0

    def wait(self, _: float | None = None) -> bool:
        """Look without waiting."""
        return self.is_set()


def test_told_to_stop_a_function_returns_and_goes_on_later(
    site: str, tmp_path: Path, found: Path
) -> None:
    database = tmp_path / "site.db"
    shutil.copy(found, database)
    functions: list[Callable[..., Any]] = [
        lambda again=True, **seams: site_work.scrape(database, site, again=again, **seams),
        lambda **seams: site_work.embed(database, **seams),
        lambda **seams: site_work.discover(database, **seams),
    ]
    with site_work.opened(database) as db, db:
        db.execute("UPDATE passages SET vector = NULL")
    for function in functions:
        told = function(signal=Stop(looks=3))
        assert (told["success"], told["cancelled"]) == (False, True)
        assert function(**({"again": False} if function is functions[0] else {}))["success"]
    assert contents(database) == contents(found)


def test_a_page_that_has_changed_is_cut_and_embedded_again(
    site: str,
    tmp_path: Path,
    found: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = tmp_path / "site.db"
    shutil.copy(found, database)
    words = "A sentence about elephants, which nothing else in this documentation is about."
    changed = topics_site.pages()["/del.html"].replace("</h1>", f"</h1><p>{words}</p>")
    monkeypatch.setitem(topics_site.pages(), "/del.html", changed)
    before = len(contents(database)["passages"])
    site_work.scrape(database, site, again=True)
    site_work.embed(database)
    answer = site_work.search(database, "elephants", 2)["found"]
    assert ("/del.html", words) in {(path, text) for path, _, text in answer}
    assert len(contents(database)["passages"]) == before + 1


def test_a_question_before_anything_is_embedded_says_what_to_do(tmp_path: Path) -> None:
    for ask in (lambda path: site_work.search(path, "words"), site_work.discover):
        with pytest.raises(LookupError, match="run embed first"):
            ask(tmp_path / "site.db")


@pytest.mark.parametrize(
    ("command", "cure"),
    [
        (["embed"], "no page with text was read yet: run scrape first"),
        (["search", "words"], "nothing is embedded yet: run embed first"),
        (["scrape", "http://127.0.0.1:9/"], "Connection refused"),
        (["embed", "--db", "missing/site.db"], "unable to open database file"),
        (["embed", "--as-job"], "is no SQLite database): it is left as it is; restore a copy"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_cannot_work_says_why_in_one_line(
    command: list[str], cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "jobs.db"
    store.write_text("These are no jobs.")
    monkeypatch.setenv("JOBACTORS_STORE", str(store))
    said = str(called(command, tmp_path, monkeypatch))
    assert said.startswith("site_commands: ")
    assert cure in said
    assert "\n" not in said


def test_a_port_that_is_none_is_a_wrong_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(["web", "--port", "65536"], tmp_path, monkeypatch) == 2
    assert "Invalid value for '--port'" in capsys.readouterr().err


def called(command: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Call the program in a folder; return with what it exits."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["site_commands.py", *command])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(NOTEBOOKS / "site_commands.py"), run_name="__main__")
    return ended.value.code


async def test_a_button_of_the_page_that_is_pressed_twice_starts_one_job(tmp_path: Path) -> None:
    async with ja.open_jobs() as jobs:
        site_page.application(jobs, tmp_path / "site.db")
        jobs.hold_dispatch()
        for kind in ("embed", "discover"):
            first, second = jobs.submit(kind), jobs.submit(kind)
            assert (second.id, second.is_new) == (first.id, False)
        jobs.select().cancel()


def test_only_a_web_site_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"begins with http:// or https://, not 'file:"):
        site_work.scrape(tmp_path / "site.db", f"file://{tmp_path}/")
    assert list(tmp_path.iterdir()) == []
