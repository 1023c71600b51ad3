"""Tests of the harness itself: a notebook opens, runs and comes back in both applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_cell_runs_and_its_output_is_seen(open_notebook: OpenNotebook, app: App) -> None:
    """Cells run one after the other, what they print is read, and the page reports no error."""
    notebook = open_notebook(["n = 6", "n += 1; print(n * 6)"], app=app)
    assert notebook.run_and_wait(0) == ""
    assert notebook.run_and_wait(1) == "42"
    assert notebook.run_and_wait(1) == "48"
    assert notebook.console_errors == []


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_page_is_loaded_again_while_a_cell_is_busy(
    open_notebook: OpenNotebook, app: App, tmp_path: Path
) -> None:
    """The reload does not wait for the cell, and the kernel goes on with its work."""
    busy = BusyCell(tmp_path)
    notebook = open_notebook([busy.source + "done = 42", "print(done)"], app=app)
    notebook.run_cell(0)
    notebook.wait_running(0)
    notebook.save()
    notebook.reload(wait_idle=False)
    busy.end()  # not before: the page was shown in the middle of the cell
    assert notebook.run_and_wait(1) == "42"
