"""Attempts that are blocking code: each runs in a worker thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from jobactors.engine.ports.runner import Abandoned
from jobactors.inside.verbs.output_capture import CAPTURE

if TYPE_CHECKING:
    from jobactors.engine.attempt.host import AttemptHost
    from jobactors.engine.loop.worker_pool import ThreadCall
    from jobactors.engine.ports.runner import Attempt, KnownRunner


class ThreadRunner:
    """Calls the function in a worker thread of the system's pool.

    A thread cannot be stopped from outside: a cancel is delivered by the function's own next
    ``track``, ``progress`` or ``check``, or in ``trio.from_thread``.  One that never comes there
    goes on until it ends; it holds its slot, and the job shows as stuck.
    """

    name: str = "thread"
    takes_slot: bool = True
    can_abandon: bool = True
    waits_elsewhere: bool = False
    runs_already: bool = False

    async def run(self, attempt: Attempt) -> Any:
        """Call the function in a worker thread and wait for it to end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        call = self.begin_call(attempt)
        try:
            await call.ended()
        except trio.Cancelled:
            # The actor's own cancel must not leave a running thread behind.  The scope that the
            # engine cancels when the whole system closes on a stuck job may, and only that.  They
            # are made now: most jobs are never asked to end, and two scopes cost more than a call.
            with trio.CancelScope(shield=True), attempt.abandon():
                await call.ended()
        if not call.is_done:
            raise Abandoned
        return call.result()

    def begin_call(self, attempt: Attempt) -> ThreadCall:
        """Have the function called in a worker thread, with a copy of the present context."""
        context = attempt.context
        host = cast("AttemptHost", context._system)
        return host.workers.start(partial(_call, attempt), f"job {context.id}", context._control)


def _call(attempt: Attempt) -> Any:
    try:
        return attempt.function(*attempt.args, **attempt.kwargs)
    finally:
        CAPTURE.finish(attempt.context.id)  # here, because a terminal may be slow


RUNNER: Final[KnownRunner] = ThreadRunner()
