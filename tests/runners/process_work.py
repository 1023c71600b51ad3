"""Functions that tests run in processes; apart, so that a child need not import pytest."""

from __future__ import annotations

import contextvars
import decimal
import os
import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEPT: list[str] = []
"""What a job may leave in a module."""
VARIABLE = contextvars.ContextVar("VARIABLE", default=0)
"""What a job may leave in a context."""


def loop() -> None:
    """Work that can be cancelled and paused."""
    for n in ja.track(range(10**9)):
        if n == 1:
            ja.progress(1, pid=os.getpid())
        time.sleep(0.001)


def loop_from(place: Path) -> None:
    """The same, which makes a file first."""
    place.touch()
    loop()


def until_there(place: Path) -> None:
    """Wait until there is such a file."""
    while not place.exists():
        time.sleep(0.001)


def sleep() -> None:
    """Work that cannot, and says so before."""
    meter = ja.current_job()._meter
    meter.counters["pid"] = os.getpid()
    meter.changed()
    time.sleep(1000)


def meet(count: int) -> int:
    """Return once as many processes as ``count`` are children of this one's parent."""
    import psutil

    parent = psutil.Process().parent()
    assert parent is not None
    while sum("process_child" in " ".join(p.cmdline()) for p in parent.children()) < count:
        time.sleep(0.005)
    return os.getpid()


# -- what a job leaves behind


def pid_after(leave: Callable[[], object]) -> int:
    """Call a function in a job; return the number of its process."""
    leave()
    return os.getpid()


def own_pid(_: bytes = b"") -> int:
    """Return the number of a job's process."""
    return os.getpid()


def leave_nothing() -> None:
    """Put everything back that was changed."""
    before = os.getcwd()  # noqa: PTH109 - a job may call what it likes
    os.chdir("/")
    os.chdir(before)
    with open(os.devnull) as file:  # noqa: PTH123
        file.read()


def leave_a_thread() -> None:
    """Leave a thread that does not end."""
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


def have_a_child() -> None:
    """Wait for a process that may have started others."""
    subprocess.run(["/bin/true"], check=True)


def grow() -> None:
    """Leave much memory, in a module that is not looked at."""
    sys.grown = bytearray(50_000_000)  # type: ignore[attr-defined]


def take_all_files() -> None:
    """Leave no room for another open file."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def change_a_list() -> None:
    """Leave a value in a container of a module."""
    KEPT.append("")


def change_what_is_a_jobs_own() -> tuple[int, float, str]:
    """Change what no other job may see, though nothing is put back."""
    VARIABLE.set(1)
    decimal.getcontext().prec = 3
    random.seed(5)
    while not ja.current_job().inbox.unread:
        time.sleep(0.001)
    print("half a line", end="")  # noqa: T201
    return os.getpid(), random.random(), ja.current_job().id  # noqa: S311


def look_at_what_is_a_jobs_own() -> tuple[Any, ...]:
    """Return what the function above has changed."""
    context = ja.current_job()
    state = VARIABLE.get(), decimal.getcontext().prec, context.inbox.unread
    return os.getpid(), state, random.random(), context.id  # noqa: S311
