"""Tests that a row uses its room, and that its words lead on: links, columns, a traceback."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.settled import expect_nothing, expect_true
from tests.browser.test_board import GENEROUS, OVERLAPS, STICKS_OUT, row

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.conftest import OpenNotebook

JOBS = """\
import logging, trio
import jobactors as ja
jobs = ja.start(resources={"api": ja.Rate(1, per=7200)})
MESSAGE = "a message that is long enough for all the room that there is, " * 2

async def work(name):
    ja.progress(1, 3, MESSAGE)
    await trio.sleep_forever()

def deep(n):
    return deeper(n - 1) if n else int("no number")

def deeper(n):
    return deep(n)

def fail():
    log = logging.getLogger("clean")
    log.warning("one row is odd")
    log.error("another is broken")
    deep(20)

index = jobs.options(name="index", subject="wiki").submit(work, "index")
jobs.options(name="embed", priority="high", after=[index]).submit(work, "embed")
for name in ("ask", "ask again"):
    jobs.options(name=name, resources={"api": 1}).submit(print)
for n in range(60):
    jobs.options(name=f"page {n}", hold=True).submit(work, n)
jobs.options(name="a name of some forty letters, and a few").submit(work, "long")
clean = jobs.options(name="clean").submit(fail)
clean.exception()
jobs
"""
IS_CUT = "el => el.scrollWidth > el.clientWidth"
END_IN_SIGHT = """text => {
    const { bottom } = text.closest('.ja-list').getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(text);
    const lines = [...range.getClientRects()];
    return text.textContent.trimEnd().endsWith("'no number'") && lines.at(-1).bottom < bottom;
}"""
COLOUR = "el => getComputedStyle(el).color"


def first_name(board: Locator) -> Locator:
    """The name in the first row."""
    return board.locator(".ja-row .ja-name").first


def test_a_row_uses_its_room_and_its_words_lead_on(open_notebook: OpenNotebook) -> None:
    """Names are whole and messages begin behind them; what is waited for is a click away."""
    notebook = open_notebook([JOBS])
    notebook.run_and_wait(0)
    page, board = notebook.page, notebook.cell(0).locator(".ja-jobs")
    index, embed = row(board, "index · wiki"), row(board, "embed")
    expect(index.locator(".ja-says")).to_contain_text("a message that", timeout=GENEROUS)
    name, says = index.locator(".ja-title"), index.locator(".ja-says")
    expect_true(name, f"name => !({IS_CUT})(name)")
    left, right = name.bounding_box(), says.bounding_box()
    assert left is not None
    assert right is not None
    assert right["x"] - (left["x"] + left["width"]) < 90  # the state is between them
    expect_nothing(board, STICKS_OUT)
    expect_nothing(board, OVERLAPS)
    expect(embed.locator(".ja-says")).to_have_text("waits for index · wiki · high priority")
    turn = re.compile(r"^waits for its turn at api: (2\sh|1\sh 59\smin)$")
    expect(row(board, "ask again").locator(".ja-says")).to_have_text(turn)
    head = board.get_by_role("button", name="Sort by name")
    head.click()
    expect(first_name(board)).to_have_text("a name of some forty letters, and a few")
    head.click()
    expect(first_name(board)).to_have_text("page 59")
    expect(head).to_have_text("Job▼")
    notebook.screenshot("columns")
    board.get_by_role("searchbox").fill("embed")
    expect(index).to_be_hidden()
    embed.get_by_role("button", name="index · wiki", exact=True).click()
    expect(index).to_be_focused()
    expect(index).to_be_in_viewport()
    head.click()
    board.get_by_role("searchbox").fill("clean")
    failed = row(board, "clean")
    failed.locator(".ja-more").click()
    text = failed.get_by_role("group", name="Error")
    expect(text).to_contain_text("no number", timeout=GENEROUS)
    expect_true(text, END_IN_SIGHT)
    failed.get_by_role("button", name="Show all").click()
    expect(text).to_contain_text("Traceback (most recent call last)")
    warning, error = (failed.locator(f"[data-source={level}]") for level in ("WARNING", "ERROR"))
    expect(error).to_be_attached(timeout=GENEROUS)
    assert warning.evaluate(COLOUR) != error.evaluate(COLOUR)
    expect(failed.locator(".ja-facts")).to_contain_text("in a thread")
    notebook.screenshot("traceback")
    page.mouse.move(5, 5)
    assert notebook.console_errors == []


ELSEWHERE = """\
import trio
import jobactors as ja
jobs = ja.start()

class Cluster:
    name, takes_slot, can_abandon, waits_elsewhere = "cluster", False, False, True

    async def run(self, attempt):
        await attempt.started("tcp://127.0.0.1:40123")
        return await attempt.function(*attempt.args)

async def index(number):
    for done in range(10_000):
        ja.progress(done, 10_000, unit="steps")
        await trio.sleep(0.1)

for number in range(3):
    name = f"index part[{number}] part {number}/3"
    jobs.options(runner=Cluster(), name=name).submit(index, number)
jobs
"""


def test_the_address_of_a_worker_is_whole_beside_the_sidebar(open_notebook: OpenNotebook) -> None:
    """At 1500 pixels: the speed gives it its room, and is in the title of the time left."""
    notebook = open_notebook([ELSEWHERE])
    page, board = notebook.page, notebook.cell(0).locator(".ja-jobs")
    page.set_viewport_size({"width": 1500, "height": 800})
    page.wait_for_function("() => innerWidth === 1500")
    notebook.run_and_wait(0)
    page.evaluate("() => { void window.jupyterapp.commands.execute('jobactors:show'); }")
    expect(page.locator("#jobactors-sidebar .ja-row")).to_have_count(3, timeout=GENEROUS)
    indexing = row(board, "index part[1] part 1/3")
    left, words = indexing.locator(".ja-left"), indexing.locator(".ja-words")
    expect(left).to_contain_text("left", timeout=GENEROUS)
    expect(left).to_have_attribute("title", re.compile(r"steps/s$"))
    expect(words).to_contain_text(re.compile(r"^\d+ of 10k steps · on tcp://127.0.0.1:40123$"))
    notebook.screenshot("address")
    for text in (indexing.locator(".ja-title"), words):
        expect_true(text, f"text => !({IS_CUT})(text)")
    expect_nothing(board, OVERLAPS)
