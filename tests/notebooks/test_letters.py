# ruff: noqa: D103 (the name of a test is its sentence)
"""The seventh notebook writes letters whose jobs go on when their page is left."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import letter_desk
import pytest

from tests.notebooks.executed import (
    Executed,
    assert_is_kept_well,
    cells_of,
    copied,
    execute,
    start_program,
)

NOTEBOOK = "07_letters_and_research.ipynb"
DATABASE = ".letters/letters.db"

NO_MODEL_ANSWERS_YET = """
import threading, time
answers, writes = threading.Event(), letter_desk.generate
def waits(prompt):
    answers.wait()
    return writes(prompt)
letter_desk.generate = waits
"""
MODEL_ANSWERS = """
letter_desk.generate = writes
answers.set()
"""
SIDE_COUNTS = """
while not desk.side.value.startswith("3 jobs running"):
    time.sleep(0.05)
print(desk.side.value)
print(desk.line("letter"))
"""
SIDE_IS_EMPTY = """
while desk.side.value:
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Run the notebook; the model answers once all that is about running jobs has been shown."""
    after = {
        "begin": "letter_desk.THINKING_SECONDS = 0.1",
        "types": NO_MODEL_ANSWERS_YET,
        "back": SIDE_COUNTS,
        "twice": MODEL_ANSWERS,
        "recovered": SIDE_IS_EMPTY,
    }
    return execute(NOTEBOOK, tmp_path_factory.mktemp("letters"), after)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in thinks for no time."""
    monkeypatch.setattr(letter_desk, "THINKING_SECONDS", 0.0)


def contents(database: Path) -> dict[str, dict[str, str]]:
    """Return the application's own tables."""
    with closing(sqlite3.connect(database)) as db:
        return {
            table: dict(db.execute(f"SELECT * FROM {table} ORDER BY company"))  # noqa: S608
            for table in ("research", "letters")
        }


def test_the_notebook_is_kept_in_short_cells_without_outputs() -> None:
    assert_is_kept_well(NOTEBOOK)


def test_it_reaches_no_other_machine_and_says_nothing_on_the_standard_error(
    executed: Executed,
) -> None:
    assert (executed.refused, executed.said_on_standard_error) == ([], [])


def test_a_page_that_comes_back_finds_the_work_of_the_last_one(executed: Executed) -> None:
    assert executed.text("back") == "research is at work\nletter is at work\n"
    said = executed.text("after-back")
    assert said.startswith("3 jobs running<br>research · Delta Air Lines Inc. · running<br>")
    assert "letter · United Air Lines Inc. · running" in said


def test_a_second_submit_is_the_job_that_is_there(executed: Executed) -> None:
    assert executed.text("twice") == "True False\n"


@pytest.mark.usefixtures("_quick")
def test_the_results_are_in_the_applications_own_tables(executed: Executed, tmp_path: Path) -> None:
    """The same as from the plain functions."""
    plain = tmp_path / "plain.db"
    letter_desk.research_company(str(plain), "DL")
    for company in ("HA", "DL", "UA", "AA"):
        letter_desk.write_letter(str(plain), company)
    assert contents(executed.folder / DATABASE) == contents(plain)
    assert "left New York 48,110 times in 2013" in executed.text("results")


def test_a_failure_is_shown_at_its_button_which_can_be_pressed_again(executed: Executed) -> None:
    assert executed.text("failed") == "ConnectionError('no model answers')\n"
    assert executed.text("error") == "'ConnectionError: no model answers'"
    assert executed.text("recovered").startswith("Dear people of American Airlines Inc.,")
    assert "5 jobs: 1 failed · 4 succeeded" in executed.text("board")


def test_a_company_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(letter_desk.NoSuchCompany, match=r"no company 'XX'; there are 9E, AA, AS"):
        letter_desk.write_letter("letters.db", "XX")


# -- killed, and resumed

PROGRAM = """\
import sys, threading, time
from contextlib import contextmanager
cells = {cells!r}
exec(cells["begin"].replace("start()", "start(store='jobs')"))
exec(cells["types"])
letter_desk.THINKING_SECONDS = 0
interrupted, company, phase = sys.argv[1:]
desk = Desk(jobs, database, interrupted or company)
if interrupted:
    for kind in ["research", "letter"]:
        desk.button(kind).click()  # it asks what to do with what was interrupted
        question = desk.launchers[kind].question
        print(kind, question.layout.display, question.children[0].description, desk.line(kind))
        question.children[0].click()
        jobs.latest(kind, letter_desk.companies()[interrupted]).result({seconds})
if not company:
    sys.exit()
flights_of, opened = letter_desk._flights_of, letter_desk.opened

all_begun = threading.Event()

def hold(*_):
    all_begun.wait()
    print("held", flush=True)
    sys.stdin.read()

def some_flights(company):
    for number, flight in enumerate(flights_of(company)):
        if number == 20:
            hold()
        yield flight

@contextmanager
def at_commit(database):
    with opened(database) as connection:
        connection.set_trace_callback(lambda sql: hold() if sql.startswith("COMMIT") else None)
        yield connection

if phase == "facts":
    letter_desk._flights_of = some_flights
elif phase == "text":
    letter_desk.generate = hold
elif phase == "table":
    letter_desk.opened = at_commit
desk.open(company)
for kind in ["research", "letter"]:
    desk.button(kind).click()
all_begun.set()
sys.stdin.read()
"""


def run(folder: Path, interrupted: str, company: str, phase: str) -> str:
    """Run the cells in a process: what was interrupted is resumed, another company begun.

    It is killed where that one is held.
    """
    code = PROGRAM.format(cells=cells_of(NOTEBOOK), seconds=60)
    with start_program(code, folder, interrupted, company, phase) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line == "held\n":
                process.kill()
    return said


@pytest.mark.usefixtures("_quick")
def test_killed_in_the_middle_of_every_phase_it_comes_to_the_same(tmp_path: Path) -> None:
    """The page of the next day asks at each button, and goes on."""
    work = copied(NOTEBOOK, tmp_path / "work").parent
    plain = tmp_path / "plain.db"
    interrupted = ""
    for company, phase in [("HA", "facts"), ("YV", "text"), ("OO", "table"), ("", "")]:
        said = run(work, interrupted, company, phase)
        if interrupted:
            assert "research None Resume interrupted" in said
            assert "letter None Resume interrupted" in said
        if company:
            assert "held\n" in said
            assert company not in contents(work / DATABASE)["letters"]
            letter_desk.research_company(str(plain), company)
            letter_desk.write_letter(str(plain), company)
        interrupted = company
    assert contents(work / DATABASE) == contents(plain)
    assert not (work / "refused.txt").exists()
