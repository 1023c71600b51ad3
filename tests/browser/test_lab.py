"""Tests of the harness itself: a notebook opens and runs in both applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
