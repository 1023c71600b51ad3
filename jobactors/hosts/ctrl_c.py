"""The message and the traceback that a person sees after Ctrl-C."""

from __future__ import annotations

import contextlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import outcome
import trio

from jobactors.model.exception_tree import is_a, leaves_of
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem

_STOPPED: Final = frozenset({JobState.CANCELLED, JobState.INTERRUPTED})
_SHOWN: Final = 5
"""Jobs that the last line after a Ctrl-C names; the others are counted."""
PATIENCE: Final = 1.0
"""Seconds of waiting after a Ctrl-C without a message."""
LEFT_BEHIND: Final = "Ctrl-C was pressed again"
"""The reason for which jobs are waited for no longer then."""
_INNER: Final = (
    str(Path(trio.__file__).parent),
    str(Path(outcome.__file__).parent),
    str(Path(__file__).parents[1]),
    contextlib.__file__,
)
"""The folders of code whose frames are left out of that traceback: trio's, and ours."""


async def say_waiting(system: JobSystem) -> None:
    """Report for how many jobs a Ctrl-C waits, once that takes a while; the loop goes on."""
    await trio.sleep(PATIENCE)
    count = len(system.core.unfinished)
    if count:
        jobs = "1 job" if count == 1 else f"{count} jobs"
        with suppress(AttributeError, OSError, ValueError):  # no console, or it has gone
            sys.stderr.write(f"Ctrl-C: waiting for {jobs} (again: stop now)\n")
            sys.stderr.flush()


def stopped_line(asked: Sequence[Record], system: str = "") -> str | None:
    """Return the line that names the jobs which a Ctrl-C has stopped; None if it was none.

    Args:
        asked: The jobs that had not ended when it was pressed.
        system: The name of their system.
    """
    stopped = [record.snapshot for record in asked if record.snapshot.state in _STOPPED]
    if not stopped:
        return None
    from .terminal_view import label  # not needed where all goes well

    shown = [f"{label(job)} ({job.info.id}, {job.state})" for job in stopped[:_SHOWN]]
    more = f", and {len(stopped) - _SHOWN} more" if len(stopped) > _SHOWN else ""
    where = f" of {system!r}" if system else ""
    jobs = "1 job" if len(stopped) == 1 else f"{len(stopped)} jobs"
    return f"Ctrl-C has stopped {jobs}{where}: {', '.join(shown)}{more}"


def bare_ctrl_c(error: BaseException) -> BaseException:
    """Return the KeyboardInterrupt out of groups that hold nothing else; another error as it is."""
    leaves = list(leaves_of(error))
    is_bare = all(is_a(one, KeyboardInterrupt) for one in leaves)
    return without_inner_frames(leaves[0]) if is_bare else error


def without_inner_frames(error: BaseException) -> BaseException:
    """Cut the traceback below the last frame of the person's own code."""
    last: TracebackType | None = None
    entry = error.__traceback__
    while entry is not None:
        if not _is_inner(entry.tb_frame):
            last = entry
        entry = entry.tb_next
    if last is None:
        return error.with_traceback(None)
    last.tb_next = None
    return error


def _is_inner(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_INNER)
