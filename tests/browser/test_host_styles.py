"""Tests of a board among the styles of its host: none of them reaches it, and nothing overflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jobactors_widgets.static_files import panel_style
from playwright.sync_api import expect

from tests.browser.lab import VIEWPORT
from tests.browser.settled import expect_nothing
from tests.browser.test_board import (
    AXE,
    EVERY_STATE,
    GENEROUS,
    OVERLAPS,
    PAUSE,
    START,
    STICKS_OUT,
    row,
    violations,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App, Notebook

APPS = pytest.mark.parametrize("app", ["lab", "notebook"])

# In a shadow tree only our own rules apply, and everything is inherited from the same place.
FOREIGN = """(board, style) => {
    document.activeElement.blur();
    const host = board.parentNode.insertBefore(document.createElement('div'), board);
    const shadow = host.attachShadow({ mode: 'open' });
    shadow.append(Object.assign(document.createElement('style'), { textContent: style }));
    const alone = shadow.appendChild(board.cloneNode(true));
    const sizes = /^(width|height|(block|inline)-size|inset.*|top|left|right|bottom)$/;
    const moving = /^(transform|.*-origin)$/;
    const names = [...getComputedStyle(board)].filter(
        name => !sizes.test(name) && !moving.test(name));
    const [ours, theirs] = [alone, board].map(el => [...el.querySelectorAll('*')]);
    const found = new Set();
    ours.forEach((el, at) => {
        const [own, there] = [getComputedStyle(el), getComputedStyle(theirs[at])];
        for (const name of names) {
            if (own[name] === there[name]) continue;
            const which = `${el.tagName} ${el.getAttribute('class')}`;
            found.add(`${which}: ${name} is ${there[name]}, not ${own[name]}`);
        }
    });
    host.remove();
    return [...found];
}"""
# From the board outwards, nothing has more in it than it shows, except the notebook itself.
OVERFLOWING = """board => {
    const found = [];
    const notebook = board.closest('.jp-WindowedPanel-outer, .jp-Notebook');
    for (let el = board; el !== notebook; el = el.parentElement) {
        if (el.scrollHeight > el.clientHeight || el.scrollWidth > el.clientWidth) {
            if (getComputedStyle(el).overflow !== 'visible') found.push(el.className);
        }
    }
    return found;
}"""


@APPS
def test_no_style_of_the_host_reaches_a_board(open_notebook: OpenNotebook, app: App) -> None:
    """Not even its rules for lists, buttons and tables; and no scrollbar is there for nothing."""
    notebook = open_notebook([START, EVERY_STATE, PAUSE], app=app)
    for index in range(3):
        notebook.run_and_wait(index)
    board = notebook.cell(1).locator(".ja-jobs")
    failed = row(board, "clean · orders")
    failed.locator(".ja-more").click()
    expect(failed.get_by_role("log")).to_have_text("reading dates.csv", timeout=GENEROUS)
    row(board, "sum").locator(".ja-more").click()
    row(board, "sum").get_by_role("button", name="Show the result as text").click()
    expect(board.locator(".ja-result")).to_have_text("6", timeout=GENEROUS)
    board.locator(".ja-row .ja-check").first.check()
    failed.scroll_into_view_if_needed()
    notebook.page.mouse.move(0, 0)
    notebook.screenshot(f"details-{app}")
    expect_nothing(board, FOREIGN, panel_style())
    expect_nothing(board, OVERFLOWING)
    notebook.page.add_script_tag(path=AXE)
    assert violations(board) == []
    expect_readable_elsewhere(notebook, board, app)


def expect_readable_elsewhere(notebook: Notebook, board: Locator, app: App) -> None:
    """In a page from right to left, and on a telephone, all is in its place."""
    page = notebook.page
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    board.locator(".ja-row").first.scroll_into_view_if_needed()
    notebook.screenshot(f"right-to-left-{app}")
    expect_nothing(board, STICKS_OUT)
    expect_nothing(board, OVERLAPS)
    page.evaluate("() => { document.documentElement.dir = ''; }")
    if app == "lab":  # its own sidebar would leave thirty pixels
        return
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("() => innerWidth === 390")
    board.locator(".ja-row").first.scroll_into_view_if_needed()
    notebook.screenshot("telephone")
    expect_nothing(board, STICKS_OUT)
    expect_nothing(board, OVERLAPS)
    page.set_viewport_size(VIEWPORT)
