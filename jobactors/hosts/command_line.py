"""A command as a job in a terminal, for ``python -m jobactors run``.

The command runs in a session of its own, so that a Ctrl-C reaches it once, from us, and so that the
last rungs of the ladder end its children as well.  It can therefore not read from the terminal; a
pipe or file on our standard input is passed on.
"""

from __future__ import annotations

import codecs
import math
import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.inside.context.current_job import current_job
from jobactors.inside.verbs.output_capture import beneath
from jobactors.inside.verbs.report_progress import progress

from .trio_block import open_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobactors.engine.api.job import Job

PATIENCE: Final = 10.0
"""Seconds between two rungs of the ladder: SIGINT, SIGTERM, SIGKILL."""
LAST_WORDS: Final = 1.0
"""Seconds for which output is read after the command's end: its children may hold the pipe open."""
NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126
_SIGNALLED: Final = 128
"""A shell reports this plus the signal's number."""
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandFailed(Exception):
    """Reports a command that has ended with a status other than 0, in a shell's numbering.

    Args:
        status: The status.
        said: The reason that it has given; default: none.
    """

    def __init__(self, status: int, said: str = "") -> None:
        super().__init__(status, said)
        self.status = status
        self._said = said

    def __str__(self) -> str:
        words = _status_in_words(self.status)
        return f"{words}: {self._said}" if self._said else words


def run_command(command: Sequence[str], name: str = "") -> int:
    """Run ``command`` as a job, shown in the terminal, and return its exit status.

    Its output goes where ours goes, unchanged unless that is a terminal with bars.  The status is
    the command's own; 128 + n if signal n ended it, 127 if there is no such command, as in a shell.

    A Ctrl-C (or SIGTERM, or SIGHUP) is passed to the command, which has ten seconds to end; then
    comes SIGTERM, then SIGKILL.  A further Ctrl-C goes on to the next of these at once.

    Args:
        command: The program and its arguments; no shell is involved.
        name: The job's name; default: the command.
    """
    return trio.run(_Command(command, name).run)


class _Command:
    """Runs one command, from start to end.  Everything is written by the loop's thread."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        self._command = list(command)
        self._name = name or shlex.join(command)
        self._signal: int = signal.SIGINT
        self._next_rung = trio.Event()
        self._lines = 0
        self.status = 0

    async def run(self) -> int:
        with trio.open_signal_receiver(*_FORWARDED) as signals:
            async with (
                open_jobs(display="terminal", unread_failures="ignore") as jobs,
                trio.open_nursery() as nursery,
            ):
                # The ladder below is the job's grace: never stuck, never abandoned.
                work = jobs.options(name=self._name, grace=math.inf)
                job: Job[None] = work.submit(self._work)
                nursery.start_soon(self._obey, signals, job)
                await job.wait()
                nursery.cancel_scope.cancel()
        return self.status

    @trio.lowlevel.enable_ki_protection
    async def _obey(self, signals: Any, job: Job[None]) -> None:
        async for number in signals:
            if not job.snapshot().state.is_active or job.snapshot().request is None:
                self._signal = number
                job.cancel("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
            else:
                self._next_rung.set()

    async def _work(self) -> None:
        try:
            self.status = as_a_shell(await self._run_process())
        except FileNotFoundError:
            self.status = NOT_FOUND
            raise
        except OSError:
            self.status = NOT_RUNNABLE
            raise
        if self.status:
            raise CommandFailed(self.status)

    async def _run_process(self) -> int:
        process = await trio.lowlevel.open_process(
            self._command,
            stdin=subprocess.DEVNULL if sys.stdin is None or sys.stdin.isatty() else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        returncode = 0  # the scope below ends nothing before this is known
        # Output on its way out counts too, so a cancel only starts the ladder.
        with trio.CancelScope(shield=True) as reading:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, process.stdout, "stdout")
                nursery.start_soon(self._pass_on, process.stderr, "stderr")
                ladder = trio.CancelScope()
                nursery.start_soon(self._walk_the_ladder, process, ladder)
                returncode = await process.wait()
                ladder.cancel()
                reading.deadline = trio.current_time() + LAST_WORDS
        return returncode

    @trio.lowlevel.enable_ki_protection
    async def _walk_the_ladder(self, process: trio.Process, ladder: trio.CancelScope) -> None:
        with ladder:
            await current_job().wait_cancel_requested()
            for rung in (self._signal, signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, rung)
                self._next_rung = trio.Event()
                with trio.move_on_after(PATIENCE):
                    await self._next_rung.wait()

    @trio.lowlevel.enable_ki_protection
    async def _pass_on(self, pipe: Any, name: str) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        job, line = current_job(), ""
        async with pipe:
            async for chunk in pipe:
                text = decode(chunk)
                await trio.to_thread.run_sync(_write, name, chunk, text, limiter=_UNLIMITED)
                job.write_log(text, name.removeprefix("std"))
                *ended, line = (line + text).split("\n")
                self._lines += len(ended)
                shown = [text for text in [*ended, line][-2:] if text.strip()]
                message = shown[-1].rstrip("\r").rpartition("\r")[2] if shown else None
                progress(self._lines, message=message, unit="lines")


_UNLIMITED: Final = trio.CapacityLimiter(math.inf)


def _write(name: str, chunk: bytes, text: str) -> None:
    """Pass output on: bytes as they are, unless bars are drawn, which need text."""
    # Blocks for as long as our reader takes nothing; the command then waits too.
    stream = beneath(getattr(sys, name))  # the job's log is written apart
    if stream is None:
        return
    if stream.isatty():
        stream.write(text)
    else:
        stream.buffer.write(chunk)
    stream.flush()


def as_a_shell(returncode: int) -> int:
    """Return a process's exit status as a shell reports it."""
    return _SIGNALLED - returncode if returncode < 0 else returncode


def _status_in_words(status: int) -> str:
    if status > _SIGNALLED:
        with suppress(ValueError):
            return f"ended by {signal.Signals(status - _SIGNALLED).name}"
    return f"exit status {status}"
