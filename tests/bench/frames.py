"""A page with 1,000 rows, 300 of them running, that is scrolled: beside the same page without them.

In JupyterLab and a Chromium of their own.  Frames are counted by the page.  Tasks of its main
thread are measured in processor time, which a busy machine does not stretch.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.browser.chromium import find_chromium
from tests.browser.lab import ROOT, VIEWPORT, Notebook, launch_chromium, run_server

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

SECONDS = 4.0
FEWER_SECONDS = 0.5
"""For a run that only shows that it can be measured."""
MANY = 1_000
WHEEL = 240
"""Pixels of one turn of the mouse wheel."""
JOBS = """\
import trio
import jobactors as ja
jobs = ja.start(max_running={running})
async def work():
    for step in range(1_000_000):
        ja.progress(step, 1_000_000, f"step {{step}}", unit="steps")
        await trio.sleep(0.1)
for n in range({rows}):
    jobs.options(name=f"job {{n}}", tags=(f"t{{n % 4}}",)).submit(work)
jobs
"""
LONG_PAGE = "# a long page\n" * 300
COUNT = """seconds => new Promise(done => {
    const start = performance.now();
    let frames = 0;
    const next = () => {
        frames += 1;
        if (performance.now() - start < seconds * 1000) requestAnimationFrame(next);
        else done({ frames, ms: performance.now() - start });
    };
    requestAnimationFrame(next);
})"""


def cells(rows: int) -> str:
    """Return a cell with so many jobs, of which three in ten run."""
    return JOBS.format(rows=rows, running=max(1, rows * 3 // 10))


def watch(source: str, rows: int) -> Numbers:
    """Measure a page with this cell while it is scrolled."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        run_server(Path(name) / "lab", env={"PYTHONPATH": f"{ROOT}:{ROOT / 'widgets'}"}) as server,
        sync_playwright() as playwright,
    ):
        browser = launch_chromium(playwright, find_chromium(), Path(name) / "chromium")
        server.write_notebook("frames.ipynb", [source, LONG_PAGE])
        page = browser.new_context(viewport=VIEWPORT).new_page()
        notebook = Notebook(server, "frames.ipynb", page)
        notebook.open()
        return measured(notebook, SECONDS if rows >= MANY else FEWER_SECONDS)


def measured(notebook: Notebook, seconds: float) -> Numbers:
    """Run the first cell of a page that is open, and measure the page while it is scrolled."""
    notebook.run_and_wait(0)
    listed = notebook.cell(0).locator(".ja-list")
    if listed.count():
        listed.scroll_into_view_if_needed()
        listed.hover()
    else:
        notebook.cell(1).hover()
    notebook.page.wait_for_timeout(1000)
    return scrolled(notebook.page, seconds)


def scrolled(page: Page, seconds: float) -> Numbers:
    """Turn the wheel for some seconds, and measure."""
    browser = page.context.browser
    assert browser is not None
    session = browser.new_browser_cdp_session()
    tasks = _traced(session)
    counting = page.evaluate_handle(f"seconds => ({{ counted: ({COUNT})(seconds) }})", seconds)
    until, turns = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        page.mouse.wheel(0, WHEEL if turns // 40 % 2 == 0 else -WHEEL)
        page.wait_for_timeout(50)
        turns += 1
    counted: Any = page.evaluate("handle => handle.counted", counting)
    session.send("Tracing.end")
    while not tasks.complete:
        page.wait_for_timeout(50)
    return {
        "a frame": counted["ms"] / counted["frames"],
        "longest task": max(tasks.milliseconds, default=0.0),
    }


class _Tasks:
    """The tasks of the page's main thread, in milliseconds of processor time."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self.complete = False

    def take(self, collected: dict[str, Any]) -> None:
        self._events += collected["value"]

    def end(self, _done: object) -> None:
        self.complete = True

    @property
    def milliseconds(self) -> list[float]:
        main = {
            (event["pid"], event["tid"])
            for event in self._events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        return [
            event["tdur"] / 1000
            for event in self._events
            if event.get("name", "").endswith("RunTask")
            and event.get("tdur")
            and (event["pid"], event["tid"]) in main
        ]


def _traced(session: CDPSession) -> _Tasks:
    tasks = _Tasks()
    session.on("Tracing.dataCollected", tasks.take)
    session.on("Tracing.tracingComplete", tasks.end)
    categories = "toplevel,__metadata"
    session.send("Tracing.start", {"categories": categories, "transferMode": "ReportEvents"})
    return tasks


PROGRAM = Program(
    title="a page with 1,000 rows, 300 of them running, that is scrolled",
    measures=(
        Measure("a frame", "ms", at_most=1 / 0.6),
        Measure("longest task", "ms of processor time", at_most=50, absolute=True),
    ),
    variants=(
        Variant("an idle page", lambda rows: watch("0", rows)),
        Variant("jobactors", lambda rows: watch(cells(rows), rows)),
    ),
    size=MANY,
    smoke_size=100,
    rounds=3,
)
