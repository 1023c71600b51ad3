"""The first minute: one command opens the tour, and Run All shows bars that move."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from tests.browser.lab import (
    KERNEL_IDLE,
    READY_MS,
    SCREENSHOTS,
    VIEWPORT,
    free_port,
    install_labextension,
)
from tests.isolation import isolated_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]

MOST_TRIES = 10
MOST_RUNS = 4

# Bars of rows that the reader sees without scrolling, by their place, and each value they had.
BARS_MOVE_IN_SIGHT = """() => {
    const seen = (window.barValues ??= new Map());
    for (const [place, bar] of document.querySelectorAll('[role=progressbar]').entries()) {
        const box = bar.getBoundingClientRect();
        const value = bar.getAttribute('aria-valuenow');
        if (!box.height || !value || box.top < 0 || box.bottom > innerHeight) continue;
        seen.set(place, (seen.get(place) ?? new Set()).add(value));
    }
    return [...seen.values()].some(values => values.size > 2);
}"""


@contextlib.contextmanager
def opened_lab(folder: Path) -> Iterator[list[str]]:
    """Run what `make run` runs when all is installed, in a folder with the notebooks.

    Gives its two lines, and ends it with one Ctrl-C.
    """
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    environ = isolated_environment(folder / "home") | {
        "CI": "true",  # no browser of its own
        "JUPYTER_PATH": str(install_labextension(folder / "share")),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'widgets'}",
    }
    with subprocess.Popen(
        [sys.executable, ROOT / ".ci" / "open-lab", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        cwd=folder,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield [process.stdout.readline(), process.stdout.readline()]
        finally:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the server hears it too
            rest = process.stdout.read()
    assert (process.returncode, rest) == (0, "")


STUBBORN = """\
#!{python}
import http.server, json, os, pathlib, signal
signal.signal(signal.SIGINT, lambda *_: print("Interrupted...", flush=True))
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
info = {{"url": f"http://127.0.0.1:{{server.server_port}}/", "token": "t"}}
described = pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"], f"jpserver-{{os.getpid()}}.json")
described.parent.mkdir(parents=True)
described.write_text(json.dumps(info))
server.serve_forever()
"""


@contextlib.contextmanager
def stubborn_lab(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Open a server that stays through a Ctrl-C, and has had one; Lab may hang at its end so."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    (programs / "jupyter").write_text(STUBBORN.format(python=sys.executable))
    (programs / "jupyter").chmod(0o755)
    with subprocess.Popen(
        [programs / "python", ROOT / ".ci" / "open-lab", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=isolated_environment(folder / "home") | {"CI": "true"},
        cwd=folder,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert "Starting" in process.stdout.readline()
        assert "Ctrl-C here ends it" in process.stdout.readline()
        log = folder / ".jupyter" / "lab.log"
        os.killpg(process.pid, signal.SIGINT)
        try:
            while "Interrupted" not in log.read_text():
                assert process.poll() is None
            yield process
            assert process.wait(timeout=60) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_second_ctrl_c_ends_a_server_that_does_not_end(tmp_path: Path) -> None:
    """Long before the bound.  Two that come before Python has looked are one, so it is repeated."""
    with stubborn_lab(tmp_path, "3600") as process:
        while process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)


def test_a_server_that_does_not_end_is_ended_after_a_bound(tmp_path: Path) -> None:
    """Without a second Ctrl-C; its kernels end with it."""
    with stubborn_lab(tmp_path, "0.1"):
        pass


def run_all(page: Page) -> None:
    """Run all cells by the menu.

    A notebook that still looks for its kernel asks for one first, does nothing at all, or has cells
    wait for a kernel that never hears of them: then once more, as a person would.
    """
    asks = page.locator(".jp-Dialog button.jp-mod-accept")

    def accept() -> None:
        asks.click()

    # It may be there long after the click, and another one may come at once.
    page.add_locator_handler(asks, accept, no_wait_after=True)
    prompts = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]"))  # one has run
    for _ in range(MOST_TRIES):
        page.locator(".lm-MenuBar-item", has_text="Run").first.click()
        page.locator(".lm-Menu-item", has_text="Run All Cells").first.click()
        with contextlib.suppress(AssertionError):
            expect(prompts.first).to_be_visible()
            return


def see_bars_move(page: Page) -> None:
    """Run all cells, once more if the jobs had ended before the page had room to show them."""
    for _ in range(MOST_RUNS):
        run_all(page)
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_function(BARS_MOVE_IN_SIGHT, timeout=READY_MS / 2)
            return
    raise AssertionError("no bar has moved in sight")


def test_one_line_gives_the_address_and_run_all_shows_bars_that_move(
    chromium: Browser, tmp_path: Path
) -> None:
    """Run All scrolls to the last cell; the sidebar is open, and in sight wherever that is."""
    with opened_lab(tmp_path) as (first, second):
        assert first.startswith("Starting JupyterLab")
        assert re.search(r"Run All Cells.*Ctrl-C here ends it\.$", second)
        address = second.split()[0]
        assert address.startswith("http://localhost:")
        page = chromium.new_context(viewport=VIEWPORT).new_page()
        page.goto(address)
        page.wait_for_selector(KERNEL_IDLE, timeout=READY_MS)
        see_bars_move(page)
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "tour.png")
        expect(page.locator("#jobactors-sidebar")).to_be_visible()
        page.context.close()


def test_a_server_that_cannot_start_is_reported_with_its_own_words(tmp_path: Path) -> None:
    """The log is a file; its last lines are shown, and the status is no success."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    ran = subprocess.run(
        [sys.executable, ROOT / ".ci" / "open-lab", "no-port"],
        capture_output=True,
        text=True,
        env=isolated_environment(tmp_path / "home") | {"CI": "true"},
        cwd=tmp_path,
        check=False,
    )
    assert ran.returncode != 0
    assert "JupyterLab did not start" in ran.stderr
    assert "no-port" in ran.stderr
