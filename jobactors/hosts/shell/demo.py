"""``jobactors demo``: six toy jobs in this terminal, which keys pause and cancel."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.hosts.terminal_text import safe
from jobactors.hosts.trio_block import open_jobs
from jobactors.inside.context.current_job import current_job
from jobactors.inside.verbs.report_progress import progress
from jobactors.inside.verbs.stage import stage
from jobactors.inside.verbs.track import track
from jobactors.model.states import JobState

from .interrupts import run_jobs
from .statuses import explained

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator

    from jobactors.engine.api.jobs import Jobs

KEYS: Final = "p pauses or resumes all · c cancels the one at work longest · q ends the demo"
_STEP: Final = 0.05


def count_pages(pages: int) -> int:
    """Count through pages, with a total that is known."""
    for _ in track(range(pages), unit="pages"):
        time.sleep(_STEP)
    return pages


def load(megabytes: int) -> int:
    """Read a stream whose size is known, at an uneven speed."""
    chance = random.Random(megabytes)  # noqa: S311 - a toy
    done = 0.0
    while done < megabytes:
        time.sleep(_STEP)
        done = min(megabytes, done + chance.random() / 2)
        progress(done * 1e6, megabytes * 1e6, unit="B")
    return megabytes


def search() -> int:
    """Look for something without knowing how long that takes."""
    found = 0
    for step in range(160):
        time.sleep(_STEP)
        found += step % 23 == 0
        progress(step, message=f"found {found} so far", unit="places", found=found)
    return found


def index_in_stages() -> None:
    """Work in two weighted stages."""
    for name, weight, steps in (("read", 30, 60), ("write", 70, 120)):
        with stage(name, weight=weight):
            for _ in track(range(steps)):
                time.sleep(_STEP)


async def wait_for_answers(count: int) -> int:
    """Wait in trio, as one of many tasks of one thread."""
    async for _ in track(range(count), unit="answers"):
        await trio.sleep(2 * _STEP)
    return count


def fail_late() -> None:
    """Fail in the middle of the work: a failure is shown with its reason."""
    for number in track(range(90)):
        time.sleep(_STEP)
        if number == 70:  # noqa: PLR2004
            raise ValueError(f"row {number} has no date")
        current_job().check()


@explained
def show(given: argparse.Namespace) -> int:
    """Run the toy jobs, and take keys meanwhile."""
    del given
    run_jobs(_show)
    return 0


async def _show() -> None:
    async with open_jobs(4, display="terminal", unread_failures="ignore") as jobs:
        submit_toys(jobs)
        if not sys.stdin.isatty():
            return
        print(safe(KEYS))  # noqa: T201 - what the demo says
        with _single_keys():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_take_keys, jobs)
                for job in jobs:
                    await job.wait()
                nursery.cancel_scope.cancel()


def submit_toys(jobs: Jobs) -> None:
    """Submit the six jobs."""
    jobs.options(name="pages", icon="📄").submit(count_pages, 240)
    jobs.options(name="download", icon="⬇").submit(load, 30)
    jobs.options(name="search", icon="🔎").submit(search)
    indexing = jobs.options(name="index").submit(index_in_stages)
    jobs.options(name="ask", priority="low").submit(wait_for_answers, 60)
    jobs.options(name="publish", after=[indexing]).submit(fail_late)


@trio.lowlevel.enable_ki_protection
async def _take_keys(jobs: Jobs) -> None:
    while True:
        await trio.lowlevel.wait_readable(sys.stdin)
        # Not sys.stdin.read: it takes all that was typed, and gives one key of it.
        keys = os.read(sys.stdin.fileno(), 100).decode("ascii", "replace")
        for key in keys.lower() or "q":
            _obey(key, jobs)
        if not keys:  # the terminal has gone
            return


def _obey(key: str, jobs: Jobs) -> None:
    if key == "p":
        _pause_or_resume(jobs)
    elif key == "c":
        _cancel_oldest(jobs)
    elif key == "q":
        jobs.select().cancel("the demo was ended")


def _pause_or_resume(jobs: Jobs) -> None:
    paused = jobs.select(state=JobState.PAUSED)
    if list(paused):
        paused.resume()
    else:
        jobs.select(state=JobState.RUNNING).pause()


def _cancel_oldest(jobs: Jobs) -> None:
    running: list[Any] = jobs.list(state=[JobState.RUNNING, JobState.PAUSED])
    if running:
        oldest = min(running, key=lambda snapshot: snapshot.started_at or 0.0)
        jobs.cancel(oldest.id, "cancelled by a key")


@contextlib.contextmanager
def _single_keys() -> Generator[None]:
    """Read keys as they are pressed; Ctrl-C stays Ctrl-C."""
    try:
        import termios
        import tty
    except ImportError:  # this system has none
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
