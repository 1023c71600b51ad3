"""Tests of the board in JupyterLab: accessible, with hostile texts, and with ten thousand jobs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Locator, expect

from tests.browser.lab import VIEWPORT, Notebook
from tests.browser.settled import expect_nothing, expect_true

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / ".tools" / "axe.min.js"
HOSTILE = ROOT / "tests" / "widgets" / "hostile.json"
GENEROUS = 120_000

START = """\
import json, time, trio
import jobactors as ja
jobs = ja.start(max_running=3)

async def count(n):
    print("begun", flush=True)
    async for i in ja.track(range(n), unit="steps"):
        await trio.sleep(0.02)

def stubborn():
    ja.progress(3, 10, "calling an old library")
    time.sleep(600)

def fail():
    print("reading dates.csv")
    raise ValueError("no date")

async def forever():
    await trio.sleep_forever()
"""
EVERY_STATE = """\
jobs.options(name="clean", subject="orders").submit(fail).exception()
jobs.options(name="sum").submit(sum, [1, 2, 3]).result()
pages = jobs.options(name="pages", subject="wiki", tags=("gpu",), priority="high")
paused = pages.submit(count, 90_000)
stuck = jobs.options(name="old import", grace=0.1).submit(stubborn)
jobs.options(name="wait for the server", tags=("net",)).submit(forever)

def until(test):
    deadline = time.monotonic() + 60
    while not test() and time.monotonic() < deadline:
        time.sleep(0.01)

until(lambda: paused.snapshot().progress.done and stuck.snapshot().progress.done)
stuck.cancel()
jobs.options(name="train", icon="T", metadata={"seed": 42}).submit(count, 90_000)
jobs.options(name="held", hold=True).submit(count, 5)
jobs.options(name="\\u0641\\u0647\\u0631\\u0633\\u0629").submit(count, 90_000)
until(lambda: stuck.snapshot().stuck)
jobs
"""
PAUSE = "paused.pause(); until(lambda: paused.state is ja.JobState.PAUSED)"
VIOLATIONS = """async root => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const found = await axe.run(root, { runOnly: tags });
    if (found.passes.length < 10) throw new Error('axe-core looked at nothing');
    const where = nodes => nodes.slice(0, 3).map(n => `${n.html} ${n.failureSummary}`);
    return found.violations.map(v => [v.id, v.help, ...where(v.nodes)].join('\\n'));
}"""


SHOWN = """const shown = [...root.querySelectorAll('.ja-row > *, .ja-tools > *, .ja-buttons > *')]
    .filter(el => el.checkVisibility() && el.getBoundingClientRect().width);"""
STICKS_OUT = f"""root => {{
    {SHOWN}
    const {{ left, right }} = root.getBoundingClientRect();
    return shown.filter(el => {{
        const box = el.getBoundingClientRect();
        return box.left < left - 1 || box.right > right + 1;
    }}).map(el => el.outerHTML);
}}"""
OVERLAPS = f"""root => {{
    {SHOWN}
    const boxes = shown.map(el => [el, el.getBoundingClientRect()]);
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    return boxes.flatMap(([el, box], i) => boxes.slice(i + 1)
        .filter(([other, its]) => el.parentNode === other.parentNode && meet(box, its))
        .map(([other]) => `${{el.className}} and ${{other.className}}`));
}}"""


def row(of: Locator, name: str) -> Locator:
    """The row of the job with this name."""
    exactly = re.compile(f"^{re.escape(name)}$")
    return of.locator(".ja-row").filter(has=of.page.locator(".ja-name", has_text=exactly))


def violations(of: Locator) -> Any:
    """Return the faults that axe-core finds below an element, also at a second look."""
    return of.evaluate(VIOLATIONS) and of.evaluate(VIOLATIONS)  # a colour may have been changing


def choose_theme(notebook: Notebook, name: str) -> None:
    """Change JupyterLab's theme and wait until it is there."""
    notebook.page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name
    )
    expect(notebook.page.locator("body")).to_have_attribute(
        "data-jp-theme-name", name, timeout=GENEROUS
    )


def test_a_board_in_every_state_is_accessible(open_notebook: OpenNotebook) -> None:
    """axe-core finds nothing wrong with a board in every state, in light and in dark."""
    assert AXE.is_file(), "axe-core is missing: `make test` gets it, with npm and a network"
    notebook = open_notebook([START, EVERY_STATE, PAUSE])
    for index in range(3):
        notebook.run_and_wait(index)
    board = notebook.cell(1).locator(".ja-jobs")
    expect(row(board, "old import")).to_have_attribute("data-state", "stuck", timeout=GENEROUS)
    expect(row(board, "pages · wiki")).to_have_attribute("data-state", "paused")
    pause = row(board, "wait for the server").locator("[data-verb='pause']")
    expect(pause).to_have_attribute("title", "Pause: this job has no point where it can pause")
    failed = row(board, "clean · orders")
    failed.locator(".ja-more").click()
    expect(failed.get_by_role("log")).to_have_text("reading dates.csv", timeout=GENEROUS)
    expect(failed.get_by_role("group", name="Error")).to_contain_text("no date")
    notebook.page.add_script_tag(path=AXE)
    assert violations(board) == []
    expect_readable_at_twice_the_size(notebook, board)
    choose_theme(notebook, "JupyterLab Dark")
    notebook.page.wait_for_function("() => !document.querySelector('.jp-Dialog')")
    assert violations(board) == []
    notebook.screenshot("board-dark")
    expect_saved_as_it_stands(notebook, failed)
    row(board, "pages · wiki").locator("[data-verb='resume']").click()
    expect(row(board, "pages · wiki").locator(".ja-word")).to_have_text(
        "resuming…", timeout=GENEROUS
    )


def expect_readable_at_twice_the_size(notebook: Notebook, board: Locator) -> None:
    """At 200 % nothing sticks out of the board, and nothing lies on anything else."""
    # To the page, zooming is having half as many pixels.
    notebook.page.set_viewport_size({"width": 640, "height": 400})
    notebook.page.wait_for_function("() => innerWidth === 640")
    board.locator(".ja-row").first.scroll_into_view_if_needed()
    notebook.screenshot("board-200-percent")
    expect_nothing(board, STICKS_OUT)
    expect_nothing(board, OVERLAPS)
    notebook.page.set_viewport_size(VIEWPORT)
    notebook.page.wait_for_function("() => innerWidth === 1280")


def expect_saved_as_it_stands(notebook: Notebook, opened: Locator) -> None:
    """The saved tables are of this moment, without what is private; nothing is drawn anew."""
    opened.evaluate("row => { row.seen = true; }")
    notebook.save()
    saved = json.loads((notebook.server.root / notebook.path).read_text())
    data = saved["cells"][1]["outputs"][0]["data"]
    for kind in ("text/html", "text/plain"):
        text = "".join(data[kind])
        assert "paused" in text
        assert "failed (ValueError)" in text
        assert "no date" not in text
    assert opened.evaluate("row => row.seen && row.isConnected")


EVIL = """\
texts = json.load(open(HOSTILE))
def say(text):
    ja.progress(1, 2, text, unit=text, **{text: 1})
    print(text)
    raise ValueError(text)
held = []
for text in texts:
    made = jobs.options(name=text, description=text, subject=text, tags=(text,),
                        metadata={text: text}, icon=text)
    held.append(made.submit(say, text))
huge = "<b>" * 33_000
jobs.options(name=huge, subject=huge).submit(say, huge * 90)
while not all(job.state.is_terminal for job in jobs.list()):
    time.sleep(0.05)
"""
FEW_ROWS = "board => board.querySelectorAll('.ja-row').length < 60"
MANY = """\
for n in range(10_000 - len(jobs.list())):
    jobs.options(name=f"page {n}", tags=(f"t{n % 5}",), hold=True).submit(count, 5)
"""


def test_hostile_texts_and_ten_thousand_jobs(open_notebook: OpenNotebook) -> None:
    """Nothing is executed, no panel is broken, and only the rows in sight are in the page."""
    start = f"{START}\nHOSTILE = {str(HOSTILE)!r}\n"
    notebook = open_notebook([start, EVIL, "jobs", MANY])
    for index in range(4):
        notebook.run_and_wait(index, timeout_ms=180_000)
    board = notebook.cell(2).locator(".ja-jobs")
    expect(board.locator(".ja-counts").first).to_contain_text(
        "10000 jobs: 201 failed · 9799 queued", timeout=GENEROUS
    )
    expect_true(board, FEW_ROWS)
    listed = board.locator(".ja-list")
    listed.evaluate("list => { list.scrollTop = list.scrollHeight; }")
    expect(board.locator(".ja-row[aria-posinset='10000']")).to_be_attached(timeout=GENEROUS)
    expect_true(board, FEW_ROWS)
    # By their places: an unfolded row moves the others, and those out of sight leave the page.
    for place in (10_000, 9_999, 9_998):
        near = board.locator(f".ja-row[aria-posinset='{place}']")
        near.locator(".ja-more").click()
        expect(board.locator(".ja-facts").first).to_be_attached(timeout=GENEROUS)
    search = board.get_by_role("searchbox")
    search.fill("window.hacked")
    expect(board.locator(".ja-counts").first).to_contain_text("shown", timeout=GENEROUS)
    tags = "script, img, iframe, b, style, object, embed, a:not(.ja-address), form, video, base"
    assert board.locator(tags).count() == 0
    assert board.locator("a[href]").count() == 0  # no job here serves a page
    assert notebook.page.evaluate("window.hacked") is None
    search.fill("page 77")
    expect(row(board, "page 77")).to_be_visible(timeout=GENEROUS)
    notebook.screenshot("ten-thousand")
    found = sum("77" in str(n) for n in range(9799))
    board.get_by_label("Select all jobs shown").check()
    board.locator("[data-many='cancel']").click()
    expect(board.locator(".ja-counts").first).to_contain_text(
        f"201 failed · {9799 - found} queued · {found} cancelled", timeout=GENEROUS
    )
    assert notebook.console_errors == []
