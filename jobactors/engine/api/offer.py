"""The offer of a job to a system, by the thread that submits it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from jobactors.engine.records.checkpoint_key import types_of
from jobactors.engine.records.comparisons import CompareFirst
from jobactors.model.errors import UnknownJobType

from .dependencies import check_system
from .job import Job
from .submission import make_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobactors.engine.ports.runner import KnownRunner
    from jobactors.engine.records.batch_place import BatchPlace
    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem


def offer(
    system: JobSystem,
    work: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    changes: Mapping[str, Any],
    runner: KnownRunner | None = None,
    *,
    waits: bool = True,
    place: BatchPlace | None = None,
) -> Job[Any]:
    """Submit a job, and return its handle.

    Without a store, and with nothing that could refuse it, the job is only posted: its submitter
    waits for nothing.

    Args:
        system: The system that is to run it.
        work: A function, a chain, or the name of a job type.
        args: Positional arguments.
        kwargs: Named arguments.
        changes: The options that were given.
        runner: Used instead of the one that options or function ask for.
        place: Its place in a batch; None outside one.
        waits: Whether this returns only when the job is stored, elsewhere than in the loop.
    """
    portal, journal = system.parts.portal, system.parts.journal
    portal.check("take a job")
    now = system.core.clock.now()
    to_keep = journal is not None
    try:
        record = make_record(work, args, kwargs, changes, now, runner, to_keep=to_keep, place=place)
    except UnknownJobType as exc:
        exc.is_template = portal.look(system.templates.has, exc.name)
        raise
    if record.edges:
        check_system(system, record.options.after, args, kwargs)
    if journal is not None:
        return _offer_to_store(system, record, waits)
    followed = record.runner.runs_already  # its submitter needs it started
    if not followed and system.core.accepts and not _can_be_refused(system, record):
        portal.post(system.admission.accept_posted, record)
        return Job(system, record, is_new=True)
    accepted = _admitted(system, record, partial(portal.move, system.admission.accept))
    return Job(system, accepted, is_new=accepted is record)


def _admitted(system: JobSystem, record: Record, accept: Callable[[Record], Record]) -> Record:
    """Have a job accepted, in steps of the loop between which users' objects are compared here."""
    if system.parts.portal.is_home:
        return accept(record)
    comparisons = record.compare_outside()
    try:
        while True:
            try:
                return accept(record)
            except CompareFirst as first:
                first.make()
    finally:
        comparisons.close()
        record.comparisons = None


def _can_be_refused(system: JobSystem, record: Record) -> bool:
    info, checkpoints = record.snapshot.info, system.parts.checkpoints
    return (
        info.key is not None
        or bool(record.options.resources)
        or (bool(checkpoints.by_work) and checkpoints.has(types_of(record), info.subject))
    )


def _offer_to_store(system: JobSystem, record: Record, waits: bool) -> Job[Any]:
    """Submit a job that is stored: elsewhere than in the loop, this returns when it is."""
    portal, admission = system.parts.portal, system.admission
    if not waits or portal.is_home:
        accepted = _admitted(system, record, partial(portal.move, admission.accept))
    else:
        accepted = _admitted(system, record, partial(portal.move_until, admission.accept_stored))
        if accepted.refused is not None:
            raise accepted.refused
    return Job(system, accepted, is_new=accepted is record)
