"""Tests of plain keys in a panel: they are the panel's, and never the notebook's."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_board import GENEROUS, row

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App, Notebook

APPS = pytest.mark.parametrize("app", ["lab", "notebook"])
START = """\
import trio
import jobactors as ja
from jobactors_widgets import launcher
jobs = ja.start(max_running=2)
for n in range(4):
    jobs.options(name=f"wait {n}").submit(trio.sleep_forever)
for n in range(4):
    jobs.options(name=f"add {n}", runner="thread").submit(sum, [n])
jobs.hold_dispatch()
launcher(trio.sleep, label="Sleep")
"""
TYPED = string.ascii_lowercase + string.digits + "dd00ii"  # delete a cell, restart, interrupt
# What has the same look works alike: one of each is enough.
FOCUSABLE = """root => {
    const kinds = new Map();
    for (const el of root.querySelectorAll('[tabindex], button, input, select, [role=button]')) {
        const kind = [el.tagName, el.className, el.dataset.verb, el.dataset.many].join(' ');
        if (el.checkVisibility() && !kinds.has(kind)) kinds.set(kind, el);
    }
    // What is typed into a filter takes rows away, so the rows come first.
    const isTool = el => Boolean(el.closest('.ja-tools'));
    return [...kinds.values()].sort((a, b) => isTool(a) - isTool(b));
}"""
NOTEBOOK = """() => {
    const { content } = window.jupyterapp.shell.currentWidget;
    const cells = content.widgets.map(cell => [
        cell.model.type, cell.model.sharedModel.getSource(), cell.model.sharedModel.execution_count,
        cell.outputHidden, cell.inputHidden, cell.outputsScrolled, cell.model.metadata,
    ]);
    const dialog = document.querySelector('.jp-Dialog, .lm-Menu, .jp-DocumentSearch-overlay');
    return JSON.stringify([content.activeCellIndex, cells, dialog?.textContent]);
}"""


def press_everywhere(notebook: Notebook, where: Any) -> int:
    """Press every plain key on all that can have the focus; return how many things had it."""
    things = where.evaluate_handle(FOCUSABLE)
    count: int = things.evaluate("things => things.length")
    for at in range(count):
        thing = things.evaluate_handle("(things, at) => things[at]", at).as_element()
        assert thing is not None
        thing.evaluate("thing => thing.focus()")
        notebook.page.keyboard.type(TYPED)
        thing.evaluate("thing => thing.focus()")
        for key in ("Delete", "Escape", "Backspace"):  # Delete asks, Escape answers
            notebook.page.keyboard.press(key)
    return count


@APPS
def test_no_plain_key_reaches_the_notebook(open_notebook: OpenNotebook, app: App) -> None:
    """Every letter, digit and Delete on everything that can have the focus."""
    notebook = open_notebook([START, "jobs"], app=app)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    board = notebook.cell(1).locator(".ja-jobs")
    expect(board.locator(".ja-row")).to_have_count(8, timeout=GENEROUS)
    board.locator(".ja-row .ja-check").first.check()
    board.locator(".ja-row .ja-more").first.click()
    expect(board.locator(".ja-facts").first).to_be_visible(timeout=GENEROUS)
    kernel, before = notebook.kernel_id(), notebook.page.evaluate(NOTEBOOK)
    assert press_everywhere(notebook, notebook.cell(0).locator(".jp-OutputArea").first) == 1
    assert press_everywhere(notebook, board) > 12
    assert notebook.page.evaluate(NOTEBOOK) == before
    assert notebook.kernel_id() == kernel
    notebook.screenshot(f"keys-{app}")
    assert notebook.console_errors == []


@APPS
def test_the_keys_of_a_board_work_its_rows(open_notebook: OpenNotebook, app: App) -> None:
    """Arrows move, Space selects, Delete asks, and a second Delete does it."""
    notebook = open_notebook([START, "jobs", "saved = 1"], app=app)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    board, press = notebook.cell(1).locator(".ja-jobs"), notebook.page.keyboard.press
    first, second = row(board, "wait 0"), row(board, "wait 1")
    first.focus()
    press("ArrowDown")
    expect(second).to_be_focused()
    press("Space")
    expect(second.locator(".ja-check")).to_be_checked()
    expect(board.locator(".ja-many .ja-counts")).to_contain_text("1 selected")
    press("Delete")
    expect(second.locator(".ja-says")).to_contain_text("Cancel this job?")
    press("Escape")
    expect(second.locator(".ja-says")).not_to_contain_text("Cancel this job?")
    press("Delete")
    press("ArrowUp")  # leaving is an answer, too
    press("ArrowDown")
    press("Delete")
    expect(second).to_have_attribute("data-state", "running")
    notebook.screenshot(f"delete-asks-{app}")
    press("Delete")
    expect(second).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    press("Control+s")  # keys with Ctrl are the notebook's, here as elsewhere
    notebook.page.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.context.model.dirty", timeout=GENEROUS
    )
