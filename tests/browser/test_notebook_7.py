"""Tests of what Notebook 7 has in another place than JupyterLab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_sidebar import (
    GENEROUS,
    START,
    cancel,
    expect_moving,
    job_row,
    status,
)
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook


def test_the_sidebar_in_notebook_7(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """Beside the menus, since there is no status bar; Cancel is handled in a busy cell."""
    busy = BusyCell(tmp_path)
    notebook = open_notebook([START, busy.source], app="notebook")
    page = notebook.page
    expect(status(page)).to_be_hidden()
    notebook.run_and_wait(0)
    expect(status(page)).to_contain_text("2 jobs running", timeout=GENEROUS)
    notebook.run_cell(1)
    notebook.wait_running(1)
    status(page).click()
    train = job_row(page, "train")
    expect_moving(train)
    notebook.screenshot("sidebar-notebook")
    cancel(train).click()
    expect(train).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    assert notebook.prompt(1).inner_text() == "[*]:"
    busy.end()
    assert notebook.console_errors == []
