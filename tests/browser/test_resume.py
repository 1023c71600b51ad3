"""Tests of the morning after: interrupted work is shown, and resumes from its checkpoint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.settled import expect_nothing
from tests.browser.test_board import AXE, GENEROUS, OVERLAPS, row, violations

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook

STARTED = "import trio\nimport jobactors as ja\njobs = ja.start()"
DECLARED = """\
@ja.job("index", checkpoint_every=ja.Every(items=1))
async def index(folder):
    begun = ja.current_job().checkpoint or 0
    for page in range(begun, 200):
        ja.progress(page + 1, 200, f"page {page + 1}")
        ja.save_checkpoint(page + 1)
        await (trio.sleep_forever() if page in {89, 95} else trio.sleep(0.03))

is_later = bool(jobs.resumable())
@ja.job("shrink")
async def shrink(picture):
    if picture >= 3 and not is_later:
        await trio.sleep_forever()
"""
SUBMITTED = """\
job = jobs.options(subject="wiki").submit("index", {"folder": "wiki"})
other = jobs.options(subject="letters").submit("index", {"folder": "letters"})
pictures = jobs.map(shrink, range(8), intake=8)
for _ in zip(range(3), pictures):
    pass
job
"""
KILLED = "import os; os.kill(os.getpid(), 9)"


def test_interrupted_work_goes_on_the_next_morning(open_notebook: OpenNotebook) -> None:
    """The row shows how far it was and why it cannot go on; then Resume and Discard work.

    A batch goes on as one, with all of its jobs that rest.
    """
    notebook = open_notebook([STARTED, DECLARED, SUBMITTED, KILLED, "jobs"])
    page = notebook.page
    for index in range(3):
        notebook.run_and_wait(index)
    running = notebook.cell(2).locator(".ja-row")
    expect(running.locator(".ja-far")).to_have_text("45\u202f%", timeout=GENEROUS)
    notebook.run_cell(3)
    page.locator(".jp-Dialog .jp-mod-accept").click(timeout=GENEROUS)
    notebook.wait_idle()
    notebook.run_and_wait(0)
    notebook.run_and_wait(4)
    board = notebook.cell(4).locator(".ja-jobs")
    wiki, letters = row(board, "index · wiki"), row(board, "index · letters")
    resume = wiki.get_by_role("button", name="Resume")
    expect(wiki).to_have_attribute("data-state", "interrupted", timeout=GENEROUS)
    expect(wiki.locator(".ja-far")).to_have_text(re.compile("4[0-5]\u202f%"))  # as last stored
    expect(wiki.locator(".ja-says")).to_contain_text("is not registered yet")
    expect(resume).to_have_attribute("aria-disabled", "true")
    shrinking = row(board, "shrink")
    expect(shrinking).to_have_attribute("data-state", "interrupted")
    says = "3 of 8 · 5 interrupted · its job type 'shrink' is not registered yet"
    expect(shrinking.locator(".ja-says")).to_contain_text(says)
    go_on = shrinking.get_by_role("button", name="Resume")
    expect(go_on).to_have_attribute("aria-disabled", "true")
    notebook.screenshot("at-rest-undeclared")
    notebook.run_and_wait(1)
    expect(resume).not_to_have_attribute("aria-disabled", "true")
    expect(wiki.locator(".ja-left")).to_contain_text(re.compile("ago|just now"))
    page.add_script_tag(path=AXE)
    assert violations(board) == []
    expect_nothing(board, OVERLAPS)
    notebook.screenshot("at-rest")
    expect(go_on).not_to_have_attribute("aria-disabled", "true")
    go_on.click()
    expect(shrinking).to_have_attribute("data-state", "succeeded", timeout=GENEROUS)
    expect(shrinking.locator(".ja-says")).to_have_text("8 of 8")
    resume.click()
    expect(wiki).to_have_attribute("data-state", "running", timeout=GENEROUS)
    expect(wiki.locator(".ja-says")).to_contain_text("page 9", timeout=GENEROUS)
    letters.get_by_role("button", name="Discard").click()
    expect(letters).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    notebook.screenshot("at-rest-resumed")
    wiki.get_by_role("button", name="Cancel").click()
    expect(wiki).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
