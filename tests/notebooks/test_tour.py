# ruff: noqa: D103 (the name of a test is its sentence)
"""The tour runs from its first cell to its last, and its saved outputs are true."""

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from msgspec import Struct
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LIBRARIES = [
    "anonymize.py",
    "careful_csv.py",
    "pseudonyms.py",
    "sample_tables.py",
    "whole_files.py",
]


class Executed(Struct):
    """Holds a notebook after its run, as it would be saved."""

    cells: dict[str, Any]
    left_behind: set[str]

    def outputs(self, cell: str) -> list[Any]:
        """Return the saved outputs of a cell."""
        return list(self.cells[cell].outputs)

    def text(self, cell: str) -> str:
        """Return the text that a reader without widgets sees below a cell."""
        return "\n".join(
            output["text"] if output.output_type == "stream" else output.data.get("text/plain", "")
            for output in self.outputs(cell)
            if output.output_type != "error"
        )


def read(path: Path) -> Any:
    """Return the notebook in a file."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Run the first notebook in a folder that holds it and its libraries, and nothing else."""
    folder = tmp_path_factory.mktemp("tour")
    for name in ["01_first_job.ipynb", *LIBRARIES]:
        shutil.copy(NOTEBOOKS / name, folder)
    before = {path.name for path in folder.iterdir()}
    notebook = read(folder / "01_first_job.ipynb")
    client = NotebookClient(
        notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return Executed(
        cells={cell.id: cell for cell in notebook.cells},
        left_behind={path.name for path in folder.iterdir()} - before - {"__pycache__"},
    )


def test_no_cell_ends_in_an_error(first: Executed) -> None:
    errors = {
        name: output.traceback
        for name, cell in first.cells.items()
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    }
    assert errors == {}


def test_it_leaves_no_file(first: Executed) -> None:
    assert first.left_behind == set()


def test_nothing_is_said_on_the_standard_error(first: Executed) -> None:
    said = [
        output.text
        for cell in first.cells.values()
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert said == []


def test_both_tables_are_there_in_full(first: Executed) -> None:
    assert first.text("exported") == "(17472, 336776)"


def test_the_flights_succeed_and_no_tail_number_is_left(first: Executed) -> None:
    assert "336,776 rows, 334,264 values replaced" in first.text("result")
    assert "anonymize flights has succeeded" in first.text("result")
    rows = first.text("compare").split("\n")
    assert [row.rsplit(" ", 1)[0] for row in rows[:3]] == [
        row.rsplit(" ", 1)[0] for row in rows[3:6]
    ]
    assert all(re.search(r" N\w+$", row) for row in rows[:3])
    assert all(re.search(r" aircraft-\w{5}-\w{5}$", row) for row in rows[3:6])


def test_the_films_succeed_and_stay_unread_until_their_result_is_asked_for(
    first: Executed,
) -> None:
    assert "succeeded" in first.text("films")
    before, report, after = first.text("unread").strip().split("\n")
    assert before == "before: ['anonymize films']"
    assert report.startswith("17,472 rows, ")
    assert after == "after:  []"
    assert "succeeded" in first.text("latest")


def test_the_cancelled_job_says_so_and_has_no_file(first: Executed) -> None:
    text = first.text("cancel")
    assert "the tour shows how" in text
    assert "anonymize flights again was cancelled" in text
    assert "files of it: []" in text


def test_the_row_of_each_job_is_saved_in_its_last_state(first: Executed) -> None:
    """The rows were shown while their jobs ran; on GitHub no widget brings them up to date."""
    for cell, name, state in [
        ("unpack-flights", "unpack flights", "succeeded"),
        ("submit", "anonymize flights", "succeeded"),
        ("films", "anonymize films", "succeeded"),
        ("cancel", "anonymize flights again", "cancelled"),
    ]:
        shown = first.outputs(cell)[-1].data["text/plain"]
        assert name in shown
        assert state in shown


def test_the_board_is_saved_with_every_job_in_its_last_state(first: Executed) -> None:
    board = first.outputs("all")[-1].data["text/plain"]
    for name in ["export films", "unpack flights", "anonymize flights", "anonymize films"]:
        assert re.search(rf"{name}\b.*succeeded|succeeded.*{name}\b", board)
    assert re.search(r"flights again\b.*cancelled|cancelled.*flights again\b", board)
    assert re.search(r"missing file\b.*failed|failed.*missing file\b", board)


def test_the_last_board_is_live_when_the_last_cell_has_run(first: Executed) -> None:
    """Nothing stops the jobs' system, which would grey every panel out."""
    assert "ja.stop()" not in "".join(
        cell.source for cell in first.cells.values() if cell.cell_type == "code"
    )
    assert "stopped" not in first.text("all")


def test_errors_are_sentences_that_say_what_to_do(first: Executed) -> None:
    text = first.text("errors")
    assert "missing file failed: " in text
    assert "does not exist. Its folder holds flights-public.csv, flights.csv" in text
    assert "unknown column failed: " in text
    assert "no column 'tail_number'. Did you mean 'tailnum'?" in text


def test_the_script_does_the_same(first: Executed) -> None:
    assert first.text("script").strip() == (
        "336,776 rows, 336,776 values replaced → flights-script.csv"
    )


def test_it_is_kept_without_outputs_and_with_its_kernel_named() -> None:
    notebook = read(NOTEBOOKS / "01_first_job.ipynb")
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
