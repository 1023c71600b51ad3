"""The present job system: that of the innermost open block, or of the whole process."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from jobactors.model.errors import NoJobSystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.api.jobs import Jobs


OPEN: ContextVar[Jobs | None] = ContextVar("jobactors_open_system", default=None)
"""The innermost ``open_jobs`` block around this code."""


_finders: list[Callable[[], Jobs | None]] = []
"""Functions that return the system of the whole process, or None; called in order."""


def find_jobs_with(finder: Callable[[], Jobs | None]) -> None:
    """Register a function that finds the system of the whole process."""
    _finders.append(finder)


def current_jobs(call: str) -> Jobs:
    """Return the job system this code is in: the innermost open block, else the process's own.

    Raises:
        NoJobSystem: if there is none; the message names ``call``.
    """
    jobs = OPEN.get()
    if jobs is not None and not jobs._system.is_closed:
        return jobs
    for find in _finders:
        found = find()
        if found is not None:
            return found
    raise NoJobSystem(call)
