"""Tests of the section *Scheduled*: in a board, in the sidebar, and after a restart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, expect

from tests.browser.settled import expect_nothing
from tests.browser.test_board import (
    AXE,
    GENEROUS,
    OVERLAPS,
    STICKS_OUT,
    choose_theme,
    row,
    violations,
)

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import Notebook

START = """\
import jobactors as ja
jobs = ja.start()

@ja.job("index", label="Index the wiki")
async def index(folder: str):
    return folder
"""
DECLARE = """\
jobs.schedule("nightly", "30 2 * * *", zone="Asia/Tokyo").options(subject="wiki").submit(index, "w")
jobs.schedule("<img src=x onerror='window.hacked=1'>", ja.every(days=30)).submit(lambda: None)
jobs.schedule("hourly", ja.every(hours=1), overlap="allow").submit(index, "drafts")
filled = {"arguments": {"folder": "wiki/"}, "options": {"subject": "all"}}
jobs.add_template("The whole wiki", index, **filled)
jobs
"""
AGAIN = "jobs"


def scheduled(of: Locator, name: str) -> Locator:
    """The row of the schedule with this name."""
    named = of.page.locator(".ja-scheduled-name", has_text=re.compile(f"^{re.escape(name)}$"))
    return of.locator(".ja-scheduled-row").filter(has=named)


def expect_orderly(board: Locator) -> None:
    """Nothing sticks out, and nothing lies on anything else."""
    for check in (STICKS_OUT, OVERLAPS):
        expect_nothing(board, check.replace(".ja-row > *", ".ja-scheduled-row > *"))


def start_from_template(notebook: Notebook, board: Locator) -> None:
    """A template fills the form of a new job in."""
    board.get_by_role("button", name="New job").click()
    form = board.locator(".ja-new")
    form.locator(".ja-type").filter(has_text="The whole wiki").click()
    expect(form.locator("[data-argument='folder'] textarea")).to_have_value("wiki/")
    start = form.get_by_role("button", name="Start", exact=True)
    expect(start).not_to_have_attribute("aria-disabled", "true", timeout=GENEROUS)
    notebook.screenshot("template-form")
    start.click()
    expect(row(board, "Index the wiki · all")).to_have_attribute(
        "data-state", "succeeded", timeout=GENEROUS
    )


def test_schedules_are_shown_with_their_countdown_and_obey_their_buttons(
    open_notebook: OpenNotebook,
) -> None:
    """In a board and in the sidebar; after a restart they rest until they are resumed."""
    assert AXE.is_file(), "axe-core is missing: `make test` gets it, with npm and a network"
    notebook = open_notebook([START, DECLARE, START, AGAIN])
    page = notebook.page
    for index in (0, 1):
        notebook.run_and_wait(index)
    board = notebook.cell(1).locator(".ja-jobs")
    hourly, nightly = scheduled(board, "hourly"), scheduled(board, "nightly")
    expect(board.locator(".ja-scheduled-row")).to_have_count(3, timeout=GENEROUS)
    expect(nightly.locator(".ja-scheduled-words")).to_have_text("At 02:30 every day (Asia/Tokyo)")
    when = hourly.locator(".ja-scheduled-when")
    expect(when).to_have_text(re.compile(r"^in "))
    before = when.inner_text()
    expect(when).not_to_have_text(before, timeout=GENEROUS)
    hourly.get_by_role("button", name="Run hourly now").click()
    expect(row(board, "Index the wiki")).to_have_attribute(
        "data-state", "succeeded", timeout=GENEROUS
    )
    expect(hourly.locator(".ja-scheduled-words")).to_have_text("Every hour")
    nightly.get_by_role("button", name="Pause nightly").click()
    expect(nightly.locator(".ja-scheduled-when")).to_have_text("paused: by hand", timeout=GENEROUS)
    page.add_script_tag(path=AXE)
    assert violations(board) == []
    expect_orderly(board)
    notebook.screenshot("scheduled-light")
    page.set_viewport_size({"width": 700, "height": 700})
    expect_orderly(board)
    notebook.screenshot("scheduled-narrow")
    page.set_viewport_size({"width": 1280, "height": 800})
    choose_theme(notebook, "JupyterLab Dark")
    page.wait_for_function("() => !document.querySelector('.jp-Dialog')")
    assert violations(board) == []
    notebook.screenshot("scheduled-dark")

    start_from_template(notebook, board)
    page.evaluate("window.jupyterapp.shell.activateById('jobactors-sidebar')")
    side = page.locator("#jobactors-sidebar")
    expect(scheduled(side, "nightly").locator(".ja-scheduled-when")).to_have_text(
        "paused: by hand", timeout=GENEROUS
    )
    scheduled(side, "nightly").get_by_role("button", name="Resume nightly").click()
    expect(nightly.locator(".ja-scheduled-when")).to_have_text(re.compile("^in "), timeout=GENEROUS)
    notebook.screenshot("scheduled-sidebar")

    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    for index in (2, 3):
        notebook.run_and_wait(index)
    board = notebook.cell(3).locator(".ja-jobs")
    expect(board.locator(".ja-scheduled-row")).to_have_count(2, timeout=GENEROUS)
    hourly = scheduled(board, "hourly")
    expect(hourly.locator(".ja-scheduled-when")).to_contain_text("rests until you resume it")
    hourly.get_by_role("button", name="Resume hourly").click()
    expect(hourly.locator(".ja-scheduled-when")).to_have_text(re.compile("^in "), timeout=GENEROUS)
    assert page.evaluate("() => window.hacked") is None
