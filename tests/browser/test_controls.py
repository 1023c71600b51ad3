"""Tests of a button that starts a job, and of a slider that sends to one, as a user works them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Locator, expect

from tests.browser.test_board import AXE, violations
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook

GENEROUS = 120_000

LAUNCHERS = """\
import trio, ipywidgets
import jobactors as ja
from jobactors_widgets import bind, launcher
jobs = ja.start()
how_many = ipywidgets.IntText(3, description="pages")
finish = trio.Event()

async def index(pages):
    ja.progress(1, 4, "reading")
    await finish.wait()
    return {"pages": pages}

async def clean():
    ja.progress(3, 10)
    ja.save_checkpoint(3)
    raise ValueError("no date")

launch = launcher(index, label="Index", subject="wiki", args=lambda: {"pages": how_many.value})
ipywidgets.VBox([how_many, launch, launcher(clean, label="Clean")])
"""
FITS = "title => (title.style.width = '5em', title.scrollWidth <= title.clientWidth)"
LET_IT_FINISH = "ja.lowlevel.post(jobs, finish.set)"


def part(cell: Locator, label: str) -> Locator:
    """The launcher with this button."""
    button = cell.page.get_by_role("button", name=label, exact=True)
    return cell.locator(".ja-controls").filter(has=button)


def test_a_button_starts_a_job_and_shows_how_it_ends(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    """Its row is that of a board, also in the middle of a cell; found again, and accessible."""
    again_with_a_board = "display(launch, jobs)"
    busy = BusyCell(tmp_path)
    cells = [LAUNCHERS, again_with_a_board, busy.source, LET_IT_FINISH]
    notebook = open_notebook(cells, app="notebook")
    notebook.run_and_wait(0)
    first = part(notebook.cell(0), "Index")
    button = first.get_by_role("button", name="Index", exact=True)
    expect(button).to_be_enabled(timeout=GENEROUS)
    notebook.run_cell(2)
    notebook.wait_running(2)
    button.click()
    expect(button).to_be_disabled()
    row = first.locator(".ja-row")
    expect(row).to_have_attribute("data-state", "running", timeout=GENEROUS)
    expect(row.locator(".ja-says")).to_have_text("reading · 1 of 4")
    expect(row.get_by_role("button", name="Cancel index")).to_be_visible()
    assert notebook.prompt(2).inner_text() == "[*]:"
    busy.end()
    notebook.wait_done(2)
    notebook.run_and_wait(1)
    again = part(notebook.cell(1), "Index")
    expect(again.get_by_role("button", name="Index", exact=True)).to_be_disabled(timeout=GENEROUS)
    on_board = notebook.cell(1).locator(".ja-board .ja-row").first
    expect(on_board).to_have_attribute("data-state", "running", timeout=GENEROUS)
    notebook.screenshot("launcher-running")
    row.locator(".ja-name").click()  # a link
    expect(on_board).to_be_focused()
    notebook.page.add_script_tag(path=AXE)
    for cell in (0, 1):
        assert violations(notebook.cell(cell).locator(".jp-OutputArea")) == []
    notebook.run_and_wait(3)
    for each in (first, again):
        expect(each.locator("div.widget-label")).to_have_text("{'pages': 3}", timeout=GENEROUS)
        expect(each.get_by_role("button", name="Index", exact=True)).to_be_enabled()
    expect(row.locator(".ja-unread")).to_be_visible()
    assert row.locator(".ja-title").evaluate(FITS)  # else the browser cuts off all of the name
    clean = part(notebook.cell(0), "Clean")
    button = clean.get_by_role("button", name="Clean", exact=True)
    button.click()
    expect(clean.locator(".ja-says")).to_have_text("ValueError: no date", timeout=GENEROUS)
    expect(button).to_be_enabled()
    button.click()
    expect(clean.locator("div.widget-label")).to_contain_text("failed at 30 %, ", timeout=GENEROUS)
    for choice in ("Resume", "Start fresh", "Cancel"):
        expect(clean.get_by_role("button", name=choice, exact=True)).to_be_visible()
    notebook.screenshot("launcher-asks")
    clean.get_by_role("button", name="Cancel", exact=True).click()
    expect(clean.get_by_role("button", name="Start fresh")).to_be_hidden()
    expect(button).to_be_enabled()
    notebook.screenshot("launcher-ended")
    assert violations(notebook.cell(0).locator(".jp-OutputArea")) == []
    assert notebook.console_errors == []


BOUND = """\
import ipywidgets, trio
import jobactors as ja
from jobactors_widgets import bind
jobs = ja.start()

async def train():
    async for name, value in ja.current_job().inbox:
        ja.progress(0, message=f"{name} is {value:.1f}")
        if value > 0.75:
            return value

job = jobs.submit(train)
rate = ipywidgets.FloatSlider(0.5, max=1, step=0.1, description="rate")
bind(job, rate, "rate")
"""


def test_a_slider_talks_to_a_running_job(open_notebook: OpenNotebook) -> None:
    """It stands below the job's row, which opens the sidebar; its values reach the mailbox.

    When the job has ended, the slider is just a slider.
    """
    notebook = open_notebook([BOUND])
    notebook.run_and_wait(0)
    row = notebook.cell(0).locator(".ja-row")
    expect(row).to_have_attribute("data-state", "running", timeout=GENEROUS)
    handle = notebook.cell(0).locator(".noUi-handle")
    handle.focus()
    notebook.page.keyboard.press("ArrowRight")
    expect(row.locator(".ja-says")).to_have_text("rate is 0.6")
    expect(row.get_by_role("button", name="Cancel train")).to_be_visible()
    notebook.screenshot("slider-bound")
    row.locator(".ja-name").focus()
    notebook.page.keyboard.press("Enter")  # no board is there
    expect(notebook.page.locator("#jobactors-sidebar .ja-row")).to_be_focused(timeout=GENEROUS)
    notebook.screenshot("slider-sidebar")
    handle.focus()
    for _ in range(2):
        notebook.page.keyboard.press("ArrowRight")
    expect(row).to_have_attribute("data-state", "succeeded", timeout=GENEROUS)
    notebook.page.keyboard.press("ArrowRight")
    expect(notebook.cell(0).locator(".widget-readout")).to_have_text("0.90")
    assert notebook.console_errors == []
