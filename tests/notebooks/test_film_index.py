# ruff: noqa: D103 (the name of a test is its sentence)
"""The second notebook builds an index of real films; killed in the middle, it comes to the same."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import film_index
import nbformat
import pytest
from nbclient import NotebookClient
from sample_tables import movies_db

from tests.kernel.client import Kernel, run_kernel

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NOTEBOOK = NOTEBOOKS / "02_work_that_survives.ipynb"


def copied(folder: Path) -> Path:
    """Copy the notebook and what it imports into a folder; returns its path there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [NOTEBOOK, *NOTEBOOKS.glob("*.py")]:
        shutil.copy(path, folder)
    return folder / NOTEBOOK.name


def cells_of(path: Path) -> dict[str, Any]:
    """Return the cells of a notebook by their names."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return {cell.id: cell for cell in notebook.cells}


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run the notebook; returns its folder and its cells."""
    path = copied(tmp_path_factory.mktemp("films"))
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=120, resources=where).execute()
    return path.parent, {cell.id: cell for cell in notebook.cells}


def text_of(cell: Any) -> str:
    """Return the text that a reader without widgets sees below a cell."""
    return "\n".join(
        output["text"] if output.output_type == "stream" else output.data.get("text/plain", "")
        for output in cell.outputs
    )


def contents(index: Path) -> dict[str, Any]:
    """Everything that an index holds."""
    with closing(sqlite3.connect(index)) as db:
        return {
            table: db.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608
            for table, columns in {
                "films": "*",
                "texts": "rowid, title, people, about",
                "vectors": "id, vector",
                "tags": "kind, tag, films",
            }.items()
        }


def test_every_phase_is_completed_and_three_films_are_named(
    executed: tuple[Path, dict[str, Any]],
) -> None:
    said = text_of(executed[1]["result"])
    assert "Metadata  completed  17472\n" in said
    assert "Index  completed  17469  Don't Think: film_index.FilmError" in said
    assert said.count("it comes from nowhere") == 3


def test_the_index_finds_films(executed: tuple[Path, dict[str, Any]]) -> None:
    index = executed[0] / ".films" / "index.db"
    assert film_index.search(index, "godfather coppola", 1) == [("The Godfather", 1972)]
    assert film_index.like(index, "Lawrense of Arabia", 1) == [("Lawrence of Arabia", 1962)]


def test_a_chain_in_the_wrong_order_is_told_so(executed: tuple[Path, dict[str, Any]]) -> None:
    assert "'Metadata' has to come before it" in text_of(executed[1]["check"])


def test_a_job_that_stumbled_goes_on_from_its_checkpoint(
    executed: tuple[Path, dict[str, Any]],
) -> None:
    assert "RuntimeError('stumbled')" in text_of(executed[1]["own"])
    assert "'began at 700, the sum is 499500'" in text_of(executed[1]["own"])


@contextmanager
def kernel_of(path: Path, home: Path) -> Iterator[Kernel]:
    env = {"JPY_SESSION_NAME": str(path), "PYTHONPATH": str(path.parent)}
    with run_kernel(home, env=env) as kernel:
        yield kernel


UNTIL_IN_THE_MIDDLE = """
import time
while "Index" not in job.snapshot().progress.stages or job.snapshot().progress.fraction < 0.4:
    time.sleep(0.01)
import os; print(os.getpid())
"""


def test_killed_in_the_middle_it_comes_to_the_same_index(
    executed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path = copied(tmp_path / "work")
    cells = cells_of(path)
    with kernel_of(path, tmp_path) as kernel:
        for name in ("begin", "check", "submit"):
            kernel.run(cells[name].source)
        os.kill(int(kernel.run(UNTIL_IN_THE_MIDDLE).stdout), signal.SIGKILL)
    with kernel_of(path, tmp_path) as kernel:
        kernel.run(cells["begin"].source)
        left = kernel.run(cells["left"].source).stdout
        assert left.startswith("build the film index films: interrupted at ")
        kernel.run("jobs.resumable()[0].resume().result(60)")
        said = kernel.run(
            cells["result"].source
            + "\nprint([p.name for p in result.phases if p.kept_from_before])"
        ).stdout
        assert "['Metadata', 'Clear']" in said
        assert "Index  completed  17469" in said
    undisturbed = contents(executed[0] / ".films" / "index.db")
    assert contents(tmp_path / "work" / ".films" / "index.db") == undisturbed


def test_a_second_run_indexes_nothing_twice(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    with film_index.opened(index) as db:
        db.executemany(
            "INSERT INTO films VALUES (?, ?, 1999, 'Drama', 'A B', 'Italy')",
            [(n, f"Film {n}") for n in range(250)],
        )
        db.commit()
    assert film_index.index(str(index)) == 250
    before = contents(index)
    assert film_index.index(str(index)) == 250
    assert contents(index) == before
    assert movies_db().exists()
