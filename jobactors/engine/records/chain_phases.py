"""The phases of a job that is a chain; loaded with the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jobactors.model.chain_document import phase_from_json
from jobactors.model.phases import Phase, keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .record import Record


def phases_of(record: Record) -> Sequence[Phase]:
    """Return the phases of a chain that are run; none for another job."""
    given: object = record.kwargs.get("phases", record.args[0] if record.args else ())
    if not isinstance(given, list | tuple):
        return ()
    phases = cast("Sequence[object]", given)
    read = [one if isinstance(one, Phase) else phase_from_json(one) for one in phases]
    return [one for one in read if one.enabled]


def keys_of_phases(record: Record) -> list[str]:
    """Return a name for each phase of a chain that is run, which no other one has."""
    return keys_of(phases_of(record))
