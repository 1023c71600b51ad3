"""The ``on_done`` hook: called once, with the terminal snapshot, where it can hurt nobody."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from jobactors.model.options import OnDone
    from jobactors.model.snapshot import JobSnapshot

_log = logging.getLogger("jobactors")


@trio.lowlevel.enable_ki_protection
async def call_on_done(hook: OnDone, snapshot: JobSnapshot) -> None:
    """Call a job's hook: an async one in the loop, a sync one in a thread, for it may block.

    What it raises is logged: the job's outcome stands.
    """
    try:
        if inspect.iscoroutinefunction(hook):
            await hook(snapshot)
            return
        awaitable = await trio.to_thread.run_sync(
            hook, snapshot, thread_name=f"on_done {snapshot.id}"
        )
        if inspect.isawaitable(awaitable):
            await awaitable
    except trio.Cancelled:
        raise
    except BaseException:  # even SystemExit: the job has ended, and the system goes on
        _log.exception(
            "the on_done hook of job %s failed; the job itself is unaffected", snapshot.id
        )
