# ruff: noqa: D103 (the name of a test is its sentence)
"""The fourth notebook runs to its end; killed anywhere, it comes to the same."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest
import trio

from tests.kernel.client import run_kernel
from tests.notebooks.docker_registry import VARIABLE
from tests.notebooks.executed import (
    Executed,
    assert_is_kept_well,
    cells_of,
    copied,
    execute,
    start_program,
)
from tests.notebooks.pull_server import Gate, served
from tests.notebooks.tiny_model import (
    IN_THE_MIDDLE,
    NOTEBOOK,
    Models,
    contents,
    registry_program,
    undisturbed,
)

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Run the notebook, with docker-registry, and sockets to this machine alone.

    After its first half the first cell is run once more: the server has another address then.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, registry_program())
        again = {"partial": cells_of(NOTEBOOK)["begin"]}
        return execute(NOTEBOOK, tmp_path_factory.mktemp("download"), again)


def test_the_notebook_is_kept_in_short_cells_without_outputs() -> None:
    assert_is_kept_well(NOTEBOOK)


def test_it_reaches_no_other_machine_and_says_nothing_on_the_standard_error(
    executed: Executed,
) -> None:
    assert (executed.refused, executed.said_on_standard_error) == ([], [])


def test_it_says_that_no_ollama_was_asked(executed: Executed) -> None:
    assert executed.text("begin").startswith("No Ollama is asked: a stand-in at http://127.0.0.1:")
    assert executed.text("begin").strip().endswith("from Debian's docker-registry")


def test_what_is_defined_asks_the_server_at_its_present_address(executed: Executed) -> None:
    first, second = executed.text("begin"), executed.text("after-partial")
    assert first.startswith("No Ollama is asked: a stand-in at http://127.0.0.1:")
    assert second.startswith("No Ollama is asked: a stand-in at http://127.0.0.1:")
    assert first != second  # and all cells below it go on from the blobs that are there


def test_a_missing_server_fails_before_the_start_and_names_the_set_up_page(
    executed: Executed,
) -> None:
    said = executed.text("missing")
    assert said.startswith(
        "No Ollama server answers at http://127.0.0.1:9. https://ollama.com/down"
    )
    assert "127.0.0.1:9" not in executed.text("board")


def test_the_status_is_asked_before_and_refreshed_after(executed: Executed) -> None:
    assert "models={}" in executed.text("before")
    assert "models={'tiny:latest': 24000106}" in executed.text("after")


def test_the_cancelled_download_goes_on_where_it_was(executed: Executed) -> None:
    said = executed.text("cancel")
    assert "the train is leaving" in said
    assert "'complete': False" in said
    assert "-partial" in executed.text("partial")
    assert executed.text("again").startswith("True False\n")
    result = executed.text("result")
    assert "'complete': True, 'bytes': 24000106" in result
    (found,) = re.findall(r"'found': (\d+)", result)
    assert 4_000_000 <= int(found) < 24_000_000


def test_a_model_that_does_not_exist_is_the_error_of_its_job(executed: Executed) -> None:
    assert "pull model manifest: file does not exist" in executed.text("errors")
    board = executed.text("board")
    assert all(word in board for word in ("cancelled", "succeeded", "failed"))


PROGRAM = """\
import sys
cells = {cells!r}
exec(cells["begin"].replace("= None,", "= sys.argv[1],").replace("start()", "start(store='jobs')"))
exec(cells["type"])
for left in jobs.resumable():
    print(left, left.resume().result({seconds}))
server = sys.argv[2]
exec(cells["missing"])
if server:
    start_download("tiny")
    sys.stdin.read()
"""
PHASES = {
    "pulling manifest": 0,
    "pulling sha256": IN_THE_MIDDLE,
    "verifying sha256 digest": 0,
    "writing manifest": 0,
}
"""Where a download is held, and after how many bytes."""


class Program:
    """Runs the notebook's cells in a process: it resumes at one server, and starts at another."""

    def __init__(self, folder: Path, resumes_at: str, starts_at: str) -> None:
        """Start it in a folder that has the notebook's modules."""
        code = PROGRAM.format(cells=cells_of(NOTEBOOK), seconds=SECONDS)
        self.process = start_program(code, folder, resumes_at, starts_at)

    async def killed(self) -> str:
        """Kill it; return what it has printed."""
        self.process.kill()
        return await self.ended()

    async def ended(self) -> str:
        """Wait for its end; return what it has printed."""
        said, _ = await trio.to_thread.run_sync(self.process.communicate)
        return str(said)


async def test_killed_in_the_middle_of_every_phase_it_comes_to_the_same(
    models: Models, tmp_path: Path
) -> None:
    """One program after the other resumes what the last one has left, starts one, and is killed."""
    expected = await undisturbed(models, tmp_path / "undisturbed")
    work = copied(NOTEBOOK, tmp_path / "work").parent
    before: Path | None = None
    for number, (phase, after) in enumerate([*PHASES.items(), ("", 0)]):
        there = tmp_path / f"killed-{number}"
        gate = Gate(phase, after)
        async with (
            served(before or there, models.url, Gate()) as resumes_at,
            served(there, models.url, gate) as starts_at,
        ):
            program = Program(work, resumes_at, starts_at if phase else "")
            if phase:
                with trio.fail_after(SECONDS):
                    await gate.reached.wait()
                said = await program.killed()
            else:
                said = await program.ended()
        if before is not None:
            assert re.search(r"download model tiny: interrupted.*'complete': True", said)
            assert contents(before) == expected
        before = there
    assert not (work / "refused.txt").exists()


BYTES_ARE_COMING = """
import os, time
while (job.snapshot().progress.done or 0) < 2_000_000:
    time.sleep(0.02)
print(os.getpid(), stand_in.process.pid)
"""


def test_a_kernel_that_is_killed_takes_the_stand_in_with_it_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the stand-in are all that is left."""
    monkeypatch.setenv(VARIABLE, registry_program())
    path = copied(NOTEBOOK, tmp_path / "work")
    cells = cells_of(NOTEBOOK)
    env = {"JPY_SESSION_NAME": str(path), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    with run_kernel(tmp_path, env=env) as kernel:
        for name in ("begin", "type", "missing", "submit"):
            kernel.run(cells[name].replace('stand_in(".models")', 'stand_in(".models", 2_000_000)'))
        pids = [int(pid) for pid in kernel.run(BYTES_ARE_COMING).stdout.split()]
        os.kill(pids[0], signal.SIGKILL)
    wait_until_gone(pids[1])
    with run_kernel(tmp_path, env=env) as kernel:
        for name in ("begin", "type"):
            kernel.run(cells[name].replace('stand_in(".models")', 'stand_in(".models", 1e9)'))
        assert kernel.run(cells["left"]).stdout.startswith("download model tiny: interrupted")
        said = kernel.run("print(jobs.resumable()[0].resume().result(60))").stdout
        assert "'complete': True, 'bytes': 24000106" in said
        (found,) = re.findall(r"'found': (\d+)", said)
        assert int(found) >= 2_000_000


def wait_until_gone(pid: int) -> None:
    """Wait for the end of a process that is not this one's child."""
    deadline = time.monotonic() + SECONDS
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
