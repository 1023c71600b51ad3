"""The ends of a job's process in words, and the limits that can end one."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from jobactors.model.errors import WorkerDied

from .process_wire import LOST_LINK
from .process_worker import POSIX

if TYPE_CHECKING:
    from jobactors.model.limits import Limits


def check_limits(limits: Limits | None) -> None:
    """Refuse limits that the system would not enforce.

    Raises:
        NotImplementedError: the message names the systems that do.
    """
    if limits is None:
        return
    if not POSIX:
        raise NotImplementedError("this system enforces no limits: Linux and macOS do")
    if limits.memory is not None and sys.platform != "linux":
        raise NotImplementedError("limits on memory are enforced by Linux only; cpu= works here")


def connection_lost(code: int | None) -> WorkerDied:
    """Return the error of a job whose process lived on without its connection."""
    return WorkerDied(
        "the job's process lost its connection and was ended: something in it closes, "
        "or writes to, file descriptors that it did not open",
        code,
    )


def death(code: int | None, limits: Limits | None) -> WorkerDied:
    """Describe the end of a process, its probable reason, and a remedy."""
    if code is None:
        return WorkerDied("the job's process has ended, and its exit code is lost")
    if code == LOST_LINK:
        return connection_lost(code)
    if code >= 0:
        return WorkerDied(
            f"the job's process exited with code {code} before its function returned: something "
            "in it called os._exit(), or a library ended the program; stderr may show more",
            code,
        )
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return WorkerDied(f"the job's process was killed by {name}: {_why(name, limits)}", code)


def _why(name: str, limits: Limits | None) -> str:
    if limits is not None and limits.cpu is not None and name in {"SIGXCPU", "SIGKILL"}:
        return f"it has used up its limit of {limits.cpu:g} s of CPU time"
    if name == "SIGKILL":
        return "perhaps the system ran out of memory; give it less to do at once, or more memory"
    if name in {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"}:
        memory = "" if limits is None or limits.memory is None else ", perhaps at its memory limit"
        return f"a crash in native code{memory}; stderr shows the Python line it was in"
    return "another program has sent it that"
