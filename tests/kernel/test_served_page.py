"""Tests of ``jobs.serve()`` in a kernel: page, list and commands while a cell is busy."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.faces.http_client import PATIENCE, Client
from tests.kernel.busy_cell import BusyCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.client import Kernel

START = """\
import json, threading
import jobactors as ja
jobs = ja.start()
let_go = threading.Event()

@ja.job("wait")
def wait(n: int) -> int:
    for _ in ja.track(range(n)):
        let_go.wait(0.02)
    return n

held = jobs.options(name="held").submit("wait", {"n": 10**6})
server = jobs.serve()
"""


def test_a_served_page_answers_and_commands_while_a_cell_is_busy(
    kernel: Kernel, tmp_path: Path
) -> None:
    """It is served by the jobs' own thread: neither its page nor a cancel waits for the cell."""
    kernel.run(START)
    shown = kernel.run("print(json.dumps([server.url, server.token, held.id]))\nserver")
    url, token, held = json.loads(shown.stdout)
    (row,) = shown.displays("execute_result")
    assert url in row["text/html"]
    busy = BusyCell(tmp_path)
    cell = kernel.start(busy.source)
    kernel.wait_begun(cell)
    client = Client(url, token)
    assert b"page.js" in client.ask("/").body
    with client.stream() as stream:
        events = stream.events()
        kind, data = next(events)
        assert (kind, held in {one["id"] for one in data["jobs"]}) == ("state", True)
        answer = client.post("/jobs", {"type": "wait", "arguments": {"n": 10**6}})
        assert answer.status == 201, answer.body
        for job_id in (held, answer.json["id"]):
            assert client.post(f"/jobs/{job_id}/cancel").status in {200, 202}
        open_ids = {held, answer.json["id"]}
        give_up = time.monotonic() + PATIENCE
        while open_ids and time.monotonic() < give_up:
            ended = {one["id"] for one in next(events)[1]["jobs"] if one["state"] == "cancelled"}
            open_ids -= ended
        assert not open_ids
    assert kernel.manager.is_alive()
    busy.end()
    assert kernel.finish(cell, PATIENCE).error is None
    assert kernel.run("print(held.state)").stdout.strip() == "cancelled"
