"""A worked notebook, run from its first cell to its last, on this machine alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from msgspec import Struct
from nbclient import NotebookClient

from tests.isolation import isolated_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LONGEST_SECONDS = 300
"""Before a cell that hangs is given up; a notebook takes a minute at most, and this machine may be
slow."""
LONGEST_CELL = 12
"""Lines."""


class Executed(Struct):
    """Holds a notebook after its run, as it would be saved."""

    folder: Path
    cells: dict[str, Any]
    refused: list[str]
    """The addresses elsewhere that it has asked for."""

    def text(self, cell: str) -> str:
        """Return the text that a reader without widgets sees below a cell."""
        return "\n".join(
            output["text"] if output.output_type == "stream" else output.data.get("text/plain", "")
            for output in self.cells[cell].outputs
        )

    @property
    def said_on_standard_error(self) -> list[str]:
        """What its cells have said there."""
        return [
            output.text
            for cell in self.cells.values()
            for output in cell.get("outputs", ())
            if output.output_type == "stream" and output.name == "stderr"
        ]


def read(path: Path) -> Any:
    """Return the notebook in a file."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def cells_of(name: str) -> dict[str, str]:
    """Return the source of each code cell of a notebook, by the cell's name."""
    cells = read(NOTEBOOKS / name).cells
    return {cell.id: cell.source for cell in cells if cell.cell_type == "code"}


def copied(name: str, folder: Path) -> Path:
    """Copy a notebook and all modules of notebooks into a folder; return its path there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [NOTEBOOKS / name, *NOTEBOOKS.glob("*.py")]:
        shutil.copy(path, folder)
    return folder / name


def loopback_only(refusals: Path) -> dict[str, str]:
    """Return an environment whose Python programs reach this machine alone.

    Args:
        refusals: the file that gets a line for each address elsewhere.
    """
    path = [str(Path(__file__).with_name("loopback")), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path)), "LOOPBACK_REFUSALS": str(refusals)}


def start_program(code: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a program in a folder that has a notebook's modules; it reaches this machine alone.

    An address elsewhere that it asks for gets a line in `refused.txt` of that folder.
    """
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=os.environ | loopback_only(folder / "refused.txt"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def execute(file: str, folder: Path, after: Mapping[str, str] | None = None) -> Executed:
    """Run a copy of a notebook to its end; an error of a cell is raised.

    Args:
        file: its name.
        folder: for the copy, and whatever it makes.
        after: code to run after the cells of these names, as a reader would do something there. The
            cell of that code is named `after-NAME`.
    """
    path = copied(file, folder / "work")
    notebook = read(path)
    for number in reversed(range(len(notebook.cells))):
        name = notebook.cells[number].id
        if code := (after or {}).get(name):
            cell = nbformat.v4.new_code_cell(code, id=f"after-{name}")  # type: ignore[no-untyped-call]
            notebook.cells.insert(number + 1, cell)
    refusals = folder / "refused.txt"
    where = {"metadata": {"path": str(path.parent)}}
    environment = isolated_environment(folder / "home") | loopback_only(refusals)
    client = NotebookClient(notebook, timeout=LONGEST_SECONDS, resources=where)
    client.execute(env=environment)
    refused = refusals.read_text().splitlines() if refusals.exists() else []
    return Executed(path.parent, {cell.id: cell for cell in notebook.cells}, refused)


def assert_is_kept_well(name: str) -> None:
    """Check a notebook as it is kept: valid, without outputs, in short cells."""
    notebook = read(NOTEBOOKS / name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    too_long = [cell.id for cell in code if len(cell.source.splitlines()) > LONGEST_CELL]
    assert too_long == []
