"""Tests of notebooks run by programs: the saved outputs show how the jobs ended."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.browser.lab import write_notebook
from tests.isolation import isolated_environment
from tests.kernel.test_panel import START, VIEW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOTEBOOK = [
    START,
    "job",
    "jobs",
    "quick = jobs.options(name='quick').submit(time.sleep, 0.2)\ndisplay(quick)",
    (
        "async def fail():\n    raise ValueError('SECRET')\n"
        "failed = jobs.options(name='failing').submit(fail)\nfailed.exception()"
    ),
    "job.cancel(reason='SECRET'); job.exception(); quick.result()",
]
LONGEST = 120


def by_nbclient(notebook: Path) -> Path:
    """Run it in this process, as nbconvert does."""
    content = read(notebook)
    resources = {"metadata": {"path": str(notebook.parent)}}
    NotebookClient(content, timeout=60, resources=resources).execute()
    nbformat.write(content, notebook)  # type: ignore[no-untyped-call]
    return notebook


def by_papermill(notebook: Path) -> Path:
    """Run it from the command line into another file."""
    run("papermill", "--no-progress-bar", notebook.name, "out.ipynb", folder=notebook.parent)
    return notebook.with_name("out.ipynb")


def by_jupyter_execute(notebook: Path) -> Path:
    """Run it from the command line in its place."""
    run("jupyter", "execute", "--inplace", notebook.name, folder=notebook.parent)
    return notebook


def run(module: str, *arguments: str, folder: Path) -> None:
    """Run a program of this environment, which must end well."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=isolated_environment(folder / "home"),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def read(notebook: Path) -> Any:
    """The notebook in a file."""
    return nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("execute", [by_nbclient, by_papermill, by_jupyter_execute])
def test_what_is_saved_is_how_the_jobs_ended(
    tmp_path: Path, execute: Callable[[Path], Path]
) -> None:
    """Also the rows of earlier cells, and the widget's own state, which nbconvert's pages draw."""
    notebook = read(execute(write_notebook(tmp_path / "run.ipynb", NOTEBOOK)))
    row, board, shown = (notebook.cells[n].outputs[0].data for n in (1, 2, 3))
    for data, states in [
        (row, ["cancelled"]),
        (board, ["cancelled", "succeeded", "failed (ValueError)"]),
        (shown, ["succeeded"]),
    ]:
        for kind in ("text/plain", "text/html"):
            assert all(state in data[kind] for state in states)
            assert "running" not in data[kind]
            assert "SECRET" not in data[kind]
    saved = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"].state
    rows = {
        model: saved[data[VIEW].model_id].state["rows"]
        for model, data in {"row": row, "board": board}.items()
    }
    assert [each["state"] for each in rows["row"]] == ["cancelled"]
    assert sorted(each["state"] for each in rows["board"]) == ["cancelled", "failed", "succeeded"]
