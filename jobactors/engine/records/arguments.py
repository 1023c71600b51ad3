"""The comparison of two jobs' arguments, whose ``__eq__`` may be anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.call_signature import call_signature

from .comparisons import are_equal, decide

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record


def same_arguments(existing: Record, new: Record) -> bool:
    """Whether two jobs have equal arguments, however these were passed.

    Raises:
        CompareFirst: if the submitter of the new one can compare them.
    """
    if existing.are_arguments_dropped:
        return False
    return decide(
        new.comparisons,
        existing.id,  # its record may be read from the store anew for each try
        "arguments",
        lambda: are_equal(_bound(new), _bound(existing)),
    )


def _bound(record: Record) -> object:
    """Return a job's arguments by name, however they were passed."""
    signature = call_signature(record.function)
    if signature is None:
        return record.args, record.kwargs
    try:
        bound = signature.bind(*record.args, **record.kwargs)
    except TypeError:
        return record.args, record.kwargs
    bound.apply_defaults()
    return dict(bound.arguments)
