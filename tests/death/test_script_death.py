"""A script is struck, or comes to its end: its jobs live or end as promised."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec import Struct

from tests.death.situations import (
    AFTER,
    PATIENCE,
    RUNNERS,
    all_gone,
    cleaning,
    done,
    family,
    fields,
    source,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

ENDINGS = {
    "end": ("pass", 0),
    "exit": ("sys.exit(3)", 3),
    "error": ("raise ValueError('as planned')", 1),
    "interrupt": ("wait()", -signal.SIGINT),
}
"""How the main thread ends, and the code that its script ends with."""

DRAINED = fields(
    ENDINGS, [("end", "idle"), ("exit", "paused"), ("error", "stuck"), ("interrupt", "busy")]
)
KILLED = fields(["kill", "terminate"], [("kill", "stuck"), ("terminate", "paused")])
FORKED = fields(["fork"], [("fork", "cancelling")])


class Script(Struct, frozen=True):
    """A script that has brought its jobs into a situation."""

    process: subprocess.Popen[str]
    folder: Path

    def end(self) -> int:
        """Wait for its end; return its code."""
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """The scripts of a test, which end with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        (tmp_path / "go").touch()
        if process.poll() is None:
            process.kill()
        process.communicate()


def begin(running: list[subprocess.Popen[str]], folder: Path, situation: str, then: str) -> Script:
    """Start a script, and wait until the situation is there; its main thread does ``then``."""
    # In slices: a signal that comes just before a long call is handled after it.
    turn = "pass" if situation == "busy" else "time.sleep(0.02)"
    program = f"""
{source(folder)}
import faulthandler
faulthandler.dump_traceback_later(100, exit=True)  # a hang speaks
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored

def wait():
    while True: {turn}

jobs = ja.start(max_running=None)
made = bring_about(jobs, {situation!r})
until(lambda: is_reached(made, {situation!r}))
(HERE / "reached").touch()
{then}
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    running.append(process)
    until(lambda: (folder / "reached").exists() or process.poll() is not None, "the situation")
    if process.poll() is not None and not (folder / "reached").exists():
        pytest.fail(f"the script ended before it was struck: {process.communicate()[1]}")
    return Script(process, folder)


@pytest.mark.parametrize(("ending", "situation"), DRAINED)
def test_a_script_waits_at_its_end_for_its_jobs(
    running: list[subprocess.Popen[str]], tmp_path: Path, ending: str, situation: str
) -> None:
    """However its main thread ends, what works is waited for, and what rests is cancelled."""
    then, code = ENDINGS[ending]
    script = begin(running, tmp_path, situation, then)
    processes = family(script.process.pid)
    if ending == "interrupt":
        script.process.send_signal(signal.SIGINT)
    if situation == "paused":
        until(lambda: cleaning(tmp_path) == set(RUNNERS), "the cancel of what rests")
    assert not done(tmp_path), "it is not their end yet"
    (tmp_path / "go").touch()

    assert script.end() == code
    expected = {r for r in RUNNERS if AFTER[situation][r] == "succeeded"}
    assert done(tmp_path) == (set() if situation == "paused" else expected)
    until(lambda: all_gone(processes), f"the end of {processes}")


@pytest.mark.parametrize(("strike", "situation"), KILLED)
def test_nothing_outlives_a_killed_script(
    running: list[subprocess.Popen[str]], tmp_path: Path, strike: str, situation: str
) -> None:
    """Its processes end with it, whatever they do, and even if they stand still."""
    script = begin(running, tmp_path, situation, "wait()")
    processes = family(script.process.pid)
    if strike == "kill":
        script.process.kill()
    else:
        script.process.terminate()
    assert script.end() < 0
    until(lambda: all_gone(processes), f"the end of {processes}")
    assert not done(tmp_path)


@pytest.mark.parametrize(("strike", "situation"), FORKED)
def test_a_forked_child_is_told_and_the_parent_goes_on(
    running: list[subprocess.Popen[str]], tmp_path: Path, strike: str, situation: str
) -> None:
    """The child gets an error for its parent's jobs, and may start its own."""
    ask = "(HERE / 'answer').write_text(ask_a_child(jobs))\n"
    resume = "[job.resume() for job in made.values()]\n" if situation == "paused" else ""
    script = begin(running, tmp_path, situation, f"{ask}{resume}GO.touch()")
    assert script.end() == 0
    assert (tmp_path / "answer").read_text() == "WrongProcess 7"
    assert done(tmp_path) == {r for r in RUNNERS if AFTER[situation][r] == "succeeded"}
