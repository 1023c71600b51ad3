"""The comparison of two jobs' arguments, whose ``__eq__`` may be anything."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record


def same_arguments(existing: Record, new: Record) -> bool:
    """Whether two jobs have equal arguments, however these were passed."""
    return are_equal(_bound(new), _bound(existing))


def _bound(record: Record) -> object:
    """Return a job's arguments by name, however they were passed."""
    try:
        bound = inspect.signature(record.function).bind(*record.args, **record.kwargs)
    except (TypeError, ValueError):  # a builtin without a signature
        return record.args, record.kwargs
    bound.apply_defaults()
    return dict(bound.arguments)


def are_equal(one: object, other: object) -> bool:
    """Whether two values are equal; those that cannot be compared (arrays) count as different."""
    try:
        return bool(one == other)
    except Exception:  # an __eq__ of the user's
        return False
