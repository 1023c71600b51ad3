"""A batch in JupyterLab and Notebook 7: one row with true totals, that folds out into its items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App, Notebook

START = """\
import threading
import jobactors as ja
jobs = ja.start(max_running=2)
broken, go_on = {5, 41}, threading.Event()

def resize(path):
    number = int(path[3:-4])
    if number >= 66:
        for _ in ja.track(iter(lambda: go_on.wait(0.02), True)):
            pass
    if number in broken:
        raise OSError("broken picture")
    return number
"""
MAP = """\
batch = jobs.map(resize, [f"img{n}.png" for n in range(200)])
while batch.snapshot().ended < 66:
    go_on.wait(0.02)
batch
"""
MEND = "broken.clear(); go_on.set()"


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_map_is_one_row_with_its_true_total(open_notebook: OpenNotebook, app: App) -> None:
    """It folds out, is paused, resumed and restarted as a whole; a panel of it shows the same."""
    notebook: Notebook = open_notebook([START, MAP, "jobs", MEND], app=app)
    for index in range(3):
        notebook.run_and_wait(index)
    live, board = (notebook.outputs(index).locator(".ja-jobs") for index in (1, 2))
    for where in (live, board):
        expect(where.locator(".ja-row")).to_have_count(1)
        expect(where.locator(".ja-says")).to_have_text(
            "66 of 200 · 2 failed · OSError: broken picture"
        )
        expect(where.locator(".ja-far")).to_have_text("33\u202f%")
    notebook.screenshot(f"batch-{app}")

    board.get_by_role("button", name="Items of resize").click()
    names = board.locator(".ja-item .ja-name")
    expect(names.nth(0)).to_have_text("resize[5] img5.png")
    expect(names.nth(1)).to_have_text("resize[41] img41.png")
    expect(names.nth(2)).to_have_text("resize[0] img0.png")
    expect(live.locator(".ja-row")).to_have_count(1)
    notebook.screenshot(f"batch-items-{app}")
    board.get_by_role("button", name="Items of resize").click()
    expect(board.locator(".ja-row")).to_have_count(1)

    if app == "lab":  # what has ended is remembered by the kernel, not by the page
        far = notebook.page.locator(".ja-status-far")
        expect(far).to_have_text("33\u202f%")
        notebook.save()
        notebook.reload()
        expect(far).to_have_text("33\u202f%")
        expect(board.locator(".ja-row")).to_have_count(1)

    if app == "notebook":
        return  # the rest is the kernel's, and the same there
    live.get_by_role("button", name="Pause resize").click()
    expect(board.locator(".ja-batch")).to_have_attribute("data-state", "paused")
    board.get_by_role("button", name="Resume resize").click()
    expect(live.locator(".ja-batch")).to_have_attribute("data-state", "running")

    notebook.run_and_wait(3)
    expect(board.locator(".ja-batch")).to_have_attribute("data-state", "failed")
    counts = board.locator(".ja-head > .ja-counts")
    expect(counts).to_contain_text("200 jobs: 2 failed · 198 succeeded")
    notebook.page.mouse.move(0, 0)  # buttons under the mouse stay as they were
    board.get_by_role("button", name="Restart failed resize").click()
    for where in (live, board):
        expect(where.locator(".ja-batch")).to_have_attribute("data-state", "succeeded")
        expect(where.locator(".ja-says")).to_have_text("200 of 200")
    assert not notebook.console_errors


TWENTY = """\
go_on.set()
batch = jobs.map(resize, [f"img{n}.png" for n in range(20)])
batch.results(return_exceptions=True)
jobs
"""


def test_a_restarted_item_is_listed_once_by_its_newest_job(open_notebook: OpenNotebook) -> None:
    """Below an unfolded batch, also while the mouse is still on the button of the restart."""
    notebook = open_notebook([START, TWENTY, MEND])
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    board = notebook.cell(1).locator(".ja-jobs")
    batch, items = board.locator(".ja-batch"), board.locator(".ja-item")
    old = board.locator(".ja-name", has_text="resize[5] img5.png")
    again = batch.get_by_role("button", name="Restart failed")
    board.get_by_role("button", name="Items of resize").click()
    expect(items).to_have_count(20)
    failed = items.first.get_attribute("data-job")
    again.click()  # it fails once more
    expect(batch.locator(".ja-says")).to_contain_text("20 of 20 · 1 failed")
    expect(board.locator(f"[data-job='{failed}']")).to_have_count(0)
    expect(old).to_have_count(1)
    expect(items).to_have_count(20)
    notebook.screenshot("batch-restarted")

    notebook.run_and_wait(2)
    again.click()
    expect(batch.locator(".ja-says")).to_have_text("20 of 20")
    expect(board.locator(".ja-item[data-state='failed']")).to_have_count(0)
    expect(old).to_have_count(1)
    items.filter(has_text="img5.png").get_by_role("button", name="Details of").click()
    expect(board.locator(".ja-facts")).to_contain_text("Continues")
    assert not notebook.console_errors
