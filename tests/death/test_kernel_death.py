"""A kernel is struck: its jobs live or end as promised, and no process is left behind."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.death.situations import AFTER, all_gone, done, family, fields, source, until
from tests.kernel.client import Kernel, run_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kernel

SPARED = fields(["interrupt", "fork"], [("interrupt", "busy"), ("fork", "paused")])
STRUCK = fields(
    ["restart", "shutdown", "kill"],
    [("restart", "busy"), ("shutdown", "stuck"), ("kill", "cancelling")],
)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of its own for a test."""
    with run_kernel(tmp_path) as running:
        yield running


def bring_about(kernel: Kernel, situation: str, folder: Path) -> str:
    """Run the jobs in the kernel, and return the id of the cell that still runs."""
    kernel.run(source(folder))
    kernel.run("jobs = ja.start(max_running=None)")
    kernel.run(f"made = bring_about(jobs, {situation!r})")
    kernel.run(f"until(lambda: is_reached(made, {situation!r}))", timeout=60)
    if situation != "busy":
        return ""
    cell = kernel.start("(HERE / 'computing').touch()\nwhile True: pass")
    until((folder / "computing").exists, "the cell runs")
    return cell


def ask(kernel: Kernel, question: str) -> object:
    """Return what an expression is in the kernel."""
    return ast.literal_eval(kernel.run(question, timeout=60).result or "None")


@pytest.mark.parametrize(("strike", "situation"), SPARED)
def test_jobs_do_not_notice(kernel: Kernel, tmp_path: Path, strike: str, situation: str) -> None:
    """Interrupt is for the cell, and a fork for the child: the jobs go on as if nothing was."""
    cell = bring_about(kernel, situation, tmp_path)
    if strike == "interrupt" or cell:
        kernel.interrupt()
    if cell:
        assert "KeyboardInterrupt" in (kernel.finish(cell, timeout=60).error or "")
    if strike == "fork":
        assert ask(kernel, "ask_a_child(jobs)") == "WrongProcess 7"

    assert ask(kernel, f"is_reached(made, {situation!r})") is True
    if situation == "paused":
        kernel.run("[job.resume() for job in made.values()]")
    (tmp_path / "go").touch()
    kernel.run("until(lambda: all(job.state.is_terminal for job in made.values()))", timeout=60)
    states = ask(kernel, "{runner: job.state.value for runner, job in made.items()}")
    assert states == AFTER[situation]
    assert done(tmp_path) == {r for r, state in AFTER[situation].items() if state == "succeeded"}


@pytest.mark.parametrize(("strike", "situation"), STRUCK)
def test_nothing_outlives_the_kernel(
    kernel: Kernel, tmp_path: Path, strike: str, situation: str
) -> None:
    """However its kernel ends, no process stays; after a restart jobs can be started again."""
    pid = ask(kernel, "__import__('os').getpid()")
    assert isinstance(pid, int)
    bring_about(kernel, situation, tmp_path)
    processes = family(pid)
    if situation != "stuck":  # there the process has been killed before
        begun = tmp_path / "begun-process"
        until(lambda: bool(begun.read_text()), "the number of the process in its file")
        worker = int(begun.read_text())
        assert worker in {process.pid for process in processes}

    if strike == "restart":
        kernel.manager.restart_kernel()
    elif strike == "shutdown":
        kernel.shutdown()
    else:
        kernel.kill()
    until(lambda: all_gone(processes), f"the end of {processes}")
    assert not done(tmp_path), "no job has gone on to its end"

    if strike == "restart":
        kernel.client.wait_for_ready(timeout=60)
        question = "__import__('jobactors').start().submit(int, '7').result(30)"
        assert ask(kernel, question) == 7
