"""The ended jobs of a batch that goes on, of which the registry has the newest alone.

A store is opened with a hundred ended jobs; a batch of thousands would seem to have lost the rest.
So the rows of the types of batches that are not complete are counted, once, and not decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from jobactors.model.stored_rows import column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.ports.store import Store
    from jobactors.engine.records.batch_tally import BatchTally
    from jobactors.model.states import JobState

    from .parts import Parts

_MOST: Final = 100_000
"""Rows of a type that are looked at."""


class _Spec(msgspec.Struct):
    """The part of a row's spec that names its batch, and its place in that."""

    batch: str = ""
    index: int | None = None


_decoder = msgspec.json.Decoder(_Spec)


def count_ended_jobs(parts: Parts) -> None:
    """Count the ended jobs of batches that go on, which were not loaded.  In the loop's thread."""
    journal, registry = parts.journal, parts.registry
    tallies = {tally.id: tally for tally in registry.batches if not tally.is_complete}
    if journal is None or not tallies:
        return
    for row_id, spec, state in journal.read(lambda store: list(_ended(store, tallies.values()))):
        tally = tallies.get(spec.batch)
        if tally is not None and row_id not in registry:
            tally.remember(state, spec.index)


def _ended(store: Store, tallies: Iterable[BatchTally]) -> Iterable[tuple[str, _Spec, JobState]]:
    """Go through the ended jobs of the types of batches.  In the store's thread."""
    for name in sorted({tally.type for tally in tallies}):
        for row in store.finished(_MOST, type=column(name)):
            try:
                yield row.id, _decoder.decode(row.spec), row.state
            except msgspec.DecodeError:  # a damaged row, which is named when it is shown
                continue
