"""Tests of outputs without their widget: of yesterday, after a restart, in a busy cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.test_board import GENEROUS
from tests.browser.test_panels import cancel, expect_moving, row
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App, Notebook

APPS = pytest.mark.parametrize("app", ["lab", "notebook"])
START = """\
import trio
import jobactors as ja
jobs = ja.start()

@ja.job("count")
async def count(n):
    for i in range(ja.current_job().checkpoint or 0, n):
        ja.progress(i + 1, n, f"step {i + 1}", unit="steps")
        ja.save_checkpoint(i + 1)
        await trio.sleep(0.05)
"""
SUBMIT = 'job = jobs.options(name="train").submit(count, 10_000); job'
OTHERS = 'ja.stop(); jobs = ja.start(store=None); jobs.options(name="other").submit(count, 9)'


def line(of: Locator) -> Locator:
    """The line below an output whose jobs are not live."""
    return of.locator(".ja-output-line")


def restart(notebook: Notebook) -> None:
    """Restart the kernel, as the menu does."""
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
    )
    notebook.wait_idle()


@APPS
def test_yesterdays_notebook_shows_how_its_jobs_stood(
    open_notebook: OpenNotebook, app: App
) -> None:
    """The saved table and what to run; when that has run, the output is live again."""
    notebook = open_notebook([START, SUBMIT, "jobs"], app=app)
    for index in range(3):
        notebook.run_and_wait(index)
    expect(row(notebook, 2, "train")).to_be_visible(timeout=GENEROUS)
    expect_moving(row(notebook, 2, "train"))
    notebook.save()
    notebook.page.goto("about:blank")
    notebook.server.end_session(notebook.path)
    again = open_notebook(None, path=notebook.path, app=app)
    for cell in (1, 2):
        table = again.cell(cell).locator("table")
        expect(table).to_contain_text("train", timeout=GENEROUS)
        expect(table).to_contain_text("running")
        expect(line(again.cell(cell))).to_contain_text("jobs = ja.start()")
        expect(again.cell(cell)).not_to_contain_text("model not found")
    again.screenshot(f"tomorrow-{app}")
    again.run_and_wait(0)
    for cell in (1, 2):
        train = row(again, cell, "train")
        expect(train).to_have_attribute("data-state", "interrupted", timeout=GENEROUS)
        expect(line(again.cell(cell))).to_have_count(0)
    row(again, 2, "train").get_by_role("button", name="Resume").click()
    expect_moving(row(again, 1, "train"))
    again.screenshot(f"tomorrow-resumed-{app}")
    cancel(row(again, 1, "train")).click()
    expect(row(again, 2, "train")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)


@APPS
def test_an_output_finds_its_jobs_again_after_a_restart(
    open_notebook: OpenNotebook, app: App
) -> None:
    """It says that the kernel was restarted; others are shown on request only."""
    notebook = open_notebook([START, SUBMIT, OTHERS], app=app)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    expect_moving(row(notebook, 1, "train"))
    restart(notebook)
    expect(notebook.cell(1)).to_contain_text("The kernel was restarted", timeout=GENEROUS)
    notebook.run_and_wait(0)
    train = row(notebook, 1, "train")
    expect(train).to_have_attribute("data-state", "interrupted", timeout=GENEROUS)
    restart(notebook)
    expect(notebook.cell(1)).to_contain_text("The kernel was restarted", timeout=GENEROUS)
    notebook.run_and_wait(0)
    expect(train).to_have_attribute("data-state", "interrupted", timeout=GENEROUS)
    notebook.save()
    restart(notebook)
    notebook.reload()
    notebook.run_and_wait(0)
    notebook.run_and_wait(2)
    show = line(notebook.cell(1)).get_by_role("button", name="Show the jobs now")
    expect(show).to_be_visible(timeout=GENEROUS)
    notebook.screenshot(f"other-jobs-{app}")
    show.click()
    expect(row(notebook, 1, "other")).to_be_visible(timeout=GENEROUS)


@APPS
def test_an_output_is_live_in_a_busy_cell_after_a_reload(
    open_notebook: OpenNotebook, app: App, tmp_path: Path
) -> None:
    """Its widget waits for the cell to end; the output does not, and the cell goes on."""
    busy = BusyCell(tmp_path)
    cells = [START, SUBMIT, busy.source + "done = 42", "print(done)"]
    notebook = open_notebook(cells, app=app)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    expect(row(notebook, 1, "train")).to_be_visible(timeout=GENEROUS)
    notebook.run_cell(2)
    notebook.wait_running(2)
    notebook.save()
    notebook.reload(wait_idle=False)
    train = row(notebook, 1, "train")
    expect_moving(train)
    notebook.screenshot(f"busy-reloaded-{app}")
    cancel(train).click()
    expect(train).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    busy.end()  # not before: all of that was in the middle of the cell
    assert notebook.run_and_wait(3) == "42"
