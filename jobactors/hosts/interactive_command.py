"""A command that has this terminal to itself, as a job: ``jobactors run -i``.

It stays in the session of the terminal, whose input, screen and Ctrl-C are its own; nothing else is
drawn meanwhile.  What is left of the job is its time and its end.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

import trio

from .command_line import NOT_FOUND, NOT_RUNNABLE, CommandFailed, as_a_shell
from .trio_block import open_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


def refusal_of_terminal() -> str | None:
    """Return why the terminal cannot be given to a command; None if it can."""
    if sys.stdin is None or not sys.stdin.isatty():
        return "the input is no terminal, and is passed on without -i"
    if os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
        return "the terminal belongs to another program now: bring this one to the foreground (fg)"
    return None


def run_interactively(command: Sequence[str], name: str = "") -> int:
    """Run ``command`` as a job that has the terminal, and return its exit status.

    A Ctrl-C is the command's alone; SIGTERM and SIGHUP end it.

    Args:
        command: The program and its arguments; no shell is involved.
        name: The job's name; default: the command.
    """
    # A handler, and not SIG_IGN, which the command would inherit.
    before = signal.signal(signal.SIGINT, _ignore)
    try:
        return trio.run(_run, list(command), name or shlex.join(command))
    finally:
        signal.signal(signal.SIGINT, before)


async def _run(command: list[str], name: str) -> int:
    status = 0

    async def work() -> None:
        nonlocal status
        try:
            ended: Any = await trio.run_process(command, stdin=None, check=False)
        except FileNotFoundError:
            status = NOT_FOUND
            raise
        except OSError:
            status = NOT_RUNNABLE
            raise
        status = as_a_shell(ended.returncode)
        if status:
            raise CommandFailed(status)

    async with open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(name=name).submit(work)
        await job.wait()
    if (error := job.snapshot().error) is not None and status in {NOT_FOUND, NOT_RUNNABLE}:
        print(f"jobactors: {error}", file=sys.stderr)  # noqa: T201
    return status


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Leave the signal to the command, which has it as well."""
