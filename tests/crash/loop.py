"""Run the workload, kill it, let it go on, and judge: over and over.

    python -m tests.crash.loop statements FIRST STEP [schedule]   strike at every STEP-th statement
    python -m tests.crash.loop moments COUNT SEED [schedule]      strike at random moments

Prints a line of JSON for each strike.  A program of its own, because it forks: each run begins with
everything imported, in a process that has no threads yet.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import trio

import jobactors.stores.sqlite  # noqa: F401 - imported before the fork, once for all runs

from . import deadly, schedule_workload, workload
from .workload import deeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 60.0
WITH_SCHEDULE = sys.argv[4:] == ["schedule"]
run = schedule_workload.run if WITH_SCHEDULE else workload.run
faults = schedule_workload.faults if WITH_SCHEDULE else workload.faults


def in_child(work: Callable[[], object]) -> int:
    """Run ``work()`` in a forked process; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException as exc:
        sys.stderr.write(f"{type(exc).__name__}: {exc}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def end_of(pid: int) -> str:
    """Wait for a child; returns how it ended, and kills it if it does not."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return {0: "finished", -signal.SIGKILL: "killed"}.get(code, f"exit code {code}")
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"


def count_statements(folder: Path) -> int:
    """How many statements an undisturbed run executes."""
    counted = folder / "count"

    def work() -> None:
        deadly.install()
        trio.run(run, folder)
        counted.write_text(str(deadly.COUNTDOWN.count))

    how = end_of(in_child(work))
    assert how == "finished", how
    assert faults(folder) == []
    return int(counted.read_text())


def go_on(folder: Path) -> dict[str, object]:
    """Run the program again to its end, and judge."""
    how = end_of(in_child(lambda: trio.run(run, folder)))
    found = faults(folder) if how == "finished" else [f"the next run {how}"]
    kept = max(len(deed["done"]) for deed in deeds(folder) if deed["what"] == "opened")
    return {"faults": found, "phases_kept": kept}


def strike_at(folder: Path, statement: int, before: bool) -> dict[str, object]:
    """Strike at one statement, go on, and judge."""

    def work() -> None:
        deadly.install()
        deadly.COUNTDOWN.strike_at, deadly.COUNTDOWN.before = statement, before
        trio.run(run, folder)

    how = end_of(in_child(work))
    return {"statement": statement, "before": before, "how": how, **go_on(folder)}


def strike_after(folder: Path, seconds: list[float]) -> dict[str, object]:
    """Strike one run after another at these moments, go on, and judge."""
    how = []
    for delay in seconds:
        pid = in_child(lambda: trio.run(run, folder))
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)  # a child that has ended is there until it is waited for
        how.append(end_of(pid))
    return {"seconds": seconds, "how": how, **go_on(folder)}


def rounds(kind: str, first: int, second: int) -> Iterator[dict[str, object]]:
    """All strikes of one kind, each in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="jobactors-crash-") as base:
        folders = (Path(base) / str(n) for n in range(10**9))

        def fresh() -> Path:
            folder = next(folders)
            folder.mkdir()
            return folder

        if kind == "statements":
            statements = count_statements(fresh())
            for statement in range(first, statements + 1, second):
                for before in (True, False):
                    folder = fresh()
                    yield strike_at(folder, statement, before)
                    shutil.rmtree(folder)
        else:
            chance = random.Random(second)  # noqa: S311 - a seed repeats a run
            folder = fresh()
            began = time.monotonic()
            count_statements(folder)
            longest = time.monotonic() - began
            for _ in range(first):
                folder = fresh()
                strikes = chance.choice([1, 1, 2, 3])
                yield strike_after(folder, [chance.random() * longest for _ in range(strikes)])
                shutil.rmtree(folder)


if __name__ == "__main__":
    for outcome in rounds(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])):
        print(json.dumps(outcome), flush=True)  # noqa: T201 - the parent reads it
