"""A new job that does an ended one's work again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobactors.model.events import JobQueued
from jobactors.model.snapshot import fold

from .ambient import submitter_context
from .ids import IDS
from .record import Record

if TYPE_CHECKING:
    from jobactors.model.options import OnCheckpoint


def make_continuation(
    ended: Record, now: float, on_checkpoint: OnCheckpoint | None = None
) -> Record:
    """Make the record of a job that does the same work again and is linked to the ended one.

    Args:
        ended: The job that has ended.
        now: The present moment.
        on_checkpoint: What to do about the checkpoint it left; None for its own option.
    """
    from .dependencies import find_edges  # it knows jobs, whose verbs know this

    old = ended.snapshot.info
    info = replace(old, id=IDS.new(old.type), submitted_at=now, continues=old.id)
    options = replace(ended.options, hold=False, start_at=None, after=())
    if on_checkpoint is not None:
        options = replace(options, on_checkpoint=on_checkpoint)
    queued = JobQueued(info.id, now, info)
    record = Record(
        queued,
        fold(None, queued),
        ended.function,
        ended.args,
        ended.kwargs,
        options,
        ended.runner,
        context=submitter_context(),
        edges=find_edges((), ended.args, ended.kwargs),  # a job as an argument has to succeed
        spec=ended.spec,
    )
    if on_checkpoint != "fresh":
        record.apart = ended.apart
    return record
