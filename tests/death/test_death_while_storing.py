"""A script that keeps its jobs is struck while it stores them: what was acknowledged is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import jobactors as ja
from tests.death.situations import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import os, signal, sys, threading, time
import jobactors as ja
import faulthandler
faulthandler.dump_traceback_later(100, exit=True)  # a hang speaks
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
jobs = ja.start(store="jobs.db", display=None)
acknowledged = os.open("acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@ja.job("double")
def double(n):
    return 2 * n

count = 0

def submit_for_ever():
    global count
    n = 0
    while True:
        try:
            job = jobs.submit("double", {"n": n})
        except ja.JobsClosed:
            return
        os.write(acknowledged, f"{job.id}\\n".encode())
        n += 1
        count += 1

threads = [threading.Thread(target=submit_for_ever, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
THEN
"""

# In slices: a signal that comes just before a long call is handled after it.
STAND_STILL = "while True: time.sleep(0.02)"
STRIKES = {
    "kill": (STAND_STILL, signal.SIGKILL, -signal.SIGKILL),
    "terminate": (STAND_STILL, signal.SIGTERM, -signal.SIGTERM),
    "stop": ("while count < 200: time.sleep(0.01)\nja.stop(0)", None, 0),
}
SOME = STRIKES if os.environ.get("JOBACTORS_DEATH") == "all" else {"kill", "stop"}


def lines(path: Path) -> list[str]:
    """The whole lines of a file that may end in the midst of one."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


@pytest.mark.parametrize("strike", sorted(SOME))
def test_what_was_acknowledged_is_kept(tmp_path: Path, strike: str) -> None:
    """Killed, told to end, or stopped: in the midst of thousands of submits from three threads."""
    then, by_signal, code = STRIKES[strike]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("THEN", then)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    until(lambda: len(lines(tmp_path / "acknowledged")) > 100, "a hundred submits")
    if by_signal is not None:
        process.send_signal(by_signal)
    try:
        errors = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
    assert process.returncode == code, errors
    store = ja.SqliteStore(tmp_path / "jobs.db")
    store.open()
    try:
        unfinished = store.unfinished()
        kept = {row.id for row in [*store.finished(10**9), *unfinished]}
    finally:
        store.close()
    assert set(lines(tmp_path / "acknowledged")) <= kept
    if by_signal is None:  # it had the time to say how each of them stands
        assert {row.state for row in unfinished} <= {"interrupted"}
