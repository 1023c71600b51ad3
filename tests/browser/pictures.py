"""``python -m tests.browser.pictures``: take the README's pictures anew, in a real JupyterLab."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from tests.browser.chromium import find_chromium
from tests.browser.lab import CHROMIUM_FLAGS, LabServer, Notebook, run_server
from tests.isolation import isolated_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURES = Path(__file__).resolve().parents[2] / "widgets" / "pictures"
GENEROUS = 120_000
WIDE = ViewportSize(width=1180, height=900)
NARROW = ViewportSize(width=470, height=900)
SCENE = ViewportSize(width=860, height=420)
COLOURS = 64
FRAME_MS = 150
LONGEST_ANIMATION = 1_500_000

WORK = '''\
"""Work to be looked at."""
import time, trio
import jobactors as ja

async def train(epochs, step=0.35, start=0):
    for epoch in range(start, epochs):
        ja.progress(epoch + 1, epochs, f"loss {2.1 / (epoch + 2) ** 0.5:.2f}", unit="epochs")
        await ja.current_job().check()  # where it can pause
        await trio.sleep(step)

async def download(size=2e9, speed=4.6e6, start=0.31):
    done = start * size
    while done < size:
        ja.progress(done, size, "pulling layers", unit="B", retries=2)
        await trio.sleep(0.05)
        done += speed

def old_import():
    ja.progress(3, 10, "calling an old library")
    time.sleep(600)

def clean(path):
    print(f"reading {path}")
    print("1,203 rows are good")
    ja.progress(1203, 2400, unit="rows")
    raise ValueError("row 1,204: 'n/a' is not a date")
'''
BOARD = """\
import time
import jobactors as ja
from work import clean, download, old_import, train
clean.__code__ = clean.__code__.replace(co_filename="work.py")  # not where it happens to be
jobs = ja.start(max_running=5)
jobs.options(name="collect pages", subject="wiki").submit(sum, [1, 2, 3]).result()
jobs.options(name="clean", subject="orders.csv").submit(clean, "orders.csv").exception()
index = jobs.options(name="index", subject="wiki", tags=("nightly",)).submit(train, 60, 0.4, 20)
jobs.options(name="download", subject="llama").submit(download)
paused = jobs.options(name="train", subject="letters").submit(train, 30, 0.3)
stuck = jobs.options(name="import", subject="archive", grace=0.1).submit(old_import)
time.sleep(1); stuck.cancel(); paused.pause()
jobs.options(name="embed", subject="wiki", priority="high", after=[index]).submit(train, 10)
jobs.options(name="report").submit(train, 40)
time.sleep(2)
jobs
"""
THOUSAND = """\
import random, trio
import jobactors as ja
async def fetch(n):
    for i in ja.track(range(40), unit="pages"):
        await trio.sleep(random.uniform(0.05, 0.6))
    if n % 37 == 0:
        raise ConnectionError("the server closed the connection")
jobs = ja.start(max_running=60)
batch = [jobs.options(name=f"site {n}", tags=(f"t{n % 4}",)).submit(fetch, n) for n in range(1000)]
for job in batch[:60]: await job.wait()
jobs
"""
CLUSTER = """\
import json, os, time
from pathlib import Path
from dask.distributed import Client, LocalCluster
import jobactors as ja
cluster = LocalCluster(n_workers=4, threads_per_worker=10, host="127.0.0.1",
                       dashboard_address="127.0.0.1:0", silence_logs="ERROR")
client = Client(cluster)
Path("pids.json").write_text(json.dumps(client.run(os.getpid)))
def train(model):
    for epoch in ja.track(range(60 + 7 * model), unit="epochs"):
        time.sleep(0.1 + 0.03 * (model % 7))
jobs = ja.start()
on_cluster = jobs.options(runner=ja.DaskRunner(client))
models = [on_cluster.options(name=f"model {n}").submit(train, n) for n in range(40)]
while any((job.snapshot().progress.done or 0) < 9 for job in models):
    time.sleep(0.1)
jobs
"""
BUILDER = """\
import datetime as dt
from typing import Annotated, Literal
from msgspec import Meta
import jobactors as ja
from jobactors_widgets import builder

@ja.job("metadata", label="Read metadata", category="Documents", icon="M")
def metadata(folder: str = "wiki/") -> list[str]:
    "Read what the documents say about themselves."

@ja.job("index", label="Index", category="Documents", icon="I", needs="metadata")
def index(
    folder: str,
    batch: Annotated[int, Meta(ge=1, le=1000, description="documents a step")] = 100,
    mode: Literal["fast", "deep"] = "fast",
    since: dt.date | None = None,
) -> int:
    "Index the documents of a folder."

@ja.job("tag", label="Tag", category="Documents", icon="#")
def tag(labels: list[str] = ["person", "place"]) -> int:
    "Find words for every document."

jobs = ja.start()
chain = ja.chain(
    ja.phase("Index", index, {"mode": "deep", "batch": 500}, weight=60),
    ja.phase("Read metadata", metadata, weight=20),
    ja.phase("Tag", tag, weight=20),
    name="nightly",
)
builder(jobs, document=chain)
"""
SCENE_CELLS = (
    "import jobactors as ja\nfrom work import train\n\njobs = ja.start()",
    "job = jobs.submit(train, epochs=100)\njob",
    "import time\n\ntime.sleep(60)  # go on with something else",
)
POINTER = """() => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="22">'
        + '<path d="M1 1v16l4-4 3 7 2.5-1-3-7H14z" fill="black" stroke="white"/></svg>';
    const pointer = document.createElement('img');
    pointer.src = 'data:image/svg+xml,' + encodeURIComponent(svg);
    pointer.style = 'position:fixed;z-index:99999;pointer-events:none;left:60%;top:85%';
    document.body.append(pointer);
    document.addEventListener('mousemove', event => {
        pointer.style.left = `${event.clientX}px`;
        pointer.style.top = `${event.clientY}px`;
    }, true);
}"""


@contextlib.contextmanager
def lab() -> Iterator[tuple[LabServer, Browser]]:
    """Run a JupyterLab and a Chromium."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        environ = isolated_environment(folder / "chromium")
        with run_server(folder / "lab") as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(),
                args=list(CHROMIUM_FLAGS),
                env=dict(environ),
                ignore_default_args=["--hide-scrollbars"],  # users have them
            )
            (server.root / "work.py").write_text(WORK, encoding="utf-8")
            yield server, browser
            browser.close()


@contextlib.contextmanager
def opened(
    server: LabServer, browser: Browser, path: str, cells: tuple[str, ...], size: ViewportSize
) -> Iterator[Notebook]:
    """Open a notebook that has the page to itself."""
    server.write_notebook(path, cells)
    context = browser.new_context(viewport=WIDE)
    notebook = Notebook(server, path, context.new_page())
    notebook.open()
    for command in ("application:toggle-left-area", "application:toggle-side-tabbar"):
        notebook.page.evaluate("name => window.jupyterapp.commands.execute(name)", command)
    notebook.page.set_viewport_size(size)
    yield notebook
    context.close()
    server.end_session(path)


def keep(picture: Image.Image, name: str) -> None:
    """Write a picture as a small file."""
    PICTURES.mkdir(exist_ok=True)
    few = picture.convert("RGB").quantize(COLOURS * 2, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)


def taken(of: Locator | Page) -> Image.Image:
    """Take a picture of an element, or of the page."""
    return Image.open(io.BytesIO(of.screenshot()))


def row(board: Locator, name: str) -> Locator:
    """The row of the job with this name."""
    return board.locator(".ja-row").filter(has=board.page.get_by_text(name, exact=True))


def take_boards(server: LabServer, browser: Browser) -> None:
    """A board in every state: light, dark, narrow; a failure and a stuck job from near."""
    with opened(server, browser, "board.ipynb", (BOARD,), WIDE) as notebook:
        notebook.run_and_wait(0)
        board = notebook.cell(0).locator(".ja-jobs")
        expect(row(board, "import · archive")).to_have_attribute("data-state", "stuck")
        board.scroll_into_view_if_needed()
        keep(taken(board), "board-light")
        keep(taken(row(board, "import · archive")), "stuck")
        failed = row(board, "clean · orders.csv")
        failed.locator(".ja-more").click()
        expect(failed.get_by_role("group", name="Error")).to_contain_text("not a date")
        expect(failed.get_by_role("log")).to_contain_text("good")
        keep(taken(failed), "failed")
        failed.locator(".ja-more").click()
        notebook.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            "JupyterLab Dark",
        )
        expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
        notebook.page.wait_for_function("() => !document.querySelector('.jp-Dialog')")
        keep(taken(board), "board-dark")
        notebook.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            "JupyterLab Light",
        )
        expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "true")
        notebook.page.set_viewport_size(NARROW)
        keep(taken(board), "board-narrow")


def take_many(server: LabServer, browser: Browser) -> None:
    """A thousand jobs, sixty at a time."""
    with opened(server, browser, "thousand.ipynb", (THOUSAND,), WIDE) as notebook:
        notebook.run_and_wait(0, timeout_ms=60_000)
        board = notebook.cell(0).locator(".ja-jobs")
        expect(board.locator(".ja-counts").first).to_contain_text("failed", timeout=GENEROUS)
        notebook.page.add_style_tag(content=".Toastify { display: none; }")  # it lies on the board
        keep(taken(board), "thousand")


def take_builder(server: LabServer, browser: Browser) -> None:
    """A chain in a builder: one card unfolded, an argument missing, the order wrong."""
    with opened(server, browser, "builder.ipynb", (BUILDER,), WIDE) as notebook:
        notebook.run_and_wait(0)
        build = notebook.cell(0).locator(".ja-builder")
        build.locator(".ja-fold-card").first.click()
        expect(build.locator(".ja-outcome")).to_contain_text("error", timeout=GENEROUS)
        notebook.page.mouse.move(5, 5)
        keep(taken(build), "builder")


def take_cluster(server: LabServer, browser: Browser) -> None:
    """Forty jobs on a cluster, one paused and one cancelled; and what a killed worker leaves."""
    with opened(server, browser, "cluster.ipynb", (CLUSTER,), WIDE) as notebook:
        notebook.page.add_style_tag(content=".Toastify { display: none; }")  # it lies on the board
        notebook.run_and_wait(0)
        board = notebook.cell(0).locator(".ja-jobs")
        row(board, "model 2").locator("[data-verb=pause]").click()
        expect(row(board, "model 2")).to_have_attribute("data-state", "paused", timeout=GENEROUS)
        row(board, "model 5").locator("[data-verb=cancel]").click()
        expect(row(board, "model 5")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
        where = re.search(r"tcp://[\d.:]+", row(board, "model 3").inner_text())
        assert where is not None
        pids = json.loads((server.root / "pids.json").read_text())
        os.kill(pids[where[0]], signal.SIGKILL)
        died = row(board, "model 3")
        expect(died).to_have_attribute("data-state", "failed", timeout=GENEROUS)
        keep(taken(board), "cluster")


class Film:
    """The scene as it is played: a picture now and then."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._pictures: list[Image.Image] = []

    def roll(self, pictures: int) -> None:
        """Take some pictures, one after the other."""
        for _ in range(pictures):
            self._pictures.append(taken(self._page).convert("RGB"))
            self._page.wait_for_timeout(FRAME_MS / 2)  # the other half goes by taking it

    def move_to(self, x: float, y: float, start: tuple[float, float], steps: int = 8) -> None:
        """Move the pointer there, step by step."""
        for step in range(1, steps + 1):
            share = step / steps
            at = [a + (b - a) * share for a, b in zip(start, (x, y), strict=True)]
            self._page.mouse.move(*at)
            self.roll(1)

    def keep(self, name: str) -> None:
        """Write the animation."""
        palette = self._pictures[-1].quantize(COLOURS, dither=Image.Dither.NONE)
        few = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in self._pictures]
        path = PICTURES / f"{name}.gif"
        times = [FRAME_MS] * (len(few) - 1) + [2500]
        few[0].save(path, save_all=True, append_images=few[1:], duration=times, loop=0)
        size = path.stat().st_size
        if size > LONGEST_ANIMATION:
            raise ValueError(f"{path.name} has {size} bytes")


def take_scene(server: LabServer, browser: Browser) -> None:
    """Submit, see it move, go on in the next cell, and cancel while that one is busy."""
    with opened(server, browser, "scene.ipynb", SCENE_CELLS, SCENE) as notebook:
        page = notebook.page
        notebook.run_and_wait(0)
        page.evaluate(POINTER)
        film = Film(page)
        film.roll(4)
        notebook.run_cell(1)
        notebook.wait_done(1)
        shown = notebook.cell(1).locator(".ja-row")
        expect(shown).to_have_attribute("data-state", "running", timeout=GENEROUS)
        film.roll(14)
        notebook.run_cell(2)
        notebook.wait_running(2)
        film.roll(10)
        box = shown.locator("[data-verb='cancel']").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        film.move_to(x, y, (0.6 * SCENE["width"], 0.85 * SCENE["height"]))
        film.roll(2)
        page.mouse.click(x, y)
        film.roll(6)
        expect(shown).to_have_attribute("data-state", "cancelled")
        expect(notebook.prompt(2)).to_have_text("[*]:")
        film.roll(4)
        film.keep("scene")


def main() -> None:
    """Take them all."""
    PICTURES.mkdir(exist_ok=True)
    with lab() as (server, browser):
        take_scene(server, browser)
        take_boards(server, browser)
        take_many(server, browser)
        take_builder(server, browser)
        take_cluster(server, browser)


if __name__ == "__main__":
    main()
