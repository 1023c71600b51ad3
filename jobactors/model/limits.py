"""How much of the machine a job's process may use."""

from __future__ import annotations

import math

from msgspec import Struct


class Limits(Struct, frozen=True):
    """What the operating system enforces for a job with ``runner="process"``.

    A breach ends that job alone, as failed.  The limits hold for each process by itself: what the
    job starts inherits them, and counts anew.

    Args:
        cpu: Seconds of processor time, over all threads, the start of Python (a tenth of a second)
            included; whole seconds, rounded up.  The process is killed, and the job fails with
            :class:`WorkerDied`.
        memory: Bytes of *address space*, which is more than the memory in use: a bare Python takes
            some 100 MB of it, numpy up to 1 GB.  Allocations beyond it raise ``MemoryError``.
            Linux only.

    Raises:
        TypeError, ValueError: for a limit that is not a number above 0, or if none is given.

    Example::

        jobs.options(runner="process", limits=ja.Limits(cpu=60, memory=4 * 2**30)).submit(render)
    """

    cpu: float | None = None
    """Seconds of processor time; None: no limit."""
    memory: int | None = None
    """Bytes of address space; None: no limit."""

    def __post_init__(self) -> None:
        if self.cpu is None and self.memory is None:
            raise ValueError("Limits() takes cpu= seconds, memory= bytes, or both")
        for name, value, kinds in (
            ("cpu", self.cpu, (int, float)),
            ("memory", self.memory, (int,)),
        ):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise TypeError(f"Limits({name}=…) is a number above 0, not {value!r:.100}")
            if not 0 < value < math.inf:
                raise ValueError(f"Limits({name}=…) is a number above 0, not {value}")
