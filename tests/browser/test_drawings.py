"""Tests of live timelines and graphs: keys, wheel, colours, the table, what is saved."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, cast

from playwright.sync_api import expect

from tests.browser.test_board import AXE, GENEROUS, choose_theme, violations

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import Notebook

START = """\
import threading, time
import jobactors as ja
jobs = ja.start(max_running=3)
go, fail = threading.Event(), threading.Event()

@ja.job("download")
def download():
    with ja.stage("connect", weight=20):
        time.sleep(0.3)
    with ja.stage("fetch", weight=80):
        time.sleep(0.5)

@ja.job("index")
def index():
    for _ in ja.track(range(3)):
        go.wait(600)

@ja.job("report")
def report():
    raise ValueError("<img src=x onerror='window.hacked=1'>")

wiki = jobs.options(subject="wiki").submit(download)
wiki.result()
indexed = jobs.options(subject="wiki", after=[wiki]).submit(index)
named = jobs.options(name="<b>report</b>", after=[indexed])
reported = named.submit(report)
jobs.options(name="alone").submit(time.sleep, 0.2).result()
jobs.options(name="held", hold=True).submit(len, "a");
"""
TIMELINE = "jobs.timeline('type')"
GRAPH = "jobs.graph(wiki)"
GO = "go.set(); reported.exception();"


def words(drawing: Locator) -> Locator:
    """The line below a drawing."""
    return drawing.locator(".ja-drawing-words")


def table(drawing: Locator) -> list[list[str]]:
    """The cells of the table that says the same."""
    if not drawing.locator("details").evaluate("each => each.open"):
        drawing.get_by_text("Table", exact=True).click()
    rows = drawing.locator("tbody tr")
    expect(rows).not_to_have_count(0)  # the table is made a moment after it was unfolded
    read = "rows => rows.map(row => Array.from(row.cells, cell => cell.innerText))"
    return cast("list[list[str]]", rows.evaluate_all(read))


def go_along_bars(page: Page, timeline: Locator) -> None:
    """Keys lead along the bars, and zoom; so does the wheel, once the timeline has the focus."""
    area = timeline.locator(".ja-drawing-area")
    area.focus()
    page.keyboard.press("End")
    expect(words(timeline)).to_contain_text("alone: succeeded")
    page.keyboard.press("ArrowUp")
    expect(words(timeline)).to_contain_text("<b>report</b>: queued")
    page.keyboard.press("Home")
    expect(words(timeline)).to_contain_text(re.compile(r"download · wiki: succeeded.*fetch \d"))
    expect(words(timeline)).to_contain_text("on the critical path")
    page.keyboard.press("+")
    expect(timeline).to_have_attribute("data-zoom", re.compile(r"^1\.6"))
    page.keyboard.press("0")
    expect(timeline).to_have_attribute("data-zoom", "1")
    area.hover()
    page.mouse.wheel(0, -400)
    expect(timeline).not_to_have_attribute("data-zoom", "1")
    page.keyboard.press("0")


def go_along_lines(page: Page, graph: Locator) -> None:
    """Keys lead along the lines, and zoom."""
    graph.locator(".ja-drawing-area").focus()
    page.keyboard.press("Home")
    expect(words(graph)).to_contain_text("download: succeeded")
    page.keyboard.press("ArrowRight")
    expect(words(graph)).to_contain_text("index: running")
    expect(graph.locator(".ja-node[data-state='queued']")).to_have_count(1)
    is_at_work = graph.locator(".ja-node[data-state='running'] .ja-state")
    expect(is_at_work).not_to_have_text(is_at_work.text_content() or "")  # its time goes on
    page.keyboard.press("-")
    expect(graph).to_have_attribute("data-zoom", re.compile(r"^0\.\d"))
    page.keyboard.press("0")


def wait_saved(notebook: Notebook, index: int, text: str) -> None:
    """Save until the still drawing of a cell says this: it comes soon after the last change."""
    give_up = time.monotonic() + GENEROUS / 1000
    while True:
        notebook.save()
        if text in saved_html(notebook, index):
            return
        assert time.monotonic() < give_up


def saved_html(notebook: Notebook, index: int) -> str:
    """The still drawing of a cell, in the notebook's file."""
    saved = json.loads((notebook.server.root / notebook.path).read_text())
    (output,) = saved["cells"][index]["outputs"]
    return "".join(output["data"]["text/html"])


def test_timelines_and_graphs_are_live_and_reached_by_keys(open_notebook: OpenNotebook) -> None:
    """Zoom, focus, states that change, and a still drawing in the saved notebook."""
    assert AXE.is_file(), "axe-core is missing: `make test` gets it, with npm and a network"
    notebook = open_notebook([START, TIMELINE, GRAPH, GO])
    page = notebook.page
    for index in (0, 1, 2):
        notebook.run_and_wait(index)
    timeline = notebook.cell(1).locator(".ja-drawing")
    graph = notebook.cell(2).locator(".ja-drawing")
    expect(timeline.locator(".ja-drawing-caption")).to_contain_text("5 jobs")
    go_along_bars(page, timeline)
    notebook.screenshot("timeline-light")
    go_along_lines(page, graph)
    notebook.screenshot("graph-light")

    notebook.run_and_wait(3)
    expect(graph.locator(".ja-node[data-state='failed']")).to_have_count(1, timeout=GENEROUS)
    expect(words(graph)).to_contain_text("index: succeeded")
    expect(timeline.locator(".ja-drawing-caption")).to_contain_text("1 failed")
    told = {name: state for _, name, state, *_ in table(timeline)}
    assert told["<b>report</b>"] == "failed"
    assert next(name for name, *_ in table(graph)) == "download"
    page.add_script_tag(path=AXE)
    assert [violations(drawing) for drawing in (timeline, graph)] == [[], []]
    choose_theme(notebook, "JupyterLab Dark")
    page.wait_for_function("() => !document.querySelector('.jp-Dialog')")
    assert [violations(drawing) for drawing in (timeline, graph)] == [[], []]
    notebook.screenshot("drawings-dark")
    for index in (1, 2):
        wait_saved(notebook, index, "&lt;b&gt;report&lt;/b&gt;: failed")
    assert not page.evaluate("window.hacked")
    notebook.reload()
    expect(timeline.locator(".ja-drawing-caption")).to_contain_text("1 failed", timeout=GENEROUS)
