"""The shutdown of a system: waits for jobs at work, and cancels those at rest, or late."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from jobactors.engine.ports.runner import goes_on, is_service
from jobactors.engine.queue.wait_reason import reason_in_queue
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.states import JobState, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.record import Record

    from .core import Core
    from .job_system import JobSystem

_PASSING: Final = frozenset(
    {Waiting.SLOT, Waiting.RATE, Waiting.RETRY, Waiting.START_TIME, Waiting.STORE}
)
"""Reasons to wait that pass by themselves, with time or with the end of others at work."""


_STEPS: Final = 3
"""Steps of the loop in which a job whose wait has ended goes on; before, it seems to be at rest."""
_MOST_STEPS: Final = 200
"""The same after many checks in vain, each of which visits all unfinished jobs."""


async def drain(system: JobSystem) -> None:
    """Wait until every job has ended; those that only rest, held or paused, are cancelled.

    They are cancelled once nothing else moves: a job that waits for one at rest would wait for
    ever.
    """
    system.schedules.close()
    core, steps = system.core, _STEPS
    while core.at_work or core.incoming:
        change = core.change
        if not (core.incoming or _anything_moves(core)) and not _cancel_at_rest(system):
            steps = min(2 * steps, _MOST_STEPS)  # the checks stay cheap among thousands of jobs
        if core.at_work or core.incoming:
            await change.wait()
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
    await system.parts.hooks.drain()


async def wait_until_at_rest(system: JobSystem) -> bool:
    """Wait until no job goes on by itself, and leave those at rest alone.

    Returns:
        Whether there was anything to wait for.
    """
    core, waited = system.core, False
    while core.incoming or (core.at_work and _anything_moves(core)):
        waited = True
        await core.change.wait()
    return waited


def _cancel_at_rest(system: JobSystem) -> bool:
    """Cancel the jobs that only rest; returns whether there were any."""
    resting = [record for record in system.core.unfinished if _rests(system.core, record)]
    for record in resting:
        _ask(system.core, record, "the job system is closing, and it was at rest", system.ending)
    return bool(resting)


def _anything_moves(core: Core) -> bool:
    """Whether any job goes on by itself."""
    # A job that has a slot does, since a paused one has none.  So the jobs are gone through only
    # when none has: this is asked whenever one of them ends, or waits for something else.
    if core.parts.queue.is_any_running or core.parts.slots.returning:
        return True
    return any(_moves(core, record) for record in core.at_work.values())


def _moves(core: Core, record: Record) -> bool:
    """Whether a job goes on by itself, and not only once another one has."""
    state, queue, slots = record.snapshot.state, core.parts.queue, core.parts.slots
    if is_service(record.runner):
        return state is JobState.CANCELLING
    if record.id in queue:
        return reason_in_queue(queue, record.id, core.clock.now()).waiting in _PASSING
    # It waits for no job, with its slot or without one.
    is_elsewhere = not record.runner.takes_slot or slots.goes_on(record.id)
    at_work = queue.has_slot(record.id) or is_elsewhere
    return slots.is_returning(record.id) or (at_work and state is not JobState.PAUSED)


def _rests(core: Core, record: Record) -> bool:
    queue = core.parts.queue
    if is_service(record.runner):
        return record.snapshot.state is not JobState.CANCELLING
    if record.snapshot.state is JobState.PAUSED:
        return not core.parts.slots.is_returning(record.id)
    if record.id not in queue:
        return False
    return queue.dispatch_held or queue.is_held(record.id) or _waits_for_rest(core, record)


def _waits_for_rest(core: Core, record: Record) -> bool:
    """Whether a queued job comes after one that rests interrupted, perhaps since a moment ago."""
    upstream = map(core.find, core.parts.queue.waits_for(record.id))
    return any(one is not None and one.snapshot.state is JobState.INTERRUPTED for one in upstream)


async def stop(
    system: JobSystem,
    reason: str,
    request: Request = Request.CANCEL,
    longest: float = math.inf,
) -> list[Record]:
    """Ask the unfinished jobs to end, and wait for each, but no longer than its grace.

    Args:
        system: The system whose jobs are to end.
        reason: Shown, and given to waiters.
        request: To cancel, or to interrupt.
        longest: Seconds to wait for all of them, and their hooks, together.

    Returns:
        The jobs that did not end in time: abandoned where their runner can do that.
    """
    core = system.core
    ask_all(system, reason, request)
    deadline = trio.current_time() + longest
    with trio.move_on_at(deadline) as limit:
        for record in sorted(core.unfinished, key=lambda record: record.options.grace):
            with trio.move_on_at(_patience(core, record)):
                await record.settled
    late = core.unfinished
    abandon(late, f"all of them together had {longest:g} s" if limit.cancelled_caught else None)
    await system.parts.hooks.stop(max(0.0, deadline - trio.current_time()))
    return late


def ask_all(system: JobSystem, reason: str, request: Request) -> None:
    """Take and start no more jobs, and ask the unfinished ones to end."""
    system.schedules.close()
    core = system.core
    core.accepts = core.dispatch.starts = False
    for record in core.unfinished:
        _ask(core, record, reason, request)


def _ask(core: Core, record: Record, reason: str, request: Request) -> None:
    """Ask a job to end with the system; a service has no work that could be resumed here."""
    if is_service(record.runner):
        elsewhere = goes_on(record.runner)
        reason, request = (elsewhere, request) if elsewhere else (reason, Request.CANCEL)
    core.cancel(record, reason, request)


def _patience(core: Core, record: Record) -> float:
    asked = None if record.actor is None else record.actor.asked_at
    begun = record.snapshot.changed_at if asked is None else asked
    return core.clock.deadline(begun + record.options.grace)


def abandon(records: Iterable[Record], why: str | None = None) -> None:
    """Leave jobs behind that do not end, where their runner can do that.

    Args:
        records: The jobs.
        why: The reason for which they are waited for no longer; None for the grace of each.
    """
    for record in records:
        if record.actor is not None:
            past = why or f"it did not end within its grace of {record.options.grace:g} s"
            LOG.error("job %s is left behind: %s", record.id, past)
            if why is None:
                record.actor.abandon()
            else:
                record.actor.abandon(f"abandoned: {why}")
