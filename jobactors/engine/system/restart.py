"""The restart of an ended job: a new one with the same work, linked to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobactors.engine.records.job_ids import IDS
from jobactors.engine.records.record import Record
from jobactors.engine.records.references import edges_among
from jobactors.engine.records.submit_context import submitter_context
from jobactors.model.events import JobQueued
from jobactors.model.fold import fold

if TYPE_CHECKING:
    from jobactors.model.options import OnCheckpoint


def make_restart(ended: Record, now: float, on_checkpoint: OnCheckpoint | None = None) -> Record:
    """Make the record of a new job with the work of an ended one, linked to it.

    Args:
        ended: The job that has ended.
        now: The present moment.
        on_checkpoint: The choice about the checkpoint it left; None for its own option.
    """
    old = ended.snapshot.info
    info = replace(
        old,
        id=IDS.new(old.type),
        submitted_at=now,
        continues=old.id,
        from_checkpoint=False,
    )
    options = ended.options.changed(hold=False, start_at=None, after=())
    if on_checkpoint is not None:
        options = options.changed(on_checkpoint=on_checkpoint)
    queued = JobQueued(info.id, now, info)
    edges = tuple(edges_among(ended.args, ended.kwargs).values())
    submit = ended.submit
    if submit is not None:
        submit = replace(submit, after=tuple((edge.upstream.id, edge.when) for edge in edges))
    record = Record(
        fold(None, queued),
        ended.function,
        ended.args,
        ended.kwargs,
        options,
        ended.runner,
        context=submitter_context(),
        edges=edges,
        submit=submit,
    )
    if on_checkpoint != "fresh":
        record.unshared = ended.unshared
    return record
