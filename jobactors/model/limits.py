"""The limits of a job's process."""

from __future__ import annotations

import math
from typing import Any

from attrs import field, frozen

from .checks import Field, check_length, is_number, named, shown
from .field_docs import documented


def _cpu(limits: Limits, field: Field, value: Any) -> None:
    if value is not None:
        _check_limit(named(limits, field), value, is_number(value), "60 for a minute")
        check_length(named(limits, field), value)


def _memory(limits: Limits, field: Field, value: Any) -> None:
    if value is not None:
        whole = is_number(value) and isinstance(value, int)
        _check_limit(named(limits, field), value, whole, "4 * 2**30 for 4 GiB")
    elif limits.cpu is None:
        raise ValueError("Limits() takes cpu= seconds, memory= bytes, or both")


def _check_limit(name: str, value: object, right_kind: bool, cure: str) -> None:
    if not right_kind:
        raise TypeError(f"{name} is a number above 0, not {shown(value)}: {cure}")
    if not 0 < value < math.inf:  # type: ignore[operator]
        raise ValueError(f"{name} is a number above 0, not {shown(value)}; None is no limit")


@documented
@frozen
class Limits:
    """Limits that the operating system enforces for a job with ``runner="process"``.

    A breach ends that job alone, as failed.  The limits hold for each process by itself: processes
    that the job starts inherit them, and count anew.

    Raises:
        TypeError, ValueError: for a limit that is not a number above 0, or if none is given.

    Example::

        jobs.options(runner="process", limits=ja.Limits(cpu=60, memory=4 * 2**30)).submit(render)
    """

    cpu: float | None = field(default=None, validator=_cpu)
    """Seconds of processor time, over all threads, the start of Python (a tenth of a second)
    included; whole seconds, rounded up.  The process is killed, and the job fails with
    :class:`WorkerDied`.  None: no limit."""
    memory: int | None = field(default=None, validator=_memory)
    """Bytes of *address space*, which is more than the memory in use: a bare Python takes some
    100 MB of it, numpy up to 1 GB.  Allocations beyond it raise ``MemoryError``.  Linux only.
    None: no limit."""
