"""How a system ends: it waits for what works, cancels what rests or is late, and leaves nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from jobactors.model.states import JobState, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.record import Record

    from .core import System

_log = logging.getLogger("jobactors")


async def drain(system: System) -> None:
    """Wait until every job has ended; those that only rest, held or paused, are cancelled.

    That is done once nothing else moves: what waits for a job at rest would wait for ever.
    """
    while left := system.unfinished:
        change = system.change
        if not any(_moves(system, record) for record in left):
            for record in left:
                if _rests(system, record):
                    system.cancel(
                        record, "the job system is closing, and it was at rest", ending(system)
                    )
        if system.unfinished:
            await change.wait()
    await system.hooks.drain()


def _moves(system: System, record: Record) -> bool:
    """Whether a job goes on by itself, and not only once another one has."""
    state, queue = record.snapshot.state, system.queue
    if record.id in queue:
        return queue.why(record.id, system.clock.now()) in _PASSING
    at_work = queue.has_slot(record.id) or not record.runner.takes_slot  # it waits for no job
    return system.slots.is_returning(record.id) or (at_work and state is not JobState.PAUSED)


_PASSING = frozenset({Waiting.SLOT, Waiting.RETRY, Waiting.START_TIME, Waiting.STORE})
"""What a queued job waits for that comes by itself, with time or the end of others at work."""


def _rests(system: System, record: Record) -> bool:
    if record.snapshot.state is JobState.PAUSED:
        return not system.slots.is_returning(record.id)
    queue = system.queue
    return record.id in queue and (queue.dispatch_held or queue.is_held(record.id))


def ending(system: System) -> Request:
    """What the end of a system means for its jobs: with a store they may go on another day."""
    return Request.CANCEL if system.journal is None else Request.INTERRUPT


async def stop(system: System, reason: str, request: Request = Request.CANCEL) -> list[Record]:
    """Tell what is left to stop and wait for it, but no longer than each job's grace.

    Args:
        system: Whose jobs these are.
        reason: Shown, and told to whoever waits.
        request: To cancel, or to interrupt.

    Returns:
        The jobs that did not end in time: abandoned where their runner can do that.
    """
    system.accepts = system.starts = False
    for record in system.unfinished:
        system.cancel(record, reason, request)
    for record in sorted(system.unfinished, key=lambda record: record.options.grace):
        with trio.move_on_at(_patience(system, record)):
            await record.settled
    late = system.unfinished
    abandon(late)
    await system.hooks.stop()
    return late


def _patience(system: System, record: Record) -> float:
    asked = None if record.actor is None else record.actor.asked_at
    begun = record.snapshot.changed_at if asked is None else asked
    return system.clock.deadline(begun + record.options.grace)


def abandon(records: Iterable[Record]) -> None:
    """Leave jobs behind that do not end, where their runner can do that."""
    for record in records:
        if record.actor is not None:
            grace = record.options.grace
            _log.error("job %s did not end within its grace of %g s", record.id, grace)
            record.actor.abandon()
