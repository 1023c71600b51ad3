# ruff: noqa: D103 (the name of a test is its sentence)
"""The task manager: in its notebook; killed in the middle of every task, and resumed."""

from __future__ import annotations

import ast
import os
import re
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import goal_loop
import pytest
import task_office
import task_work

from tests.kernel.client import run_kernel

from .executed import (
    LONGEST_SECONDS,
    Executed,
    assert_is_kept_well,
    cells_of,
    copied,
    execute,
    loopback_only,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.client import Kernel

NAME = "08_task_manager.ipynb"
CELLS = cells_of(NAME)

# Each task stands still in its middle; when all of them do, the kernel is killed.
STAND_STILL = """
import os, threading
import jobactors as ja

middle = {"analyse": 40, "pack": 40, "sync": 50, "index code": 40, "goal": 10}
arrived, all_there, before = set(), threading.Event(), ja.progress

def progress(done=None, *more, **words):
    before(done, *more, **words)
    kind = ja.current_job().type
    if done is not None and done >= middle[kind]:
        arrived.add(kind)
        if arrived == awaited:
            all_there.set()
        threading.Event().wait()

ja.progress = progress
"""
UNTIL_THERE = """
assert all_there.wait(200), arrived
print(os.getpid())
"""
SUBMIT_GOAL = """
goal = jobs.options(after=[tasks[-1]]).submit("goal", {"database": database, "goal": "urlopen"})
goal.stored().result()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Run the notebook, and its first cell once more, as one does who runs all of it again."""
    return execute(NAME, tmp_path_factory.mktemp("tasks"), {"start": CELLS["start"]})


def test_the_notebook_is_kept_well_and_asks_for_no_address_but_its_own(page: Executed) -> None:
    assert_is_kept_well(NAME)
    assert page.refused == []
    assert page.said_on_standard_error == []


def test_tasks_run_by_priority_and_leave_what_they_find_in_tables(page: Executed) -> None:
    before, after = page.text("queue").strip().split("\n")
    assert before == "['index code', 'pack', 'sync', 'analyse']"
    assert after == "['analyse', 'index code', 'pack', 'sync']"
    results = page.text("results")
    assert f"pack {{'files': {len(task_work.modules())}, " in results
    assert "'failed': {'no_such_file.py': 'No such file or directory'}" in results
    assert f"sync {{'reports': {task_office.REPORTS}, 'orders': 10}}" in results
    assert "open_connection" in page.text("find")
    packed = page.folder / ".tasks" / "packed"
    assert len(list(packed.iterdir())) == len(task_work.modules())


def test_the_goal_is_pursued_step_by_step_paused_told_things_and_reached(page: Executed) -> None:
    events = page.text("events")
    assert '"step": 1, "name": "open_connection", "because": "the goal"' in events
    assert "'because': " in events  # the answer to the question
    assert re.match(r"paused after \d+ steps", page.text("pause"))
    assert re.match(r"\d+ steps, and [1-9]\d* functions", page.text("resume"))  # told enough
    with closing(sqlite3.connect(page.folder / ".tasks" / "tasks.db")) as db:
        told = db.execute("SELECT because FROM steps WHERE name = 'start_server'").fetchall()
    assert told == [("it was asked for",)]


def test_templates_schedules_and_statistics_are_on_one_board(page: Executed) -> None:
    assert "index json" in page.text("template")
    assert "sync with the office" in page.text("schedule")
    for kind in ("analyse", "goal", "index code", "pack", "sync"):
        assert kind in page.text("metrics")
    # Each of the jobs, and their number; one more is the schedule's, if an hour has just begun.
    assert page.text("board").count("succeeded") >= 8


def contents(database: Path) -> dict[str, Any]:
    """Everything that the tasks have found."""
    tables = {
        "modules": "*",
        "packed": "*",
        "outbox": "number, sent IS NOT NULL",
        "symbols": "path, name, line, about, calls",
        "steps": "*",
    }
    with closing(sqlite3.connect(database)) as db:
        found = {
            table: sorted(db.execute(f"SELECT {columns} FROM {table}"), key=repr)  # noqa: S608
            for table, columns in tables.items()
        }
        reports = "SELECT subject, state FROM reports WHERE subject LIKE 'report %' ORDER BY 1"
        return {**found, "reports": db.execute(reports).fetchall()}


def undisturbed(database: Path, office: task_office.Office) -> dict[str, Any]:
    """Call the functions as they are; return what they have found."""
    seams: dict[str, Any] = {"progress": lambda *_: None, "check": lambda: None}
    paths = task_work.modules()
    with task_work.opened(database) as db, db:
        db.executemany("INSERT INTO outbox (number) VALUES (?)", [(n,) for n in range(10)])
    task_work.analyse(database, paths, **seams)
    folder = database.parent / "packed"
    task_work.pack(database, [*paths, "no_such_file.py"], folder, **seams)
    task_work.sync(database, office.address, office.token, **seams)
    task_work.index_code(database, paths, **seams)
    quiet: Any = lambda *_: ()  # noqa: E731
    goal_loop.pursue(database, "urlopen", emit=quiet, hear=quiet, check=quiet, save=quiet)
    return contents(database)


@contextmanager
def kernel_in(path: Path, folder: Path) -> Iterator[Kernel]:
    """A kernel that has run the first cell."""
    env = loopback_only(folder / "refused.txt")
    env["PYTHONPATH"] = os.pathsep.join([str(path.parent), env["PYTHONPATH"]])
    with run_kernel(folder, env=env) as kernel:
        kernel.run(CELLS["start"])
        yield kernel


def test_killed_in_the_middle_of_every_task_and_resumed_they_come_to_the_same(
    tmp_path: Path,
) -> None:
    path = copied(NAME, tmp_path / "work")
    with kernel_in(path, tmp_path) as kernel:
        kernel.run(STAND_STILL + "awaited = {'analyse', 'pack', 'sync', 'index code'}")
        kernel.run("jobs.scale(8)")
        kernel.run(CELLS["arguments"])
        kernel.run(f"{CELLS['submit']}\n{SUBMIT_GOAL}\njobs.release_dispatch()")
        os.kill(int(kernel.run(UNTIL_THERE, LONGEST_SECONDS).stdout), signal.SIGKILL)
    with kernel_in(path, tmp_path) as kernel:
        kernel.run(STAND_STILL + "awaited = {'goal'}")
        kernel.run("middle = dict.fromkeys(middle, float('inf')) | {'goal': 10}")
        left = kernel.run(CELLS["left"]).stdout
        assert left.count(": interrupted") == 5, left  # the goal, which waits for the index, too
        os.kill(int(kernel.run(UNTIL_THERE, LONGEST_SECONDS).stdout), signal.SIGKILL)
    with kernel_in(path, tmp_path) as kernel:
        left = kernel.run(CELLS["left"]).stdout
        assert "goal: interrupted" in left
        kernel.run("for job in jobs: job.result(200)", LONGEST_SECONDS)
        assert "'left': []" in kernel.run("print(jobs.latest('goal').result())").stdout
        kernel.run(CELLS["arguments"])
        kernel.run(
            "jobs.submit('sync', {'database': database, 'office': there}).result(200)",
            LONGEST_SECONDS,
        )

    database = path.parent / ".tasks" / "tasks.db"
    office = task_office.open_office(tmp_path / "other")
    assert contents(database) == undisturbed(tmp_path / "tasks.db", office)
    office.close()
    with closing(sqlite3.connect(database)) as db:
        orders = db.execute("SELECT count(*) FROM reports WHERE subject LIKE 'order %'").fetchone()
    assert orders == (10,)  # what the office was sent, each once


def test_a_module_is_parsed_again_when_another_thread_has_disturbed_the_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, disturbances = ast.parse, ["once", "and once more"]

    def parse_beside_another(*given: Any, **words: Any) -> Any:
        if disturbances:
            disturbances.pop()
            raise SystemError("AST constructor recursion depth mismatch (before=57, after=46)")
        return parse(*given, **words)

    paths = task_work.modules(["json"])
    seams: dict[str, Any] = {"progress": print, "check": lambda: None}
    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", parse_beside_another)
        found = task_work.index_code(tmp_path / "tasks.db", paths, **seams)
        assert task_work.analyse(tmp_path / "tasks.db", paths, **seams)["lines"]
    assert found["modules"] == len(paths)
    assert not disturbances


def test_two_runs_at_once_find_what_one_would(tmp_path: Path) -> None:
    """Each module is read by both, before either has written it down."""
    database, paths = tmp_path / "tasks.db", task_work.modules(["json"])
    step = threading.Barrier(2)

    def wait(done: float, *_: object) -> None:
        if done < len(paths):
            step.wait(60)

    for function in (task_work.analyse, task_work.index_code):
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(function, database, paths, progress=wait, check=lambda: None)
                for _ in range(2)
            ]
        assert runs[0].result().keys() == runs[1].result().keys()
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM modules").fetchone() == (len(paths),)
        found = "SELECT count(*), count(DISTINCT path || name || line) FROM symbols"
        assert len(set(db.execute(found).fetchone())) == 1


def test_a_loop_that_is_told_nonsense_says_what_it_understands(tmp_path: Path) -> None:
    quiet: Any = lambda *_: ()  # noqa: E731
    with pytest.raises(ValueError, match="skip, also, depth or enough"):
        goal_loop.pursue(
            tmp_path / "tasks.db",
            "a",
            emit=quiet,
            hear=lambda: [{"stop": 1}],
            check=quiet,
            save=quiet,
        )


def test_a_loop_that_is_told_enough_ends(tmp_path: Path) -> None:
    quiet: Any = lambda *_: ()  # noqa: E731
    told = goal_loop.pursue(
        tmp_path / "tasks.db",
        "a",
        emit=quiet,
        hear=lambda: [{"enough": True}],
        check=quiet,
        save=quiet,
    )
    assert told == {"steps": 0, "left": ["a"]}
