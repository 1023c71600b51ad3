"""Tests that a failure is seen: told in a page that is looked at, in sight until it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_board import GENEROUS, row
from tests.browser.test_sidebar import sidebar, status

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App

START = """\
import trio
import jobactors as ja
jobs = ja.start()

async def fail(n):
    raise ValueError(f"no date in row {n}")

jobs.options(name="fine").submit(trio.sleep, 0)
jobs
"""
QUICK = """\
failed = [jobs.options(name=f"clean {n}").submit(fail, n) for n in range(3)]
for n in range(3):
    jobs.options(name=f"sum {n}").submit(sum, [n])
"""
READ = "[job.exception() for job in failed]"
COUNT = "7 jobs: 3 failed · 4 succeeded"


def counts(board: Locator) -> Locator:
    """The summary above the rows."""
    return board.locator(".ja-head .ja-counts")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_failure_is_in_sight_until_it_is_read(open_notebook: OpenNotebook, app: App) -> None:
    """Also of jobs that were quick; all displays count alike; read in Python or by its details."""
    notebook = open_notebook([START, QUICK, READ], app=app)
    page = notebook.page
    notebook.run_and_wait(0)
    board = notebook.cell(0).locator(".ja-jobs")
    expect(counts(board)).to_have_text("1 job succeeded", timeout=GENEROUS)
    expect(status(page)).to_be_hidden()
    notebook.run_and_wait(1)
    toast = page.locator(".Toastify__toast")
    expect(toast).to_contain_text("3 jobs failed", timeout=GENEROUS)
    notebook.screenshot(f"failures-{app}")
    toast.get_by_role("button", name="Show").click()  # at once: it goes by itself
    expect(status(page)).to_have_text("3 jobs failed unread")
    expect(counts(board)).to_have_text(COUNT)
    expect(board.get_by_role("button", name="4 jobs succeeded")).to_have_text("▾ 4 jobs succeeded")
    expect(sidebar(page)).to_contain_text(COUNT)
    title = f"{notebook.path}: {COUNT}\nShow the background jobs"
    expect(status(page)).to_have_attribute("title", title)
    row(board, "clean 1").locator(".ja-more").click()
    expect(status(page)).to_have_text("2 jobs failed unread", timeout=GENEROUS)
    expect(board.locator(".ja-news")).to_have_text("2 failed unread")
    notebook.run_and_wait(2)
    expect(status(page)).to_be_hidden(timeout=GENEROUS)
    expect(board.locator(".ja-news")).to_be_hidden()
    assert notebook.console_errors == []
