"""Tests of the builder as users work it: mouse, keys, touch; in a busy cell, after a restart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import VIEWPORT
from tests.browser.settled import expect_nothing
from tests.browser.test_board import AXE, choose_theme, violations
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import Notebook

SECRET = "s3cret-of-a-page"  # noqa: S105 - it is one, for the tests

TYPES = """\
import datetime as dt, trio
from typing import Annotated, Literal
from msgspec import Meta
import jobactors as ja
from jobactors_widgets import builder

def check(arguments):
    if arguments.get("batch", 1) > 500:
        yield ja.problem("warning", "batch", "slow above 500")

@ja.job("metadata", label="Read metadata", category="Documents", icon="M")
async def metadata(folder: str = "wiki/") -> list[str]:
    "Read what the documents say about themselves."
    return [folder]

@ja.job("index", label="Index", category="Documents", needs="metadata", validate=check)
async def index(
    folder: str,
    batch: Annotated[int, Meta(ge=1, le=1000, description="documents a step")] = 100,
    mode: Literal["fast", "deep"] = "fast",
    since: dt.date | None = None,
    tags: list[str] = [],
    everything: bool = False,
    pages: list[str] | None = None,
) -> int:
    "Index the documents of a folder."
    seen.append((folder, batch, since, pages))
    while not done:
        await trio.sleep(0.02)
    return batch

@ja.job("sign in", label="<img src=x onerror='window.hacked=1'>", category="Web", private="token")
async def sign_in(user: str, token: str) -> str:
    "<script>window.hacked = 1</script>"
    seen.append(token)
    return user

seen, done = [], []
jobs = ja.start()
"""
MAKE = "build = builder(jobs, name='first')\nbuild"
VALUE = "import json; print(json.dumps(build.value))"


def add(build: Locator, title: str) -> None:
    """Add a phase by a click on its type."""
    build.locator(".ja-type").filter(has_text=title).first.click()


def titles(build: Locator) -> list[str]:
    """The names of the phases, in order."""
    return build.locator(".ja-card-head .ja-card-title").all_inner_texts()


def handle(build: Locator, number: int) -> Locator:
    """The handle of a phase, counted from 0."""
    return build.locator(".ja-handle").nth(number)


def field(build: Locator, card: int, name: str) -> Locator:
    """The row of an argument."""
    return build.locator(".ja-card").nth(card).locator(f"[data-argument='{name}']")


def fold_all(build: Locator) -> None:
    """Fold every card."""
    folds = build.locator(".ja-fold-card[aria-expanded='true']")
    while folds.count():
        folds.first.click()


def places(build: Locator, start: int, end: int) -> tuple[float, float, float]:
    """Where a pointer hits the handles of two cards: x, and both y."""
    for number in (start, end, start):  # the second may scroll the first away
        handle(build, number).scroll_into_view_if_needed()
    boxes = [handle(build, number).bounding_box() for number in (start, end)]
    x, *ys = (
        value
        for box in boxes
        if box is not None
        for value in (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    )
    return x, ys[0], ys[2]


def drag_by_mouse(page: Page, build: Locator, start: int, end: int, *, keys: str = "") -> None:
    """Drag one card behind another, or press a key on the way."""
    x, y, below = places(build, start, end)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3, below + 8, steps=6)
    if keys:
        page.keyboard.press(keys)
    page.mouse.up()


def drag_by_touch(page: Page, build: Locator, start: int, end: int, *, last: str) -> None:
    """Drag one card to above another with a finger."""
    finger = page.context.new_cdp_session(page)
    finger.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    x, y, above = places(build, start, end)

    def touch(kind: str, *at: float) -> None:
        points = [{"x": x, "y": where} for where in at]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", y)
    for step in range(1, 7):
        touch("touchMove", y + (above - 8 - y) * step / 6)
    touch(last)
    finger.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    finger.detach()


def said(build: Locator) -> Locator:
    """What a screen reader is told."""
    return build.locator(".ja-said")


def value_of(notebook: Notebook, cell: int, holds: Callable[[Any], bool] = lambda _: True) -> Any:
    """The document that the kernel has, once it holds what was typed: that may be on its way."""
    document: Any = None
    for _ in range(50):
        document = json.loads(notebook.run_and_wait(cell))
        if holds(document):
            break
    return document


def test_a_chain_is_built_by_mouse_keys_and_touch(open_notebook: OpenNotebook) -> None:
    """In JupyterLab: every way to move a card, problems on cards, undo, and no violation."""
    notebook = open_notebook([TYPES, MAKE, VALUE, "print(window_ := seen)"])
    page = notebook.page
    for cell in range(2):
        notebook.run_and_wait(cell)
    build = notebook.cell(1).locator(".ja-builder")
    for title in ("Index", "Read metadata", "<img"):
        add(build, title)
    expect(build.locator(".ja-outcome")).to_have_text("4 errors")
    order = build.locator(".ja-card").nth(0).locator(".ja-problems").first
    expect(order).to_contain_text("metadata must come before index")
    page.add_script_tag(path=AXE)
    assert violations(build) == []
    notebook.screenshot("builder-light")
    fold_all(build)

    drag_by_mouse(page, build, 0, 1)
    expect(said(build)).to_have_text("Index moved to position 2 of 3.")
    assert titles(build)[:2] == ["Read metadata", "Index"]
    drag_by_mouse(page, build, 0, 2, keys="Escape")
    expect(said(build)).to_have_text("Put back.")
    assert titles(build)[:2] == ["Read metadata", "Index"]
    drag_by_touch(page, build, 2, 0, last="touchCancel")
    assert titles(build)[:2] == ["Read metadata", "Index"]
    drag_by_touch(page, build, 2, 0, last="touchEnd")
    expect(said(build)).to_contain_text("moved to position 1 of 3.")
    assert titles(build)[1:] == ["Read metadata", "Index"]
    handle(build, 0).focus()
    page.keyboard.press("Alt+End")
    assert titles(build)[:2] == ["Read metadata", "Index"]
    expect(handle(build, 2)).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(said(build)).to_contain_text("moved to position 2 of 3.")
    page.keyboard.press("Control+z")
    assert titles(build)[:2] == ["Read metadata", "Index"]
    assert (
        notebook.page.locator(".jp-Notebook .jp-Cell").count() == 4
    )  # no key went to the notebook

    expect_values(notebook, build)
    choose_theme(notebook, "JupyterLab Dark")
    page.wait_for_function("() => !document.querySelector('.jp-Dialog')")
    assert violations(build) == []
    notebook.screenshot("builder-dark")
    assert page.evaluate("window.hacked") is None
    assert build.locator("img, script").count() == 0
    expect_edits_survive_a_restart(notebook, build)
    assert notebook.console_errors == []


def expect_narrow(notebook: Notebook, build: Locator) -> None:
    """At 390 pixels nothing sticks out of the builder to the side."""
    notebook.page.set_viewport_size({"width": 390, "height": 800})
    notebook.page.wait_for_function("() => innerWidth === 390")
    sticks = """root => [...root.querySelectorAll('*')].filter(el => el.checkVisibility()
        && !el.closest('.ja-said') && el.getBoundingClientRect().right
        > root.getBoundingClientRect().right + 1).map(el => el.className)"""
    expect_nothing(build, sticks)
    notebook.screenshot("builder-narrow")
    notebook.page.set_viewport_size(VIEWPORT)
    notebook.page.wait_for_function("() => innerWidth === 1280")


def expect_values(notebook: Notebook, build: Locator) -> None:
    """What is typed is what Python has: texts, numbers, dates, lists, results, and no value."""
    page = notebook.page
    build.locator(".ja-fold-card").nth(1).click()
    field(build, 1, "folder").locator("textarea").fill('02 "العربية" 🎈\nline')
    field(build, 1, "batch").get_by_role("textbox").fill("501")
    warning = field(build, 1, "batch").locator(".ja-problem")
    expect(warning).to_have_text("Warning: slow above 500")
    field(build, 1, "mode").get_by_role("combobox").select_option("deep")
    field(build, 1, "since").get_by_role("combobox").select_option("date")
    field(build, 1, "since").locator("input").fill("2026-11-28")
    tags = field(build, 1, "tags").get_by_role("textbox")
    tags.fill("a b")
    tags.press("Enter")
    field(build, 1, "everything").get_by_role("checkbox", name="everything", exact=True).check()
    source = field(build, 1, "pages").locator(".ja-source")
    source.select_option("result of Read metadata")
    build.get_by_role("button", name="JSON", exact=True).click()
    source_text = build.get_by_role("textbox", name="The chain as JSON")
    expect(source_text).to_have_value(lambda_contains("result_of"))
    source_text.fill(source_text.input_value().replace('"weight": 50', '"weight": 1e21', 1))
    build.get_by_role("button", name="Form", exact=True).click()
    expect(build.locator(".ja-outcome")).to_have_text("2 errors")
    document = value_of(notebook, 2, lambda now: now["phases"][0]["weight"] == 1e21)
    assert document["phases"][0]["weight"] == 1e21
    assert document["phases"][1]["arguments"] == {
        "folder": '02 "العربية" 🎈\nline',
        "batch": 501,
        "mode": "deep",
        "since": "2026-11-28",
        "tags": ["a b"],
        "everything": True,
        "pages": {"$result_of": "Read metadata"},
    }
    field(build, 1, "batch").get_by_role("checkbox", name="batch: use the default").check()
    field(build, 1, "folder").locator("textarea").fill("")
    emptied = value_of(notebook, 2, lambda now: not now["phases"][1]["arguments"]["folder"])
    arguments = emptied["phases"][1]["arguments"]
    assert arguments["folder"] == ""
    assert "batch" not in arguments
    page.keyboard.press("Escape")


def lambda_contains(text: str) -> Any:
    """A pattern that finds a text anywhere."""
    import re

    return re.compile(re.escape(text))


def expect_edits_survive_a_restart(notebook: Notebook, build: Locator) -> None:
    """The page keeps them, says so, and the next builder takes them over."""
    before = titles(build)
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
    )
    expect(build.locator(".ja-message.ja-warning")).to_contain_text("The kernel was restarted.")
    fold_all(build)
    build.get_by_role("textbox", name="Chain", exact=True).fill("after the end")
    notebook.wait_idle()
    for cell in range(2):
        notebook.run_and_wait(cell)
    again = notebook.cell(1).locator(".ja-builder")
    again.get_by_role("button", name="Take them over").click()
    assert titles(again) == before
    document = value_of(notebook, 2, lambda now: now["name"] == "after the end")
    assert document["name"] == "after the end"


def test_a_chain_runs_while_a_cell_is_busy(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """In Notebook 7: two views, a private value, a run that locks the cards, a template."""
    busy = BusyCell(tmp_path)
    result = "print(seen, build.job.result().completed)"
    cells = [TYPES, MAKE, "build", busy.source, "done.append(1)", result, VALUE]
    notebook = open_notebook(cells, app="notebook")
    for cell in range(3):
        notebook.run_and_wait(cell)
    one, two = (notebook.cell(cell).locator(".ja-builder") for cell in (1, 2))
    notebook.run_cell(3)
    notebook.wait_running(3)
    one.get_by_role("searchbox").press("Enter")  # by the keyboard alone: the first type
    for title in ("Index", "<img"):
        one.get_by_role("searchbox").fill(title)
        one.get_by_role("searchbox").press("Enter")
    field(one, 1, "folder").locator("textarea").fill("wiki/")
    field(one, 2, "user").locator("textarea").fill("ann")
    password = field(one, 2, "token").locator("input")
    expect(password).to_have_attribute("type", "password")
    expect(field(one, 2, "token").locator(".ja-problem")).to_contain_text("required")
    password.fill(SECRET)
    expect(one.locator(".ja-outcome")).to_have_text("No problems.")
    expect_narrow(notebook, one)
    assert titles(two) == titles(one)
    one.get_by_role("textbox", name="Name of the template").fill("Rebuild")
    one.get_by_role("button", name="Save as template").click()
    expect(one.locator(".ja-outcome")).to_have_text("Saved as Rebuild.")
    one.get_by_role("button", name="Dry run").click()
    expect(one.locator(".ja-steps li")).to_have_count(3)
    one.get_by_role("button", name="Run", exact=True).click()
    for build in (one, two):
        expect(build.locator(".ja-outcome")).to_contain_text("running · ")
    expect(one.locator(".ja-card-bar").nth(0)).to_be_visible()
    notebook.screenshot("builder-runs")
    expect(one.get_by_role("button", name="Run", exact=True)).to_have_attribute(
        "aria-disabled", "true"
    )
    assert notebook.prompt(3).inner_text() == "[*]:"
    busy.end()
    notebook.wait_done(3)
    notebook.run_and_wait(4)
    expect(one.locator(".ja-outcome")).to_have_text("succeeded: 3 phases completed")
    out = notebook.run_and_wait(5)
    assert SECRET in out
    assert "('Read metadata', 'Index', " in out
    notebook.save()
    saved = (notebook.server.root / notebook.path).read_text()
    outputs = json.dumps([cell["outputs"] for cell in json.loads(saved)["cells"][:5]])
    assert SECRET not in outputs
    assert "Chain of 3 phases" in outputs
    assert SECRET not in json.dumps(json.loads(saved)["metadata"])
    assert SECRET not in json.dumps(value_of(notebook, 6))
    assert SECRET not in notebook.page.evaluate("JSON.stringify({...sessionStorage})")
    assert notebook.page.evaluate("window.hacked") is None
    assert notebook.console_errors == []


BOARD = """\
jobs.submit(metadata).result()
jobs
"""


def test_a_new_job_is_started_from_a_board_and_from_the_sidebar(
    open_notebook: OpenNotebook,
) -> None:
    """The same form, in a cell and at 240 pixels; a private value is a password."""
    notebook = open_notebook([TYPES, BOARD, "print(seen)"])
    page = notebook.page
    for cell in range(2):
        notebook.run_and_wait(cell)
    board = notebook.cell(1).locator(".ja-jobs")
    button = board.get_by_role("button", name="New job")
    button.click()
    form = board.locator(".ja-new")
    form.get_by_role("searchbox").fill("img")
    form.get_by_role("searchbox").press("Enter")
    field_of = form.locator("[data-argument='token'] input")
    expect(field_of).to_have_attribute("type", "password")
    field_of.fill(SECRET)
    start = form.get_by_role("button", name="Start", exact=True)
    expect(start).to_have_attribute("aria-disabled", "true")
    form.locator("[data-argument='user'] textarea").fill("ann")
    expect(start).not_to_have_attribute("aria-disabled", "true")
    page.add_script_tag(path=AXE)
    assert violations(board) == []
    notebook.screenshot("new-job")
    start.click()
    expect(form).to_be_hidden()
    expect(button).to_be_focused()
    expect(board.locator(".ja-row")).to_have_count(2)
    assert SECRET in notebook.run_and_wait(2)
    page.evaluate("() => window.jupyterapp.shell.activateById('jobactors-sidebar')")
    side = page.locator("#jobactors-sidebar .ja-jobs").first
    side.get_by_role("button", name="New job").click()
    other = side.locator(".ja-new")
    other.locator(".ja-type").filter(has_text="Index").click()
    other.locator("[data-argument='folder'] textarea").fill("wiki/")
    notebook.screenshot("new-job-sidebar")
    start = other.get_by_role("button", name="Start", exact=True)
    expect(start).not_to_have_attribute("aria-disabled", "true")
    start.click()
    expect(other).to_be_hidden()
    expect(board.locator(".ja-row")).to_have_count(3)
    notebook.save()
    saved = (notebook.server.root / notebook.path).read_text()
    assert SECRET not in json.dumps(json.loads(saved)["cells"][1]["outputs"])
    assert page.evaluate("window.hacked") is None
    assert notebook.console_errors == []
