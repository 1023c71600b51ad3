"""Tests of rows and boards as a user sees them, in JupyterLab and Notebook 7."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, expect

from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App, Notebook

START = """\
import time, trio
import jobactors as ja
jobs = ja.start()

async def count(n, seconds=0.05):
    for i in range(n):
        ja.progress(i + 1, n, f"step {i + 1}", unit="steps")
        await trio.sleep(seconds)

async def fail():
    ja.progress(1, 3)
    raise ValueError("row 1,204 holds 'n/a', which is not a date")

job = jobs.options(name="train", subject="wiki").submit(count, 10_000)
other = jobs.options(name="index").submit(count, 20_000)
"""

APPS = pytest.mark.parametrize("app", ["lab", "notebook"])
GENEROUS = 120_000


def row(notebook: Notebook, cell: int, name: str) -> Locator:
    """The row of the job with this name below a cell."""
    return notebook.cell(cell).locator(".ja-row").filter(has=notebook.page.get_by_text(name))


def cancel(of: Locator) -> Locator:
    """The Cancel button of a row."""
    return of.get_by_role("button", name=re.compile("^Cancel"))


def expect_moving(of: Locator) -> None:
    """Expect that the bar has a value, and that the text changes by itself."""
    bar = of.get_by_role("progressbar")
    text = of.locator(".ja-says")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"\d+"), timeout=GENEROUS)
    before = text.inner_text()
    expect(text).not_to_have_text(before, timeout=GENEROUS)


@APPS
def test_a_row_moves_and_is_cancelled_in_a_busy_cell(
    open_notebook: OpenNotebook, app: App, tmp_path: Path
) -> None:
    """The scene this package is made for: the cell still runs when the job is cancelled."""
    busy = BusyCell(tmp_path)
    notebook = open_notebook([START, "job", busy.source], app=app)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    train = row(notebook, 1, "train")
    expect(train).to_have_attribute("data-state", "running", timeout=GENEROUS)
    expect_moving(train)
    notebook.run_cell(2)
    notebook.wait_running(2)
    expect_moving(train)
    cancel(train).click()
    expect(train).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    assert notebook.prompt(2).inner_text() == "[*]:"
    notebook.screenshot(f"row-{app}")
    expect(train.locator(".ja-says")).to_have_text("by hand")
    expect(cancel(train)).to_have_attribute("title", "Cancel: it has ended")
    notebook.page.mouse.move(5, 5)  # not before: another button would be under the mouse
    expect(cancel(train)).to_be_hidden()
    busy.end()
    assert notebook.console_errors == []


@APPS
def test_a_board_shows_every_job_and_hears_while_a_cell_is_busy(
    open_notebook: OpenNotebook, app: App, tmp_path: Path
) -> None:
    """New jobs appear, failed ones show their error, and each Cancel reaches its own job."""
    busy = BusyCell(tmp_path)
    more = "jobs.options(name='clean').submit(fail); jobs.options(name='quick').submit(count, 3)"
    queued = "for n in range(3): jobs.options(name=f'waiting {n}').submit(count, 5_000)"
    notebook = open_notebook([START, "jobs", more, queued, busy.source], app=app)
    for index in range(4):
        notebook.run_and_wait(index)
    board = notebook.cell(1)
    expect(board.locator(".ja-row")).to_have_count(7, timeout=GENEROUS)
    expect(row(notebook, 1, "clean")).to_have_attribute("data-state", "failed")
    expect(row(notebook, 1, "quick")).to_have_attribute("data-state", "succeeded")
    expect(row(notebook, 1, "clean").locator(".ja-says")).to_contain_text("not a date")
    notebook.run_cell(4)
    notebook.wait_running(4)
    cancel(row(notebook, 1, "index")).click()
    expect(row(notebook, 1, "index")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    expect(row(notebook, 1, "train")).to_have_attribute("data-state", "running")
    notebook.screenshot(f"board-{app}")
    cancel(row(notebook, 1, "train")).click()
    expect(row(notebook, 1, "train")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    assert notebook.prompt(4).inner_text() == "[*]:"
    busy.end()
    assert notebook.console_errors == []


@APPS
def test_the_board_is_back_after_a_reload(open_notebook: OpenNotebook, app: App) -> None:
    """With what happened meanwhile, moving, and with buttons that work."""
    notebook = open_notebook([START, "jobs", "ja.current_job; other.cancel()"], app=app)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    expect(row(notebook, 1, "train")).to_be_visible(timeout=GENEROUS)
    notebook.save()
    notebook.reload()
    train = row(notebook, 1, "train")
    expect(train).to_have_attribute("data-state", "running", timeout=GENEROUS)
    expect_moving(train)
    notebook.screenshot(f"reloaded-{app}")
    cancel(train).click()
    expect(train).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    notebook.run_and_wait(2)
    expect(row(notebook, 1, "index")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)


def test_two_outputs_of_one_board_agree(open_notebook: OpenNotebook) -> None:
    """They are views of one panel: one message serves both."""
    notebook = open_notebook([START, "jobs", "jobs"])
    for index in range(3):
        notebook.run_and_wait(index)
    for cell in (1, 2):
        expect(row(notebook, cell, "train")).to_be_visible(timeout=GENEROUS)
    cancel(row(notebook, 2, "train")).click()
    for cell in (1, 2):
        expect(row(notebook, cell, "train")).to_have_attribute(
            "data-state", "cancelled", timeout=GENEROUS
        )


def test_what_jobs_call_themselves_is_text(open_notebook: OpenNotebook) -> None:
    """Names, subjects, messages and errors that look like HTML are shown as they are."""
    evil = """\
BAD = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
async def shout():
    ja.progress(1, 2, BAD)
    await trio.sleep(600)
async def fall():
    raise ValueError(BAD)
jobs.options(name=BAD, subject=BAD, icon="<b>").submit(shout)
jobs.options(name=BAD[:4] + "\\u202e\\ud800\\0").submit(fall)
"""
    notebook = open_notebook([START, evil, "jobs"])
    for index in range(3):
        notebook.run_and_wait(index)
    board = notebook.cell(2)
    expect(board.locator(".ja-row")).to_have_count(4, timeout=GENEROUS)
    expect(board.locator(".ja-row").nth(3).locator(".ja-says")).to_contain_text("<script>")
    expect(board.locator(".ja-row").nth(0).locator(".ja-says")).to_contain_text("<img src=x")
    assert board.locator("img, script, b").count() == 0
    assert notebook.page.evaluate("window.hacked") is None
    notebook.screenshot("hostile-lab")


def test_the_keyboard_is_enough(open_notebook: OpenNotebook) -> None:
    """Cancel is reached and pressed without a mouse, and ten redraws a second leave the focus."""
    notebook = open_notebook([START, "job"])
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    train = row(notebook, 1, "train")
    expect(train).to_be_visible(timeout=GENEROUS)
    cancel(train).focus()
    expect_moving(train)
    expect(cancel(train)).to_be_focused()
    notebook.page.keyboard.press("Enter")
    expect(train).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    expect(train).to_be_focused()
