"""A real kernel for the programs that need one: what it sends, and what that costs it."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.kernel.client import Kernel, Message, run_kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CPUCLOCK_SCHED = 2
"""Of a process's clock by its id, as clock_getcpuclockid(3) makes it."""
SHOWN = {"comm_msg", "comm_open", "display_data", "update_display_data", "stream"}
"""The messages that change what a person sees."""


@contextmanager
def fresh_kernel(code: str) -> Iterator[Kernel]:
    """Run a kernel that has run ``code``, and has nothing more to say about it."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        run_kernel(Path(folder)) as kernel,
    ):
        kernel.run(code, timeout=120)
        hear(kernel, 0.3)
        yield kernel


def hear(kernel: Kernel, seconds: float) -> list[Message]:
    """Listen, and return what was shown."""
    return shown(kernel.iopub(seconds))


def run_and_hear(kernel: Kernel, cell: str) -> list[Message]:
    """Run a cell to its end, and return what was shown until then."""
    before = len(kernel.messages)
    kernel.run(cell, timeout=120)
    return shown(kernel.messages[before:])


def shown(messages: Iterable[Message]) -> list[Message]:
    """Leave out what only says that a cell began or ended."""
    return [message for message in messages if message["msg_type"] in SHOWN]


def payload(messages: Iterable[Message]) -> int:
    """The bytes of what was shown, without the envelopes."""
    return sum(
        len(json.dumps(message["content"])) + sum(len(part) for part in message["buffers"])
        for message in messages
    )


def processor_seconds(kernel: Kernel) -> float:
    """Processor time the kernel's process has used so far."""
    provisioner: Any = kernel.manager.provisioner
    if sys.platform == "linux":  # its own clock, exact, where psutil counts hundredths of a second
        return time.clock_gettime((~provisioner.pid << 3) | _CPUCLOCK_SCHED)
    times = psutil.Process(provisioner.pid).cpu_times()
    used: float = times.user + times.system
    return used
