"""Whether a job goes on unasked from what an earlier one has left.

It does if both do the same with the same arguments; see :mod:`jobactors.model.identity`.  A chain
goes on if that holds for each phase of which there is anything: those that are completed, and those
that have saved a checkpoint of their own.  So a chain that was repaired, in a phase that has not
left anything, goes on where it stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.engine.records.arguments import same_arguments
from jobactors.engine.records.chain_phases import phases_of
from jobactors.engine.records.checkpoint_key import is_chain, part_of_row
from jobactors.engine.records.comparisons import are_equal, decide
from jobactors.model.exact import from_json
from jobactors.model.identity import same_function
from jobactors.model.job_type import types_known_as
from jobactors.model.phases import keys_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.record import Record
    from jobactors.model.phases import Phase
    from jobactors.model.stored_rows import CheckpointRow

UNKNOWN = "of a job that is no longer known here"
OTHER_FUNCTION = "of another function, or of other code"
OTHER_ARGUMENTS = "of other arguments"
_UNREADABLE = "what it holds"


def difference(row: CheckpointRow, earlier: Record | None, record: Record) -> str:
    """Return what keeps a job from going on from a row unasked; empty if nothing does.

    Args:
        row: The row.
        earlier: The job that has left it; None if its arguments are not known.
        record: The job that would go on.

    Raises:
        CompareFirst: if the submitter of that job can compare arguments.
    """
    if row.job_id == record.id:
        return ""
    if earlier is None:
        return UNKNOWN
    if not same_function(earlier.function, record.function):
        return OTHER_FUNCTION
    if is_chain(record):
        return _difference_of_phases(row, earlier, record)
    return "" if same_arguments(earlier, record) else OTHER_ARGUMENTS


def _difference_of_phases(row: CheckpointRow, earlier: Record, record: Record) -> str:
    before, now = _by_key(earlier), _by_key(record)
    for key in _phases_in(row, before):
        one, other = before.get(key), now.get(key)
        if one is None or other is None:
            return f"of another chain: {key} is not in this one"
        if not same_function(_function_of(one), _function_of(other)):
            return f"{OTHER_FUNCTION} in {key}"
        if not _same_arguments(one, other, earlier, record):
            return f"{OTHER_ARGUMENTS} of {key}"
    return ""


def _same_arguments(one: Phase, other: Phase, earlier: Record, record: Record) -> bool:
    return decide(
        record.comparisons,
        earlier.id,
        f"arguments of {other.name}",
        lambda: are_equal(dict(one.arguments), dict(other.arguments)),
    )


def _by_key(record: Record) -> dict[str, Phase]:
    phases = phases_of(record)
    return dict(zip(keys_of(phases), phases, strict=True))


def _phases_in(row: CheckpointRow, known: Iterable[str]) -> list[str]:
    """Return the phases that a row names: those that have begun, or are completed."""
    part = part_of_row(row)
    if part:
        inside = [key for key in known if part == key or part.startswith(f"{key}:")]
        return [max(inside, key=len, default=part)]
    match from_json(row.value):
        case {"chain": [*entries]}:
            return [_phase_named_in(entry) for entry in entries]
        case _:
            return [_UNREADABLE]


def _phase_named_in(entry: object) -> str:
    match entry:
        case {"phase": str(key)}:
            return key
        case _:
            return _UNREADABLE


def _function_of(phase: Phase) -> Any:
    """Return a phase's function, or the name of its type if that is not registered here."""
    if not isinstance(phase.work, str):
        return phase.work
    kinds = types_known_as(phase.work)
    return kinds[0].function if len(kinds) == 1 else phase.work
