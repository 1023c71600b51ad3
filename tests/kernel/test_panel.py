"""Tests of a panel in real kernels: a click is handled while a cell runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel.busy_cell import BusyCell
from tests.kernel.client import IPYKERNELS, Kernel, Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

START = """\
import time, trio
import jobactors as ja
jobs = ja.start()
job = jobs.options(name="train").submit(trio.sleep, 600)
"""

# Ends as soon as the job has ended, and stores the state of then: no time is measured.
UNTIL_ENDED = """\
until = time.monotonic() + 60
while time.monotonic() < until and not job.state.is_terminal:
    time.sleep(0.05)
during = job.state.value
"""

NEWER = [version for version in IPYKERNELS if version != "6"]
VIEW = "application/vnd.jupyter.widget-view+json"


def show(kernel: Kernel, name: str) -> tuple[str, dict[str, Any]]:
    """Display a variable, as a page does: it sends hello to the panel.

    Return the panel's comm and the state it was opened with.
    """
    outcome = kernel.run(name)
    (bundle,) = outcome.displays("execute_result")
    comm_id = bundle[VIEW]["model_id"]
    opened = kernel.wait_for(lambda m: is_comm(m, comm_id, "comm_open"))
    press(kernel, comm_id, {"kind": "hello", "frame": -1}, None)
    kernel.wait_for(lambda m: is_comm(m, comm_id) and "'full': True" in str(m["content"]))
    return comm_id, opened["content"]["data"]["state"]


def is_comm(message: Message, comm_id: str, kind: str = "comm_msg") -> bool:
    """Whether a message is this comm's."""
    return bool(message["msg_type"] == kind and message["content"]["comm_id"] == comm_id)


def contents(kernel: Kernel, comm_id: str) -> list[dict[str, Any]]:
    """The custom messages of a comm so far."""
    messages = [m["content"]["data"] for m in kernel.messages if is_comm(m, comm_id)]
    return [data["content"] for data in messages if data.get("method") == "custom"]


def press(
    kernel: Kernel, comm_id: str, content: Mapping[str, object], subshell: str | None
) -> None:
    """Send what a pressed button sends."""
    data = {"method": "custom", "content": dict(content)}
    kernel.send_comm(comm_id, data, subshell=subshell)


def press_cancel(kernel: Kernel, comm_id: str, job_id: str, subshell: str | None) -> None:
    """Send what the Cancel button of a row sends."""
    press(kernel, comm_id, {"kind": "act", "verb": "cancel", "id": job_id}, subshell)


def cancel_while_busy(kernel: Kernel, comm_id: str, subshell: str | None) -> str:
    """Press Cancel while a cell runs that waits for it; return the state that the cell saw."""
    job_id = kernel.run("print(job.id)").stdout.strip()
    busy = kernel.start(UNTIL_ENDED)
    kernel.wait_begun(busy)
    press_cancel(kernel, comm_id, job_id, subshell)
    outcome = kernel.finish(busy, timeout=90)
    assert outcome.error is None
    return kernel.run("print(during)").stdout.strip()


@pytest.mark.parametrize("kernel", NEWER, indirect=True)
def test_cancel_on_a_subshell_reaches_a_job_in_a_busy_kernel(kernel: Kernel) -> None:
    """JupyterLab and Notebook 7 do it so: they name a subshell of theirs."""
    kernel.run(START)
    comm_id, state = show(kernel, "job")
    assert state["hears"] is True
    assert cancel_while_busy(kernel, comm_id, kernel.create_subshell()) == "cancelled"


@pytest.mark.parametrize("kernel", NEWER, indirect=True)
def test_cancel_without_a_subshell_reaches_a_job_in_a_busy_kernel(kernel: Kernel) -> None:
    """VS Code and Colab do it so: they name none, and get one of ours."""
    kernel.run(START)
    comm_id, _ = show(kernel, "jobs")
    assert cancel_while_busy(kernel, comm_id, None) == "cancelled"


@pytest.mark.parametrize("kernel", ["7.3"], indirect=True)
def test_a_panel_ends_the_loss_of_requests_in_older_kernels(kernel: Kernel) -> None:
    """Replies go through the stream that reads requests, as in 7.4; and they still arrive.

    The loss itself is a race inside libzmq, which no test can be sure to win.
    """
    kernel.run(START)
    show(kernel, "jobs")
    thread = "get_ipython().kernel.shell_channel_thread"
    replies = f"print({thread}.manager._shell_socket is get_ipython().kernel.shell_stream)"
    assert [kernel.run(replies).stdout.strip() for _ in range(3)] == ["True"] * 3


@pytest.mark.parametrize("kernel", NEWER, indirect=True)
def test_other_widgets_are_left_as_they_are(kernel: Kernel) -> None:
    """A comm that is not ours is heard where ipykernel wants it: in the main thread."""
    kernel.run(
        "import threading, ipywidgets\nheard = []\nother = ipywidgets.Button()\n"
        "main = threading.main_thread()\n"
        "other.on_msg(lambda *_: heard.append(threading.current_thread() is main))"
    )
    kernel.run(START)
    show(kernel, "jobs")
    comm_id = kernel.run("print(other.comm.comm_id)").stdout.strip()
    press(kernel, comm_id, {"event": "click"}, None)
    assert kernel.run("print(heard)").stdout.strip() == "[True]"


@pytest.mark.parametrize("kernel", ["6"], indirect=True)
def test_without_subshells_cancel_arrives_when_the_cell_ends(
    kernel: Kernel, tmp_path: Path
) -> None:
    """The panel reports that, and nothing is lost."""
    kernel.run(START)
    comm_id, state = show(kernel, "job")
    assert state["hears"] is False
    job_id = kernel.run("print(job.id)").stdout.strip()
    cell = BusyCell(tmp_path)
    busy = kernel.start(cell.source + "during = job.state.value")
    kernel.wait_begun(busy)
    press_cancel(kernel, comm_id, job_id, None)
    kernel.control("kernel_info_request")  # a round trip later it still waits
    cell.end()
    assert kernel.finish(busy).error is None
    assert kernel.run("print(during)").stdout.strip() == "running"
    kernel.wait_for(lambda m: is_comm(m, comm_id) and "'state': 'cancelled'" in str(m["content"]))


def test_a_panel_moves_while_a_cell_is_busy(kernel: Kernel, tmp_path: Path) -> None:
    """Ten frames a second at most, without a gap, from a loop of its own."""
    kernel.run(f"{START}jobs.scale(31)")
    kernel.run(
        "async def count(n):\n"
        "    for i in range(n):\n"
        "        ja.progress(i + 1, n)\n"
        "        await trio.sleep(0.005)\n"
    )
    comm_id, state = show(kernel, "jobs")
    assert [row["name"] for row in state["rows"]] == ["train"]
    cell = BusyCell(tmp_path)
    busy = kernel.start("made = [jobs.submit(count, 400) for _ in range(30)]\n" + cell.source)
    for _ in range(3):  # the cell does not end before these
        kernel.wait_for(lambda m: is_comm(m, comm_id) and bool(m["buffers"]), since=kernel.heard)
    cell.end()
    assert kernel.finish(busy).error is None
    kernel.run("for each in made: each.result()\njob.cancel()")
    kernel.wait_for(lambda m: is_comm(m, comm_id) and "'state': 'cancelled'" in str(m["content"]))
    frames = contents(kernel, comm_id)
    last = {row["id"]: row for frame in frames for row in frame["rows"]}
    assert [frame["frame"] for frame in frames] == list(range(1, len(frames) + 1))
    assert sum(row["state"] == "succeeded" for row in last.values()) == 30
    sent = [m["header"]["date"] for m in kernel.messages if is_comm(m, comm_id)]
    seconds = (sent[-1] - sent[1]).total_seconds()
    assert len(sent[2:]) <= 10 * seconds + 1  # fewer on a slow machine


def test_a_page_that_asks_for_the_state_is_given_the_present_one(kernel: Kernel) -> None:
    """A front end asks for it when it is loaded again; the rows are read at that moment."""
    kernel.run(START)
    comm_id, _ = show(kernel, "jobs")
    kernel.run("job.cancel(); job.exception()")
    kernel.send_comm(comm_id, {"method": "request_state"})
    kernel.wait_for(lambda m: is_comm(m, comm_id) and m["content"]["data"]["method"] == "update")
    updates = [m["content"]["data"] for m in kernel.messages if is_comm(m, comm_id)]
    (state,) = [data["state"] for data in updates if data["method"] == "update"]
    assert [row["state"] for row in state["rows"]] == ["cancelled"]


def test_a_cell_that_is_run_again_makes_no_second_panel(kernel: Kernel) -> None:
    """One comm, one message a frame, however often the board is displayed."""
    kernel.run(START)
    first, _ = show(kernel, "jobs")
    second, _ = show(kernel, "jobs")
    assert first == second


def test_the_output_also_holds_a_table(kernel: Kernel) -> None:
    """For GitHub and nbviewer, and for a notebook that is opened without its kernel."""
    kernel.run(START)
    (bundle,) = kernel.run("job").displays("execute_result")
    assert "<table>" in bundle["text/html"]
    assert "train" in bundle["text/plain"]


def test_hostile_names_travel_as_valid_json(kernel: Kernel) -> None:
    """A lone surrogate, a NUL and a NaN in one job leave every other job's row readable."""
    kernel.run(START)
    kernel.run(
        "async def evil():\n"
        "    ja.progress(float('nan'), float('inf'), message='\\ud800\\0<b>')\n"
        "    await trio.sleep(600)\n"
        "bad = jobs.options(name='\\udfff<img src=x>').submit(evil)"
    )
    comm_id, _ = show(kernel, "jobs")
    kernel.run("bad.cancel(); bad.exception()")
    kernel.wait_for(lambda m: is_comm(m, comm_id) and "'state': 'cancelled'" in str(m["content"]))


def test_after_the_jobs_have_stopped_the_board_shows_it(kernel: Kernel) -> None:
    """The last frame has every last row; a later click is answered."""
    kernel.run(START)
    comm_id, _ = show(kernel, "jobs")
    kernel.run("ja.stop(0)")
    kernel.wait_for(lambda m: is_comm(m, comm_id) and "'ended': True" in str(m["content"]))
    last = contents(kernel, comm_id)[-1]
    assert [row["state"] for row in last["rows"]] == ["cancelled"]
    press(kernel, comm_id, {"kind": "act", "verb": "cancel", "id": "x"}, None)
    kernel.wait_for(lambda m: is_comm(m, comm_id) and "has stopped" in str(m["content"]))
