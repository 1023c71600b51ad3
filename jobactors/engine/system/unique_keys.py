"""Unique keys: each belongs to one unfinished job at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.records.arguments import same_arguments
from jobactors.engine.records.comparisons import are_equal, decide
from jobactors.model.errors import DuplicateJob
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record


class Keys:
    """The owner of each unique key.  Written by the loop's thread only."""

    def __init__(self) -> None:
        self._owners: dict[object, Record] = {}

    def owner(self, record: Record) -> Record | None:
        """Return the unfinished job that owns a job's key, or None; the key None has no owner.

        Raises:
            CompareFirst: if the submitter of the job can tell.
        """
        return None if record.key is None else self._owners.get(record.key)

    def take(self, record: Record) -> None:
        """Make a job the owner of its key, in place of an earlier owner."""
        key = record.key
        if key is not None:
            self._owners[key] = record

    def give_back(self, record: Record) -> None:
        """Free the key of a job that has ended, unless another job has taken its place."""
        key = record.key
        if key is not None and self._owners.get(key) is record:
            del self._owners[key]


def same_job(existing: Record, new: Record) -> Record:
    """Return the existing job if the new one would do the same.

    Raises:
        DuplicateJob: if it would not, or if no second submit was wanted.
        CompareFirst: if the submitter of the new one can tell.
    """
    difference = _difference(existing, new)
    if difference:
        rests = existing.snapshot.state is JobState.INTERRUPTED
        error = DuplicateJob(new.key, existing.id, difference, interrupted=rests)
        error.key = new.snapshot.info.key
        raise error
    return existing


def _difference(existing: Record, new: Record) -> str:
    if new.options.on_duplicate == "raise":
        return 'on_duplicate="raise" wants no second one'
    if not decide(
        new.comparisons,
        existing,
        "functions",
        lambda: are_equal(new.function, existing.function),  # a bound method is new each time
    ):
        return "it has another function"
    return "" if same_arguments(existing, new) else "it has other arguments"
