"""A new job that does an ended one's work again."""

from __future__ import annotations

import attrs

from jobactors.model.events import JobQueued
from jobactors.model.snapshot import fold

from .ambient import submitter_context
from .ids import IDS
from .record import Record


def make_continuation(ended: Record, now: float) -> Record:
    """Make the record of a job that does the same work again and is linked to the ended one."""
    from .dependencies import find_edges  # it knows jobs, whose verbs know this

    old = ended.snapshot.info
    info = attrs.evolve(old, id=IDS.new(old.type), submitted_at=now, continues=old.id)
    options = attrs.evolve(ended.options, hold=False, start_at=None, after=())
    queued = JobQueued(info.id, now, info)
    return Record(
        queued,
        fold(None, queued),
        ended.function,
        ended.args,
        ended.kwargs,
        options,
        ended.runner,
        context=submitter_context(),
        edges=find_edges((), ended.args, ended.kwargs),  # a job as an argument has to succeed
    )
