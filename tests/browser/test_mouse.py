"""Tests of a board under a real mouse: a click does what was in sight when it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.settled import expect_true
from tests.browser.test_board import GENEROUS, row

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App

APPS = pytest.mark.parametrize("app", ["lab", "notebook"])
START = """\
import trio
import jobactors as ja
jobs = ja.start(max_running=1)
jobs.hold_dispatch()
for n in range(8):
    jobs.options(name=f"wait {n}").submit(trio.sleep_forever)
jobs
"""
THREE_START = "jobs.scale(3); jobs.release_dispatch()"


def counts(board: Locator) -> Locator:
    """The summary above the rows."""
    return board.locator(".ja-head .ja-counts")


def cancel(of: Locator) -> Locator:
    """The Cancel button of a row."""
    return of.locator("[data-verb=cancel]")


@APPS
def test_a_command_for_many_takes_what_is_shown_and_selected(
    open_notebook: OpenNotebook, app: App
) -> None:
    """Three of the queued jobs start after they were selected: these are left alone."""
    notebook = open_notebook([START, THREE_START], app=app)
    notebook.run_and_wait(0)
    board = notebook.cell(0).locator(".ja-jobs")
    expect(board.locator(".ja-row")).to_have_count(8, timeout=GENEROUS)
    board.get_by_label("Filter by state").select_option("queued")
    board.get_by_label("Select all jobs shown").check()
    notebook.run_and_wait(1)
    selected = board.locator(".ja-many .ja-counts")
    expect(selected).to_have_text("8 selected, 3 no longer match", timeout=GENEROUS)
    notebook.screenshot(f"many-{app}")
    board.locator("[data-many=cancel]").click()
    expect(counts(board)).to_contain_text("3 running", timeout=GENEROUS)
    expect(counts(board)).to_contain_text("5 cancelled", timeout=GENEROUS)
    assert notebook.console_errors == []


@APPS
def test_rows_stay_under_the_mouse(open_notebook: OpenNotebook, app: App) -> None:
    """Two clicks on one spot cancel one job and do no more; what was dismissed can be had back."""
    notebook = open_notebook([START], app=app)
    notebook.run_and_wait(0)
    page, board = notebook.page, notebook.cell(0).locator(".ja-jobs")
    first, second = row(board, "wait 0"), row(board, "wait 1")
    place = cancel(first).bounding_box()
    assert place is not None
    spot = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(*spot)
    page.mouse.click(*spot)
    expect(first).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    page.mouse.click(*spot)
    notebook.screenshot(f"under-the-mouse-{app}")
    expect_true(first, "row => row === row.parentNode.querySelector('.ja-row')")
    page.mouse.move(5, 5)
    expect(board.locator(".ja-row").first).to_have_attribute("data-job", job(second))
    expect(second).to_have_attribute("data-state", "queued")
    first.locator("[data-verb=dismiss]").click()
    expect(first.locator(".ja-word")).to_have_text("dismissing…")
    notebook.screenshot(f"undo-{app}")
    board.get_by_role("button", name="Undo").click()
    expect(first.locator(".ja-word")).to_have_text("cancelled")
    first.locator("[data-verb=dismiss]").click()
    expect(first.locator(".ja-word")).to_have_text("removed", timeout=GENEROUS)
    page.mouse.move(5, 5)
    expect(board.locator(".ja-row")).to_have_count(7, timeout=GENEROUS)
    assert notebook.console_errors == []


def job(of: Locator) -> str:
    """The id of a row's job."""
    return str(of.get_attribute("data-job"))
