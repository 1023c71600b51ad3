"""Tests of the sidebar's comm in real kernels: found on the control channel, in a busy cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel.busy_cell import BusyCell
from tests.kernel.client import IPYKERNELS, Kernel
from tests.kernel.test_panel import START, UNTIL_ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

COMM = "jobactors.sidebar"  # as in sidebar.py and link.js
NEWER = [version for version in IPYKERNELS if version != "6"]


def sent(kernel: Kernel) -> list[dict[str, Any]]:
    """The messages to the sidebar so far."""
    return [
        message["content"]["data"]
        for message in kernel.messages
        if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == COMM
    ]


def wait_sent(
    kernel: Kernel, wanted: Callable[[dict[str, Any]], bool], since: int = 0
) -> dict[str, Any]:
    """Wait for a message to the sidebar that is `wanted`."""
    message = kernel.wait_for(
        lambda m: bool(
            m["msg_type"] == "comm_msg"
            and m["content"]["comm_id"] == COMM
            and wanted(m["content"]["data"])
        ),
        since=since,
    )
    data: dict[str, Any] = message["content"]["data"]
    assert message["parent_header"] == {}, "it belongs to no cell"
    return data


def states(data: Mapping[str, Any]) -> dict[str, str]:
    """The state of each job in a frame, by name."""
    return {row["name"]: row["state"] for row in data.get("rows", ())}


def found(kernel: Kernel) -> bool:
    """Whether a window would find the comm, without waiting for a cell."""
    return COMM in kernel.control("comm_info_request", {"target_name": COMM})["comms"]


def hello(kernel: Kernel, subshell: str | None, frame: int = -1) -> dict[str, Any]:
    """Send hello as a window does that has just been loaded; return all rows."""
    since = kernel.heard
    kernel.send_comm(COMM, {"kind": "hello", "frame": frame}, subshell=subshell)
    return wait_sent(kernel, lambda data: bool(data.get("full")), since)


def test_a_kernel_that_does_not_use_the_package_has_nothing_to_find(kernel: Kernel) -> None:
    """Nor one that only imports it."""
    assert not found(kernel)
    kernel.run("import jobactors, jobactors_widgets")
    assert not found(kernel)
    assert sent(kernel) == []


@pytest.mark.parametrize("named", [True, False], ids=["own subshell", "none named"])
@pytest.mark.parametrize("kernel", NEWER, indirect=True)
def test_found_and_heard_in_the_middle_of_a_cell(kernel: Kernel, named: bool) -> None:
    """All that a page does after a reload, while a cell is busy: find, hello, rows, Cancel."""
    kernel.run(START)
    busy = kernel.start(UNTIL_ENDED)
    kernel.wait_begun(busy)
    assert found(kernel)
    subshell = kernel.create_subshell() if named else None
    first = hello(kernel, subshell)
    assert first["hears"] is True
    assert states(first) == {"train": "running"}
    (row,) = first["rows"]
    kernel.send_comm(COMM, {"kind": "act", "verb": "cancel", "id": row["id"]}, subshell=subshell)
    kernel.finish(busy, timeout=90)
    assert kernel.run("print(during)").stdout.strip() == "cancelled"
    answer = wait_sent(kernel, lambda data: data["kind"] == "answer")
    assert (answer["id"], answer["ok"]) == (row["id"], True)
    wait_sent(kernel, lambda data: states(data) == {"train": "cancelled"})


def test_nothing_is_opened_and_nothing_sent_before_a_hello(kernel: Kernel) -> None:
    """A page without the sidebar receives one message, and could close nothing."""
    kernel.run(START + "job.cancel(); job.exception()")
    # Longer than a frame waits, and on the loop that would send it.
    kernel.run("jobs.options(name='wait').submit(trio.sleep, 0.3).result()")
    assert sent(kernel) == [{"kind": "here"}]
    assert states(hello(kernel, None)) == {"train": "cancelled", "wait": "succeeded"}
    opened = [m for m in kernel.messages if m["msg_type"] in {"comm_open", "comm_close"}]
    assert opened == []


def test_frames_are_counted_and_few(kernel: Kernel) -> None:
    """Thirty jobs that report two hundred times a second make ten frames of it, none missing."""
    kernel.run(f"{START}jobs.scale(31)")
    kernel.run(
        "async def count(n):\n"
        "    for i in range(n):\n"
        "        ja.progress(i + 1, n)\n"
        "        await trio.sleep(0.005)\n"
    )
    first = hello(kernel, kernel.create_subshell())
    kernel.run("for each in [jobs.submit(count, 200) for _ in range(30)]: each.result()")
    kernel.run("job.cancel(); job.exception()")
    wait_sent(kernel, lambda data: states(data).get("train") == "cancelled")
    frames = [data for data in sent(kernel) if data["kind"] == "frame"]
    numbers = [data["frame"] for data in frames]
    assert numbers == list(range(first["frame"], first["frame"] + len(frames)))
    last = {row["id"]: row["state"] for data in frames for row in data["rows"]}
    assert sorted(last.values()) == ["cancelled"] + ["succeeded"] * 30


def test_a_window_that_has_everything_is_sent_nothing(kernel: Kernel) -> None:
    """A window that missed a frame receives what changed since."""
    kernel.run(START + "other = jobs.options(name='other').submit(trio.sleep, 600)")
    subshell = kernel.create_subshell()
    first = hello(kernel, subshell)
    kernel.run("job.cancel(); job.exception()")
    last = wait_sent(kernel, lambda data: states(data) == {"train": "cancelled"})
    since = kernel.heard
    for frame in (last["frame"], first["frame"]):
        kernel.send_comm(COMM, {"kind": "hello", "frame": frame}, subshell=subshell)
    missed = wait_sent(kernel, lambda data: data["kind"] == "frame", since)
    assert (missed["after"], states(missed)) == (first["frame"], {"train": "cancelled"})


def test_all_jobs_are_cancelled_in_a_busy_cell(kernel: Kernel) -> None:
    """One message, and one answer."""
    kernel.run(START + "more = [jobs.options(name='more').submit(trio.sleep, 600)]")
    subshell = kernel.create_subshell()
    ids = [row["id"] for row in hello(kernel, subshell)["rows"]]
    busy = kernel.start(UNTIL_ENDED)
    kernel.wait_begun(busy)
    kernel.send_comm(COMM, {"kind": "act", "verb": "cancel", "ids": ids}, subshell=subshell)
    kernel.finish(busy, timeout=90)
    assert kernel.run("print(during, *jobs.list(state='running'))").stdout.strip() == "cancelled"
    wait_sent(kernel, lambda data: states(data).get("more") == "cancelled")


def test_an_interrupt_hurts_neither_jobs_nor_sidebar(kernel: Kernel) -> None:
    """It reaches the cell alone."""
    kernel.run(START)
    subshell = kernel.create_subshell()
    ids = [row["id"] for row in hello(kernel, subshell)["rows"]]
    busy = kernel.start("print('busy'); time.sleep(60)")
    kernel.wait_for(lambda m: m["msg_type"] == "stream")
    kernel.interrupt()
    assert "KeyboardInterrupt" in (kernel.finish(busy).error or "")
    kernel.send_comm(COMM, {"kind": "act", "verb": "cancel", "ids": ids}, subshell=subshell)
    wait_sent(kernel, lambda data: states(data) == {"train": "cancelled"})


def test_a_comm_that_a_window_closes_is_there_again(kernel: Kernel) -> None:
    """One window's goodbye is not the others'."""
    kernel.run(START)
    message = kernel.client.session.msg("comm_close", {"comm_id": COMM, "data": {}})
    kernel.client.shell_channel.send(message)
    assert states(hello(kernel, None)) == {"train": "running"}


def test_an_unknown_message_does_no_harm(kernel: Kernel) -> None:
    """A message from a browser is not trusted."""
    kernel.run(START)
    for data in ({}, {"kind": "act"}, {"kind": "act", "verb": 1, "id": []}, {"kind": "hello"}):
        kernel.send_comm(COMM, data)
    kernel.send_comm(COMM, {"kind": "act", "verb": "cancel", "id": "no such job"})
    refused = wait_sent(kernel, lambda data: data.get("id") == "no such job")
    assert not refused["ok"]
    assert states(hello(kernel, None)) == {"train": "running"}


def test_the_end_of_the_jobs_is_sent_and_a_new_beginning(kernel: Kernel) -> None:
    """`ja.stop()` leaves the last rows for pages to come; `ja.start()` is announced."""
    kernel.run(START)
    subshell = kernel.create_subshell()
    hello(kernel, subshell)
    kernel.run("ja.stop(0)")
    ended = wait_sent(kernel, lambda data: bool(data.get("ended")))
    assert states(ended) == {"train": "cancelled"}
    assert states(hello(kernel, subshell)) == {"train": "cancelled"}
    since = kernel.heard
    kernel.run(START)
    wait_sent(kernel, lambda data: data == {"kind": "here"}, since)
    again = hello(kernel, subshell)
    assert not again.get("ended")
    assert states(again) == {"train": "running"}


@pytest.mark.parametrize("kernel", ["6"], indirect=True)
def test_a_kernel_without_subshells_sends_rows_at_once(kernel: Kernel, tmp_path: Path) -> None:
    """It could not handle a hello while the cell runs, and reports that in each frame."""
    kernel.run(START)
    first = wait_sent(kernel, lambda data: bool(data.get("full")))
    assert first["hears"] is False
    (row,) = wait_sent(kernel, lambda data: bool(data.get("rows")))["rows"]
    cell = BusyCell(tmp_path)
    busy = kernel.start(cell.source + "during = job.state.value")
    kernel.wait_begun(busy)
    kernel.send_comm(COMM, {"kind": "act", "verb": "cancel", "id": row["id"]})
    kernel.control("kernel_info_request")  # a round trip later it still waits
    cell.end()
    assert kernel.finish(busy).error is None
    assert kernel.run("print(during)").stdout.strip() == "running"
    wait_sent(kernel, lambda data: states(data) == {"train": "cancelled"})
