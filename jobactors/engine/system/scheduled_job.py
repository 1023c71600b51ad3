"""The jobs of a schedule: each is made after one prototype, a job that was never submitted.

What a submit checks was checked when the schedule was made; so that a schedule runs no code of the
user's in the loop, what that decides (the label, the key) is taken over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from jobactors.engine.records.job_ids import IDS
from jobactors.engine.records.record import Record
from jobactors.engine.records.submit_context import submitter_context
from jobactors.model.events import JobQueued
from jobactors.model.fold import fold
from jobactors.model.states import Waiting

if TYPE_CHECKING:
    from jobactors.engine.records.record import Edge


def make_scheduled(
    prototype: Record,
    arguments: tuple[tuple[Any, ...], dict[str, Any]],
    now: float,
    schedule: str,
    occurrence: float | None,
    edges: tuple[Edge, ...] = (),
) -> Record:
    """Make the record of a schedule's job, which is not admitted yet.

    Args:
        prototype: What to do, and with which options.
        arguments: Positional and named arguments.
        now: The present moment, in seconds since the epoch.
        schedule: The schedule's name.
        occurrence: The moment for which it is submitted; None for a run by hand.
        edges: The earlier jobs of the schedule that it comes after.
    """
    info = prototype.snapshot.info
    info = replace(
        info,
        id=IDS.new(info.type),
        submitted_at=now,
        schedule=schedule,
        occurrence=occurrence,
    )
    waiting = Waiting.HOLD if prototype.options.hold else Waiting.SLOT
    queued = JobQueued(info.id, now, info, waiting)
    submit = prototype.submit
    if submit is not None and edges:
        submit = replace(submit, after=tuple((edge.upstream.id, edge.when) for edge in edges))
    context = prototype.context
    args, kwargs = arguments
    return Record(
        fold(None, queued),
        prototype.function,
        args,
        kwargs,
        prototype.options,
        prototype.runner,
        context=submitter_context() if context is None else context.copy(),
        edges=edges,
        submit=submit,
    )
