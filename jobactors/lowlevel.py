"""Tools for displays and bridges: code that runs beside the jobs, in their own loop.

Ordinary programs need nothing from here.  A panel, an exporter or a protocol server does: it
follows a job system in the thread where every change is made, and calls into that thread from
others.  Named after ``trio.lowlevel``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

from jobactors.engine.api.job import Job
from jobactors.engine.api.jobs import Jobs
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.batch_snapshot import BatchSnapshot
from jobactors.model.job_graph import JobGraph
from jobactors.model.job_summary import summary
from jobactors.model.timeline import Timeline

__all__ = [
    "attach",
    "batch_snapshot",
    "call_when_settled",
    "describe_store",
    "ended_of_burst",
    "on_batch_change",
    "post",
    "restart_obstacles",
    "source_of",
    "summary",
    "watch_schedules",
]


def attach(jobs: Jobs, service: Callable[[Jobs], Awaitable[None]]) -> None:
    """Run ``await service(jobs)`` in the jobs' own loop, beside them, until the system closes.

    The service is cancelled last, after the final events.  If it raises, the error is logged and
    the jobs go on.

    Args:
        jobs: The job system.
        service: An async function that follows it.

    Raises:
        JobsClosed: when the system has ended.

    Example::

        async def count(jobs):
            async with jobs.subscribe(ja.JobFinished) as batches:
                async for batch in batches: ...

        ja.lowlevel.attach(jobs, count)
    """
    system = jobs._system
    system.parts.portal.call(system.attach, partial(service, jobs))


def source_of(
    drawing: Timeline | JobGraph,
) -> tuple[Jobs, Callable[[], Timeline | JobGraph]] | None:
    """Return the job system of a drawing, and the function that makes it anew.

    None for a drawing that was not made by ``jobs.timeline()`` or ``jobs.graph()``.  The function
    may be called in any thread but the jobs' own.
    """
    found: tuple[Jobs, Callable[[], Timeline | JobGraph]] | None = getattr(drawing, "_source", None)
    return found


def post(jobs: Jobs, function: Callable[..., object], *args: Any) -> None:
    """Run ``function(*args)`` soon in the loop's thread; returns at once, from any thread.

    In the loop's own thread it runs at once, and its error is the caller's; from another thread its
    error is logged.  It should be quick: every job of the system waits meanwhile.

    Args:
        jobs: The job system.
        function: A plain function.
        *args: Its arguments.

    Raises:
        JobsClosed: when the system has ended.
    """
    portal = jobs._system.parts.portal
    if portal.is_home:
        function(*args)
    else:
        portal.post(_guarded, function, *args)


def call_when_settled(job: Job[Any], callback: Callable[[], None]) -> Callable[[], None]:
    """Call ``callback()`` in the loop's thread once the job has ended, or now if it has.

    It may be called twice when the job ends in this very moment.  It should be quick; an error it
    raises is logged.

    Args:
        job: The job.
        callback: A plain function.

    Returns:
        A function that cancels the callback.
    """
    return job._record.settled.call_when_set(partial(_guarded, callback))


def batch_snapshot(jobs: Jobs, batch_id: str) -> BatchSnapshot | None:
    """Return the counts of a batch, or None if it is no longer here.  In the jobs' loop."""
    parts = jobs._system.parts
    tally = parts.registry.batches.get(batch_id)
    if tally is None or batch_id not in parts.registry.batches:
        return None
    return tally.snapshot(parts.clock.now())


def restart_obstacles(jobs: Jobs, job_ids: Collection[str]) -> dict[str, str]:
    """Return why ended jobs of an earlier process cannot start again here, by job id.

    Mostly because their types are not registered yet.  The store is not read for it, so that some
    other reasons show at the restart alone.  From any thread.

    Args:
        jobs: The job system.
        job_ids: Jobs; those that are not here, and those without such a reason, are left out.
    """
    registry, recovery = jobs._system.parts.registry, jobs._system.recovery

    def look() -> dict[str, str]:
        here = [registry.get(job_id) for job_id in job_ids if job_id in registry]
        found = {record.id: recovery.obstacle_at_hand(record) for record in here}
        return {job_id: why for job_id, why in found.items() if why}

    return jobs._system.parts.portal.look(look)


def on_batch_change(jobs: Jobs, callback: Callable[[str], None]) -> Callable[[], None]:
    """Call ``callback(batch_id)`` when a batch changes that none of its jobs has an event of.

    Its input has ended, or waits for a resume.  In the jobs' loop, where it is also called; it
    should be quick, and an error it raises is logged.

    Args:
        jobs: The job system.
        callback: A plain function.

    Returns:
        A function that takes the callback back.
    """
    watchers = jobs._system.parts.registry.batches.watchers
    watcher = partial(_guarded, callback)
    watchers.append(watcher)

    def take_back() -> None:
        if watcher in watchers:
            watchers.remove(watcher)

    return take_back


def watch_schedules(jobs: Jobs, callback: Callable[[], None]) -> Callable[[], None]:
    """Call ``callback()`` in the loop's thread after each change of a schedule, or of its jobs.

    In the loop's thread only, as in :func:`attach`.  It should be quick; an error it raises is
    logged.

    Args:
        jobs: The job system.
        callback: A plain function.

    Returns:
        A function that cancels the callback.
    """
    watchers, key = jobs._system.schedules.table.watchers, object()
    watchers[key] = partial(_guarded, callback)
    return lambda: watchers.pop(key, None) and None


def _guarded(function: Callable[..., object], *args: Any) -> None:
    """Call a user's function in the loop; its error is logged, and no job notices."""
    try:
        function(*args)
    except BaseException:  # a SystemExit as well: it would end the loop of all jobs
        LOG.exception("a call posted into the jobs' loop failed: %r", function)


def ended_of_burst(jobs: Jobs) -> int:
    """Return the number of jobs that have ended since there was last nothing to do."""
    return jobs._system.core.at_work.ended


def describe_store(jobs: Jobs, *, trouble: str | None = None, offer: str | None = None) -> None:
    """Add its opener's knowledge to ``jobs.store``.  For hosts that choose a store for their users.

    Args:
        jobs: The job system.
        trouble: The reason for which there is no store; default: none.
        offer: The earlier jobs that could be adopted, with the call that does so; default: none.
    """
    jobs._system.store_note = (trouble, offer)
