"""Records the events of a system for a test."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from jobactors.engine.api.jobs import Jobs
from jobactors.model.events import Event, JobProgressed


@asynccontextmanager
async def record_events(jobs: Jobs, *kinds: type[Event]) -> AsyncGenerator[list[Event]]:
    """Record the events of a system, in order, for the length of a block of trio code.

    What happens from the entry of the block on is recorded, and nothing of how the jobs stood then.
    The list grows as events are delivered; ``trio.testing.wait_all_tasks_blocked()`` lets it catch
    up.

    Args:
        jobs: The system.
        *kinds: Classes of events; default: all but progress, whose number depends on the clock.
            ``JobRestated`` among them records the present state first.

    Example::

        async with record_events(jobs) as events:
            await jobs.run(work)
            await trio.testing.wait_all_tasks_blocked()
        assert [type(event) for event in events][-1] is ja.JobFinished
    """
    events: list[Event] = []

    async def record(event: Event) -> None:
        if kinds or not isinstance(event, JobProgressed):
            events.append(event)

    unsubscribe = jobs.on_event(record, *kinds)
    try:
        yield events
    finally:
        unsubscribe()
