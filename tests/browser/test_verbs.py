"""Tests of every button of a row, pressed with a real mouse in the middle of a busy cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_board import GENEROUS, row
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App

START = """\
import time, trio
import jobactors as ja
jobs = ja.start(max_running=1)

async def count():
    async for _ in ja.track(range(100_000), unit="steps"):
        await trio.sleep(0.02)

jobs.options(name="train").submit(count)
jobs.options(name="next").submit(count)
jobs
"""


def press(of: Locator, verb: str) -> None:
    """Click a row's button where it is in the page, as a hand does."""
    button = of.locator(f"[data-verb={verb}]")
    expect(button).to_be_visible(timeout=GENEROUS)
    expect(button).not_to_have_attribute("aria-disabled", "true", timeout=GENEROUS)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    of.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def expect_state(of: Locator, state: str) -> None:
    """Expect that the kernel has done what was asked."""
    expect(of).to_have_attribute("data-state", state, timeout=GENEROUS)
    expect(of.locator(".ja-word")).to_have_text(state, timeout=GENEROUS)


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_every_button_works_while_a_cell_is_busy(
    open_notebook: OpenNotebook, tmp_path: Path, app: App
) -> None:
    """Pause, Resume, Hold, Release, Cancel, Restart and Dismiss, each by one click of the mouse."""
    busy = BusyCell(tmp_path)
    notebook = open_notebook([START, busy.source], app=app)
    notebook.run_and_wait(0)
    board = notebook.cell(0).locator(".ja-jobs")
    train, queued = row(board, "train"), row(board, "next").first
    expect(train.locator(".ja-says")).to_contain_text("steps", timeout=GENEROUS)
    notebook.run_cell(1)
    notebook.wait_running(1)
    press(queued, "hold")
    expect(queued.locator(".ja-says")).to_have_text("held", timeout=GENEROUS)
    press(queued, "release")
    expect(queued.locator(".ja-says")).to_have_text("waits for a free slot", timeout=GENEROUS)
    press(queued, "hold")
    expect(queued.locator(".ja-says")).to_have_text("held", timeout=GENEROUS)
    press(train, "pause")
    expect_state(train, "paused")
    press(train, "resume")
    expect_state(train, "running")
    press(queued, "cancel")
    expect_state(queued, "cancelled")
    notebook.page.mouse.move(5, 5)  # the list takes its own order
    gone = queued.and_(board.locator("[data-state=cancelled]"))
    press(gone, "restart")
    again = row(board, "next").and_(board.locator("[data-state=queued]"))
    expect(again).to_be_visible(timeout=GENEROUS)
    press(row(board, "next").and_(board.locator("[data-state=cancelled]")), "dismiss")
    notebook.page.mouse.move(5, 5)
    expect(row(board, "next")).to_have_count(1, timeout=GENEROUS)
    expect_state(again, "queued")
    assert notebook.prompt(1).inner_text() == "[*]:"
    notebook.screenshot(f"verbs-{app}")
    busy.end()
    notebook.wait_done(1)
    assert notebook.console_errors == []
