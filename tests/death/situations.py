"""The death matrix: every way a host is struck, in every situation, with a job of each runner.

=============  ===================================================================================
situation      before the strike
=============  ===================================================================================
idle           the jobs run, and the main thread waits
busy           the jobs run, and the main thread computes
paused         the jobs stand still
stuck          the jobs were told to cancel, do not listen, and their grace has passed
cancelling     the jobs were told to cancel, and take their time to clean up
=============  ===================================================================================

In each of them four jobs are there, one of each runner.  `make test` looks at some fields of the
matrix, `make death` (JOBACTORS_DEATH=all) at all of them.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PATIENCE = 60.0
RUNNERS = ("trio", "thread", "process", "asyncio")
SITUATIONS = ("idle", "busy", "paused", "stuck", "cancelling")

AFTER = {
    "idle": dict.fromkeys(RUNNERS, "succeeded"),
    "busy": dict.fromkeys(RUNNERS, "succeeded"),
    "paused": dict.fromkeys(RUNNERS, "succeeded"),
    # Whatever returns has succeeded; only a process can be ended by force.
    "stuck": dict.fromkeys(RUNNERS, "succeeded") | {"process": "cancelled"},
    "cancelling": dict.fromkeys(RUNNERS, "cancelled"),
}
"""How the jobs end in a host that goes on, once they have been resumed and told to go."""

SOURCE = '''
import asyncio, os, signal, sys, threading, time
from pathlib import Path
import trio
import jobactors as ja

HERE = Path({folder!r})
GO = HERE / "go"

def until(condition):
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, "the situation was never reached"
        time.sleep(0.01)

def begin():
    (HERE / f"begun-{{ja.current_job().name}}").write_text(str(os.getpid()))

def clean():
    (HERE / f"cleaning-{{ja.current_job().name}}").touch()

def done():
    (HERE / f"done-{{ja.current_job().name}}").touch()

# What listens to cancel and pause, and takes its time to clean up.

async def trio_work():
    begin()
    try:
        while not GO.exists():
            await ja.current_job().check()
            await trio.sleep(0.02)
    except trio.Cancelled:
        clean()
        with trio.CancelScope(shield=True):
            while not GO.exists():
                await trio.sleep(0.02)
        raise
    done()

async def asyncio_work():
    begin()
    try:
        while not GO.exists():
            await ja.current_job().check()
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        clean()
        while not GO.exists():
            await asyncio.sleep(0.02)
        raise
    done()

def plain_work():
    begin()
    try:
        while not GO.exists():
            ja.current_job().check()
            time.sleep(0.02)
    except BaseException:
        clean()
        while not GO.exists():
            time.sleep(0.02)
        raise
    done()

# What listens to nothing.

async def trio_deaf():
    begin()
    with trio.CancelScope(shield=True):
        while not GO.exists():
            await trio.sleep(0.02)
    done()

async def asyncio_deaf():
    begin()
    while not GO.exists():
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            pass
    done()
    return ja.succeeded(None)  # one that catches its cancellation and just returns has stopped

def plain_deaf():
    if threading.current_thread() is threading.main_thread():  # in a process of its own
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begin()
    while not GO.exists():
        time.sleep(0.02)
    done()

WORK = {{"trio": trio_work, "asyncio": asyncio_work, "thread": plain_work, "process": plain_work}}
DEAF = {{"trio": trio_deaf, "asyncio": asyncio_deaf, "thread": plain_deaf, "process": plain_deaf}}

def bring_about(jobs, situation):
    """Submit a job for each runner, and wait until the situation is there."""
    functions = DEAF if situation == "stuck" else WORK
    grace = 0.2 if situation == "stuck" else 60
    made = {{
        runner: jobs.options(name=runner, runner=runner, grace=grace).submit(function)
        for runner, function in functions.items()
    }}
    return made

def is_reached(made, situation):
    if not all((HERE / f"begun-{{runner}}").exists() for runner in made):
        return False
    states = {{runner: job.state.value for runner, job in made.items()}}
    if situation in ("idle", "busy"):
        return True
    if situation == "paused":
        for job in made.values():
            job.pause()
        return set(states.values()) == {{"paused"}}
    for job in made.values():
        job.cancel("as planned")
    if situation == "cancelling":
        cleaning = all((HERE / f"cleaning-{{runner}}").exists() for runner in made)
        return cleaning and set(states.values()) == {{"cancelling"}}
    return made["process"].state.is_terminal and all(
        job.snapshot().stuck for runner, job in made.items() if runner != "process"
    )

def ask_a_child(jobs):
    """Fork; the child says what a submit raises, and whether it can start jobs of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = "taken"
            try:
                jobs.submit(int)
            except ja.WrongProcess:
                said = "WrongProcess"
            said += f" {{ja.start(max_running=2).submit(int, '7').result(30)}}"
        except BaseException as exc:
            said = repr(exc)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    answer = b""
    while part := os.read(reading, 1000):
        answer += part
    os.close(reading)
    os.waitpid(pid, 0)
    return answer.decode()
'''


def fields(strikes: Iterable[str], some: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields of the matrix to look at: all of them, or some for a quick look."""
    if os.environ.get("JOBACTORS_DEATH") != "all":
        return list(some)
    return [(strike, situation) for strike in strikes for situation in SITUATIONS]


def source(folder: Path) -> str:
    """Return the jobs' source for a host that works in ``folder``."""
    return SOURCE.format(folder=str(folder))


def done(folder: Path) -> set[str]:
    """Return the runners whose jobs have done all their work."""
    return {file.name.removeprefix("done-") for file in folder.glob("done-*")}


def cleaning(folder: Path) -> set[str]:
    """Return the runners whose jobs have been cancelled, and clean up."""
    return {file.name.removeprefix("cleaning-") for file in folder.glob("cleaning-*")}


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that have come from it."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that other processes do, and not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.02)


def all_gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether none of the processes is left; a zombie that nobody asks about is not."""
    return not any(map(_is_there, processes))


def _is_there(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
