"""Jobs in processes, and a chain with a phase in one, under a real mouse and a busy cell."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_board import GENEROUS, row

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook

JOBS = """\
import json, os, time
from pathlib import Path
import jobactors as ja

def train(name):
    Path(name).write_text(json.dumps(os.getpid()))
    for step in ja.track(range(100_000), unit="steps", resumable=True):
        time.sleep(0.05)

def read():
    ja.progress(1, 1)

jobs = ja.start()
elsewhere = jobs.options(runner="process")
made = [elsewhere.options(name=f"train {n}").submit(train, f"{n}.json") for n in range(3)]
chain = ja.chain(
    ja.phase("Read", read, weight=20),
    ja.phase("Train", train, {"name": "chain.json"}, runner="process", weight=80),
    name="film index",
)
made.append(jobs.submit(chain))
jobs
"""
BUSY = """\
while not Path("processes may end").exists():
    time.sleep(0.1)
[job.state.value for job in made]
"""


def test_processes_and_phases_in_one_obey_the_mouse_in_a_busy_cell(
    open_notebook: OpenNotebook,
) -> None:
    """One is paused and goes on, one is cancelled, and one is killed from outside."""
    notebook = open_notebook([JOBS, BUSY])
    notebook.run_and_wait(0)
    board = notebook.cell(0).locator(".ja-jobs")
    in_phase = row(board, "film index")
    expect(in_phase).to_contain_text("Train", timeout=GENEROUS)
    for name in ("train 0", "train 1", "train 2"):
        expect(row(board, name)).to_contain_text("steps", timeout=GENEROUS)
    notebook.run_cell(1)
    notebook.wait_running(1)

    for name in ("train 0", "film index"):
        row(board, name).locator("[data-verb=pause]").click()
    for name in ("train 0", "film index"):
        expect(row(board, name)).to_have_attribute("data-state", "paused", timeout=GENEROUS)
    row(board, "train 1").locator("[data-verb=cancel]").click()
    expect(row(board, "train 1")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    os.kill(json.loads((notebook.server.root / "2.json").read_text()), signal.SIGKILL)
    died = row(board, "train 2")
    expect(died).to_have_attribute("data-state", "failed", timeout=GENEROUS)
    expect(died).to_contain_text("WorkerDied")
    notebook.screenshot("processes")

    for name in ("train 0", "film index"):
        row(board, name).locator("[data-verb=resume]").click()
        expect(row(board, name)).to_have_attribute("data-state", "running", timeout=GENEROUS)
    os.kill(json.loads((notebook.server.root / "chain.json").read_text()), signal.SIGKILL)
    expect(in_phase).to_have_attribute("data-state", "failed", timeout=GENEROUS)
    expect(in_phase).to_contain_text("WorkerDied")
    row(board, "train 0").locator("[data-verb=cancel]").click()
    expect(row(board, "train 0")).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    notebook.screenshot("processes-ended")
    expect(notebook.prompt(1)).to_have_text("[*]:")
    (notebook.server.root / "processes may end").touch()
    notebook.wait_done(1)
    assert notebook.console_errors == []
