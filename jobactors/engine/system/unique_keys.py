"""Unique keys: each belongs to one unfinished job at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.records.arguments import same_arguments
from jobactors.engine.records.comparisons import as_table_key
from jobactors.model.errors import DuplicateJob
from jobactors.model.identity import own_names, same_function
from jobactors.model.job_type import job_type_of
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record


class Keys:
    """The owner of each unique key.  Written by the loop's thread only."""

    def __init__(self) -> None:
        self._owners: dict[object, Record] = {}

    def owner(self, record: Record) -> Record | None:
        """Return the unfinished job that owns a new job's key; None if it is free, or has none.

        The key that a unique type gives to its jobs is also that of the type's earlier names.

        Raises:
            CompareFirst: if the submitter of the job can compare.
        """
        if record.key is None:
            return None
        found = (self._owners.get(key) for key in _also_known(record))
        return next((owner for owner in found if owner is not None), None)

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


def _also_known(record: Record) -> list[object]:
    """Return the keys by which the key of a new job may have been taken."""
    kind, subject = job_type_of(record.function), record.snapshot.info.subject
    key = record.key
    # A tuple is of plain values here, so that it can be compared.
    if kind is None or not isinstance(key, tuple) or key != (kind.name, subject):
        return [key]
    return [as_table_key((name, subject)) for name in own_names(kind)]


def same_job(existing: Record, new: Record) -> Record:
    """Return the existing job if the new one would do the same.

    Raises:
        DuplicateJob: if it would not, or if no second submit was wanted.
        CompareFirst: if the submitter of the new one can compare.
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
    if not same_function(new.function, existing.function):
        return "it has another function"
    return "" if same_arguments(existing, new) else "it has other arguments"
