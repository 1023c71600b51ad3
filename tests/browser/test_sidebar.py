"""Tests of the sidebar and the status item as a user sees them: through a kernel's whole life."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, expect

from tests.browser.settled import expect_true
from tests.browser.test_board import AXE, violations
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import Notebook

GENEROUS = 120_000

START = """\
import os, time, trio
import jobactors as ja
jobs = ja.start()

async def count(n, seconds=0.05):
    for i in range(n):
        ja.progress(i + 1, n, f"step {i + 1}", unit="steps")
        await trio.sleep(seconds)

job = jobs.options(name="train", subject="wiki").submit(count, 20_000)
other = jobs.options(name="<img src=x onerror='window.hacked=1'>").submit(count, 40_000)
"""
KILLED = "os.kill(os.getpid(), 9)"
CONTEXT = "window.jupyterapp.shell.currentWidget.sessionContext"


def status(page: Page) -> Locator:
    """The status item's button."""
    return page.locator(".ja-status-button")


def sidebar(page: Page) -> Locator:
    """The list of jobs."""
    return page.locator("#jobactors-sidebar")


def sections(page: Page) -> Locator:
    """The names of the notebooks that have jobs, top to bottom."""
    return sidebar(page).locator(".ja-section-name")


def front_tab(page: Page) -> Locator:
    """The tab of the notebook in front."""
    return page.locator(".lm-DockPanel .lm-mod-current")


def job_row(page: Page, name: str) -> Locator:
    """The row of a job in the sidebar."""
    return sidebar(page).locator(".ja-row").filter(has=page.get_by_text(name)).first


def cancel(row: Locator) -> Locator:
    """Its Cancel button."""
    return row.get_by_role("button", name=re.compile("^Cancel"))


def expect_moving(row: Locator) -> None:
    """Expect that the text of the row changes by itself."""
    says = row.locator(".ja-says")
    expect(says).to_contain_text("step", timeout=GENEROUS)
    before = says.inner_text()
    expect(says).not_to_have_text(before, timeout=GENEROUS)


def ours(errors: list[str]) -> list[str]:
    """Leave out what JupyterLab itself reports of a kernel's end: its debugger, others' comms.

    And the requests of its own, such as for the kernel's info, that it gives up without listening.
    """
    kept = (error for error in errors if "jobactors" in error or error.startswith("uncaught"))
    return [error for error in kept if "Canceled future for" not in error]


def run_command(page: Page, command: str) -> None:
    """Run one of the application's commands, and do not wait for its end."""
    page.evaluate("name => { void window.jupyterapp.commands.execute(name); }", command)


def theme(notebook: Notebook, name: str) -> None:
    """Change the colours of JupyterLab."""
    notebook.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name
    )
    attribute = "true" if "Light" in name else "false"
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", attribute)


# Lab saves it a while after the sidebar was opened, later in the first page of a server.
LAYOUT_SAVED = """async milliseconds => {
    const { baseUrl } = window.jupyterapp.serviceManager.serverSettings;
    const end = Date.now() + milliseconds;
    while (Date.now() < end) {
        const found = await fetch(`${baseUrl}lab/api/workspaces`);
        if (/"current":\\s*"jobactors-sidebar"/.test(await found.text())) return true;
        await new Promise(go => setTimeout(go, 200));
    }
    return false;
}"""


def start_jobs(notebook: Notebook) -> None:
    """A kernel without the package is left in peace; then two jobs are live, and only text."""
    notebook.run_and_wait(0)
    expect(status(notebook.page)).to_be_hidden()
    run_command(notebook.page, "jobactors:show")
    expect(sidebar(notebook.page)).to_contain_text("No jobs here yet")
    notebook.run_and_wait(1)
    expect(status(notebook.page)).to_contain_text("2 jobs running", timeout=GENEROUS)
    expect_moving(job_row(notebook.page, "train"))
    assert sidebar(notebook.page).locator("img").count() == 0


def reload_in_a_busy_cell(notebook: Notebook) -> None:
    """The page is loaded again in the middle of a cell, and the jobs are live before its end."""
    notebook.run_cell(2)
    notebook.wait_running(2)
    notebook.save()
    assert notebook.page.evaluate(LAYOUT_SAVED, GENEROUS)
    notebook.reload(wait_idle=False)
    expect(status(notebook.page)).to_contain_text("2 jobs running", timeout=GENEROUS)
    expect(sidebar(notebook.page)).to_be_visible()  # where it was before
    expect_moving(job_row(notebook.page, "train"))
    notebook.screenshot("sidebar-lab-light")


def cancel_in_a_second_window(notebook: Notebook, second: Notebook, busy: BusyCell) -> None:
    """Still in the busy cell: both windows show the job, one cancels it, both show that."""
    page = second.page
    status(page).click()
    expect_moving(job_row(page, "train"))
    cancel(job_row(page, "train")).click()
    for each in (page, notebook.page):
        expect(job_row(each, "train")).to_have_attribute(
            "data-state", "cancelled", timeout=GENEROUS
        )
        expect(status(each)).to_contain_text("1 job running")
    page.goto("about:blank")
    busy.end()
    notebook.wait_idle()


def lose_the_connection(notebook: Notebook) -> None:
    """The websocket is lost and comes back; then the kernel is killed, and live again."""
    page = notebook.page
    page.evaluate(f"() => {CONTEXT}.session.kernel.reconnect()")
    expect_moving(job_row(page, "onerror"))
    notebook.run_cell(3)
    expect(status(page)).to_be_hidden(timeout=GENEROUS)
    expect(sidebar(page).locator(".ja-row")).to_have_count(0)
    page.locator(".jp-Dialog .jp-mod-accept").click(timeout=GENEROUS)
    notebook.wait_idle()
    notebook.run_and_wait(1)
    expect(status(page)).to_contain_text("2 jobs running", timeout=GENEROUS)


def open_another_notebook(notebook: Notebook) -> None:
    """The one in front stands first; a command ends its jobs, after a question."""
    page = notebook.page
    notebook.server.write_notebook("folder/other.ipynb", [START])
    page.evaluate(
        "path => window.jupyterapp.commands.execute('docmanager:open', { path })",
        "folder/other.ipynb",
    )
    expect(front_tab(page)).to_contain_text("other.ipynb")
    notebook.wait_idle()
    notebook.run_and_wait(0)
    expect(status(page)).to_contain_text("4 jobs running", timeout=GENEROUS)
    expect(sections(page)).to_have_text(["other.ipynb", "life.ipynb"])
    theme(notebook, "JupyterLab Dark")
    notebook.screenshot("sidebar-lab-dark")
    theme(notebook, "JupyterLab Light")
    run_command(page, "jobactors:cancel-all")
    question = page.locator(".jp-Dialog")
    expect(question).to_contain_text("Cancel all 2 jobs of this notebook?")
    question.get_by_role("button", name="Cancel all jobs").click()
    expect(status(page)).to_contain_text("2 jobs running", timeout=GENEROUS)


def restart_and_shut_down(notebook: Notebook) -> None:
    """Nothing is left over, and the other notebook's jobs stay."""
    page = notebook.page
    sidebar(page).get_by_role("button", name="life.ipynb", exact=True).click()
    expect(front_tab(page)).to_contain_text("life.ipynb")
    page.evaluate(f"() => {CONTEXT}.restartKernel()")
    expect(sections(page)).to_have_text(["other.ipynb"], timeout=GENEROUS)
    expect(status(page)).to_be_hidden()
    notebook.wait_idle()
    notebook.run_and_wait(1)
    # Beside it are those of the kernels before, at rest.
    moving = sidebar(page).locator(".ja-row[data-state='running']")
    expect_moving(moving.filter(has=page.get_by_text("train")).first)
    page.evaluate(f"() => {CONTEXT}.shutdown()")
    expect(status(page)).to_be_hidden(timeout=GENEROUS)


def test_the_life_of_a_kernel_in_the_sidebar(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """Quiet, live, reloaded in a busy cell, in two windows, killed, restarted, beside another."""
    busy = BusyCell(tmp_path)
    notebook = open_notebook(["1 + 1", START, busy.source, KILLED], path="life.ipynb")
    start_jobs(notebook)
    reload_in_a_busy_cell(notebook)
    second = open_notebook(None, path="life.ipynb", wait_idle=False)
    cancel_in_a_second_window(notebook, second, busy)
    lose_the_connection(notebook)
    open_another_notebook(notebook)
    restart_and_shut_down(notebook)
    notebook.server.end_session("folder/other.ipynb")
    assert notebook.page.evaluate("window.hacked") is None
    assert ours(notebook.console_errors) == []


def test_a_notice_of_what_ended_out_of_sight(open_notebook: OpenNotebook) -> None:
    """A page that is looked at is not disturbed; the other finds one notice."""
    notebook = open_notebook([START, "jobs.submit(count, 3).result()", "job.cancel()"])
    page = notebook.page
    run_command(page, "jobactors:show")
    for index in range(2):
        notebook.run_and_wait(index)
    expect(sidebar(page).locator("[data-state='succeeded']")).to_have_count(1)
    expect(page.locator(".Toastify__toast")).to_have_count(0)
    page.locator(".jp-SideBar .lm-mod-current").first.click()  # closed: it is opened below
    expect(sidebar(page)).to_be_hidden()
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    notebook.run_and_wait(1)
    notebook.run_and_wait(1)
    toast = page.locator(".Toastify__toast")
    expect(toast).to_contain_text("2 jobs succeeded", timeout=GENEROUS)
    expect(toast).to_have_count(1)
    notebook.screenshot("sidebar-notice")
    toast.get_by_role("button", name="Show").click()
    expect(sidebar(page)).to_be_visible()
    assert notebook.console_errors == []


SECOND = """\
films = ja.start(name="films")
scene = films.options(name="scene").submit(count, 20_000)
"""


def test_the_jobs_of_a_kernel_whose_notebook_is_not_open(open_notebook: OpenNotebook) -> None:
    """Live and cancellable from another page, with a section for each of its job systems.

    A click on the name of a section opens the notebook.
    """
    night = open_notebook([START, SECOND], path="night.ipynb")
    for index in range(2):
        night.run_and_wait(index)
    night.page.goto("about:blank")
    notebook = open_notebook(["1 + 1"], path="day.ipynb")
    page = notebook.page
    notebook.run_and_wait(0)
    run_command(page, "jobactors:show")
    both = ["night.ipynb not open", "night.ipynb · films not open"]
    expect(sections(page)).to_have_text(both, timeout=GENEROUS)
    for name in ("train", "scene"):
        expect_moving(job_row(page, name))
    expect(status(page)).to_be_hidden()  # which counts what is open
    notebook.screenshot("sidebar-elsewhere")
    cancel(job_row(page, "train")).click()
    expect(job_row(page, "train")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    sections(page).last.click()
    expect(front_tab(page)).to_contain_text("night.ipynb")
    expect(sections(page)).to_have_text(["night.ipynb", "night.ipynb · films"], timeout=GENEROUS)
    expect(status(page)).to_contain_text("2 jobs running")
    cancel(job_row(page, "scene")).click()
    expect(job_row(page, "scene")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    expect(status(page)).to_contain_text("1 job running")
    assert ours(notebook.console_errors) == []


NARROW = """() => window.jupyterapp.shell._hsplitPanel.setRelativeSizes([1, 20])"""
SCROLLERS = """side => [...side.querySelectorAll('*')].filter(el =>
    /auto|scroll/.test(getComputedStyle(el).overflowY)
    && el.scrollHeight > el.clientHeight + 1).length"""
NIGHT = """\
async def fail():
    raise ValueError("no date")
job.cancel(); other.cancel()
jobs.submit(fail).wait()
"""


def test_a_narrow_sidebar_has_a_line_a_job(open_notebook: OpenNotebook) -> None:
    """One scrollbar and one filter; an ended kernel is a line; actions come with the mouse."""
    night = open_notebook([START, NIGHT], path="evening.ipynb")
    for index in range(2):
        night.run_and_wait(index)
    night.page.goto("about:blank")
    many = "for n in range(60): jobs.options(name=f'page {n}', hold=True).submit(count, 5)"
    notebook = open_notebook([START, many], path="day.ipynb")
    page, side = notebook.page, sidebar(notebook.page)
    for index in range(2):
        notebook.run_and_wait(index)
    run_command(page, "jobactors:show")
    page.evaluate(NARROW)
    # As narrow as JupyterLab lets a side be.
    page.wait_for_function("document.querySelector('#jobactors-sidebar').clientWidth <= 250")
    expect(sections(page)).to_have_text(["day.ipynb", "evening.ipynb not open"], timeout=GENEROUS)
    train, ended = job_row(page, "train"), side.locator(".ja-section").last
    expect(ended.locator(".ja-section-body")).to_be_hidden()
    expect(ended.locator(".ja-section-counts")).to_have_text("3 jobs: 1 failed · 2 cancelled")
    expect_true(train, "row => row.getBoundingClientRect().height < 30")
    expect_true(side, f"side => ({SCROLLERS})(side) === 1")
    # The others are a scroll away.
    expect_true(side, "side => side.querySelectorAll('.ja-row').length < 62")
    notebook.screenshot("sidebar-narrow")
    page.add_script_tag(path=AXE)
    assert violations(side) == []
    side.get_by_role("searchbox").fill("page 7")
    expect(side.locator(".ja-row")).to_have_count(6)  # 7, 17, …
    side.get_by_role("searchbox").fill("")
    train.hover()
    box = cancel(train).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(train).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    notebook.screenshot("sidebar-narrow-cancelled")
    ended.locator(".ja-section-fold").click()
    expect(ended.locator(".ja-row")).to_have_count(3)
    night.server.end_session("evening.ipynb")
    assert ours(notebook.console_errors) == []


# `scrollWidth` is a whole number, and a part of a pixel is enough for an ellipsis.
IS_WHOLE = """el => {
    const text = document.createRange();
    text.selectNodeContents(el);
    return text.getBoundingClientRect().width <= el.getBoundingClientRect().width;
}"""


def test_a_long_name_of_a_notebook_leaves_its_counts_readable(open_notebook: OpenNotebook) -> None:
    """The name is cut, not the counts beside it."""
    long = "03_from_this_kernel_to_a_cluster_of_many_machines.ipynb"
    notebook = open_notebook([START], path=long)
    notebook.run_and_wait(0)
    run_command(notebook.page, "jobactors:show")
    head = sidebar(notebook.page).locator(".ja-section-head")
    counts = head.locator(".ja-section-counts")
    expect(counts).to_have_text("2 jobs running", timeout=GENEROUS)
    notebook.screenshot("sidebar-long-name")
    expect_true(counts, IS_WHOLE)
    expect_true(head.locator(".ja-section-name"), "name => name.scrollWidth > name.clientWidth")
