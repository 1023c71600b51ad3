"""Jobs on a Dask cluster of real processes, on a board, under a real mouse and a busy cell."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_board import GENEROUS, row

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook

CLUSTER = """\
import json, os, time
from pathlib import Path
from dask.distributed import Client, LocalCluster
import jobactors as ja
cluster = LocalCluster(n_workers=2, threads_per_worker=20, host="127.0.0.1",
                       dashboard_address="127.0.0.1:0", silence_logs="ERROR")
client = Client(cluster)
Path("pids.json").write_text(json.dumps(client.run(os.getpid)))
def train(number):
    for _ in ja.track(range(5000 + 40 * number), unit="steps"):
        time.sleep(0.05)
jobs = ja.start()
on_cluster = jobs.options(runner=ja.DaskRunner(client))
all_of_them = [on_cluster.options(name=f"train {n}").submit(train, n) for n in range(40)]
while any(job.state != "running" for job in all_of_them):
    time.sleep(0.05)
jobs
"""
BUSY = """\
while not Path("go on").exists():
    time.sleep(0.1)
client.close(); cluster.close()
[str(job.state) for job in all_of_them].count("failed")
"""
ADDRESS = re.compile(r"on (tcp://127\.0\.0\.1:\d+)")


def test_forty_dask_jobs_obey_the_mouse_in_a_busy_cell_and_say_how_their_worker_died(
    open_notebook: OpenNotebook,
) -> None:
    """Each row has its worker's address; of the two workers, one is killed."""
    notebook = open_notebook([CLUSTER, BUSY])
    notebook.run_and_wait(0)
    board = notebook.cell(0).locator(".ja-jobs")
    counts = board.locator(".ja-head .ja-counts")
    expect(counts).to_contain_text("40 jobs running", timeout=GENEROUS)
    notebook.run_cell(1)
    notebook.wait_running(1)
    rows = board.locator(".ja-row").all()
    assert len(rows) > 10
    for shown in rows:
        expect(shown).to_contain_text(ADDRESS)

    paused, cancelled = row(board, "train 1"), row(board, "train 2")
    paused.locator("[data-verb=pause]").click()
    expect(paused).to_have_attribute("data-state", "paused", timeout=GENEROUS)
    cancelled.locator("[data-verb=cancel]").click()
    expect(cancelled).to_have_attribute("data-state", "cancelled", timeout=GENEROUS)
    expect(counts).to_contain_text("38 running", timeout=GENEROUS)

    found = ADDRESS.search(row(board, "train 3").inner_text())
    assert found is not None
    where = found[1]
    pids = json.loads((notebook.server.root / "pids.json").read_text())
    os.kill(pids[where], signal.SIGKILL)
    expect(counts).to_contain_text("failed", timeout=GENEROUS)
    board.get_by_label("Filter by state").select_option("failed")
    died = row(board, "train 3")
    expect(died).to_contain_text(f"WorkerDied: its worker {where} left", timeout=GENEROUS)
    expect(died).to_contain_text("killed")
    notebook.screenshot("cluster")
    expect(notebook.prompt(1)).to_have_text("[*]:")

    (notebook.server.root / "go on").touch()
    notebook.wait_done(1)
    assert notebook.console_errors == []
