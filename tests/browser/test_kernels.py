"""Tests of rows and boards over kernels that are older, die, or are restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.older_kernels import older_kernel
from tests.browser.test_panels import GENEROUS, START, cancel, expect_moving, row
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook


def test_cancel_in_a_busy_cell_of_ipykernel_7_3(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    """It routes messages otherwise than 7.4."""
    busy = BusyCell(tmp_path)
    notebook = open_notebook([START, "job", busy.source], kernel=older_kernel("7.3"))
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    train = row(notebook, 1, "train")
    notebook.run_cell(2)
    notebook.wait_running(2)
    expect_moving(train)
    cancel(train).click()
    expect(train).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    assert notebook.prompt(2).inner_text() == "[*]:"
    busy.end()


def test_a_kernel_that_cannot_hear_is_named(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """With ipykernel 6 the row moves, shows why nothing happens, and is cancelled in the end."""
    busy = BusyCell(tmp_path)
    notebook = open_notebook([START, "job", busy.source], kernel=older_kernel("6"))
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    train = row(notebook, 1, "train")
    notebook.run_cell(2)
    notebook.wait_running(2)
    expect_moving(train)
    cancel(train).click()
    expect(train.locator(".ja-word")).to_have_text("cancelling…")
    expect(train.locator(".ja-says")).to_have_text(
        "the kernel is busy: it hears this when the cell ends"
    )
    assert notebook.prompt(2).inner_text() == "[*]:"
    notebook.screenshot("deaf-lab")
    busy.end()
    expect(train.locator(".ja-word")).to_have_text("cancelled", timeout=GENEROUS)
    expect(train.locator(".ja-says")).to_have_text("by hand")


def test_a_kernel_that_dies_is_noticed(open_notebook: OpenNotebook) -> None:
    """Nothing goes on ticking for jobs that are gone."""
    notebook = open_notebook([START, "jobs", "import os; os.kill(os.getpid(), 9)"])
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    expect(row(notebook, 1, "train")).to_be_visible(timeout=GENEROUS)
    notebook.run_cell(2)
    gone = notebook.cell(1).get_by_role("status")
    expect(gone).to_contain_text("The kernel died", timeout=GENEROUS)


def test_a_kernel_restart_leaves_a_clean_page(open_notebook: OpenNotebook) -> None:
    """The old board shows that its kernel was restarted and offers nothing; a new one works."""
    notebook = open_notebook([START, "jobs"])
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    train = row(notebook, 1, "train")
    expect(train).to_be_visible(timeout=GENEROUS)
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
    )
    gone = notebook.cell(1).get_by_role("status")
    expect(gone).to_contain_text("The kernel was restarted", timeout=GENEROUS)
    expect(cancel(train)).to_have_attribute("aria-disabled", "true")
    notebook.screenshot("restarted-lab")
    notebook.wait_idle()
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    # What the old kernel left rests above what the new one has begun.
    expect(row(notebook, 1, "train")).to_have_count(2, timeout=GENEROUS)
    left, begun = row(notebook, 1, "train").first, row(notebook, 1, "train").last
    expect(left).to_have_attribute("data-state", "interrupted", timeout=GENEROUS)
    expect_moving(begun)
    cancel(begun).click()
    cancelled = row(notebook, 1, "train").and_(notebook.page.locator("[data-state=cancelled]"))
    expect(cancelled).to_be_visible(timeout=GENEROUS)
