"""arguments."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record


def same_arguments(existing: Record, new: Record) -> bool:
    """Whether two jobs are called with equal arguments, however these were given."""
    return _same(_bound(new), _bound(existing))


def _bound(record: Record) -> object:
    """A job's arguments by their names, however they were given."""
    try:
        bound = inspect.signature(record.function).bind(*record.args, **record.kwargs)
    except (TypeError, ValueError):  # a builtin that does not tell its signature
        return record.args, record.kwargs
    bound.apply_defaults()
    return dict(bound.arguments)


def _same(one: object, other: object) -> bool:
    """Whether two arguments are equal; what cannot be compared (an array) is taken to differ."""
    try:
        return bool(one == other)
    except Exception:  # somebody else's __eq__
        return False
