"""References of ended jobs that may be the last ones to objects of the user.

Where the last reference goes, the object's finalizer runs, which is code of the user.  In a loop of
jobs that would stop every job, so the references are let go in a thread: see
:mod:`jobactors.engine.loop.finalizer_thread`, which puts what takes them here.

Which reference is the last one cannot be told beforehand: the registry, a batch of events, the
journal, a row of a board and a handle of the user hold the same outcome.  So the objects that hold
what is the user's (an outcome, a job's record) hand it over in a ``__del__`` of their own, and it
does not matter who has let go of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TAKERS: Final[list[Callable[[object], object]]] = []
"""Called with references; what is not taken is let go by the caller, as ever."""
_PLAIN: Final = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes)))


def is_plain(value: object, _plain: frozenset[int] = _PLAIN) -> bool:
    """Whether a value is of a type that runs no code, and takes no time, when it goes."""
    return id(type(value)) in _plain  # the hash of a type may be code of its metaclass


def drop_elsewhere(references: object, _takers: list[Callable[[object], object]] = TAKERS) -> None:
    """Let references go in a thread of finalizers, if this is the thread of a loop of jobs.

    That is done a moment later, once the caller, and what has called it, have let go of them.
    """
    for take in _takers:
        take(references)
