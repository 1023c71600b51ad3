"""The end of an ``open_jobs`` block: waits for its jobs, or stops them, and gives the reason."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Self

import trio

from jobactors.engine.system.job_system import LAST_WRITE
from jobactors.engine.system.shutdown import abandon, ask_all, drain, stop
from jobactors.inside.context.current_job import CURRENT
from jobactors.model.checks import class_name_of
from jobactors.model.exception_tree import holds

from .ctrl_c import LEFT_BEHIND, bare_ctrl_c, say_waiting
from .termination import LONGEST_CLOSE, LONGEST_END, TERMINATIONS, told_to_end

if TYPE_CHECKING:
    from types import TracebackType

    from jobactors.engine.system.job_system import JobSystem

    from .termination import Closing


class BlockEnding:
    """Watches the body of one block as a context, and then ends its system.

    Written by the loop's thread only, in which a handler of the main thread may run.
    """

    def __init__(self, system: JobSystem) -> None:
        self._system = system
        self._body = trio.CancelScope()
        """Cancelled when the process receives a signal to end."""
        self._signal: str | None = None
        """The name of that signal."""
        self._closing: Closing | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._closing = TERMINATIONS.watch(self._terminate, in_main=True)
        self._body.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> bool | None:
        return self._body.__exit__(kind, error, where)

    def _terminate(self, name: str) -> None:
        """Stop jobs and body; called by a handler of signals, anywhere in the loop's thread."""
        self._signal = name
        self._system.parts.portal.token.run_sync_soon(self._stop_soon, told_to_end(name))

    def _stop_soon(self, reason: str) -> None:
        """Ask the jobs to end before the body does: it would cancel those that it owns."""
        system = self._system
        if not system.has_failed:
            system.parts.portal.step(ask_all, system, reason, system.ending)
        self._body.cancel()

    async def end(self, body_error: BaseException | None) -> BaseException | None:
        """Wait for the jobs, or stop them after an error; return the error that leaves the block.

        Args:
            body_error: What has left the body.
        """
        try:
            if body_error is None:
                body_error = await self._drain()
            with trio.CancelScope(shield=True):
                await self._stop(body_error)
        except KeyboardInterrupt as exc:  # a second Ctrl-C: the person waits no longer
            abandon(self._system.core.unfinished, LEFT_BEHIND)
            body_error = exc
        except Exception as exc:  # of the engine's own
            return self._system.fail(exc)
        return None if body_error is None else bare_ctrl_c(body_error)

    async def _stop(self, body_error: BaseException | None) -> None:
        """Stop the jobs, because of a signal or of what has left the body."""
        system = self._system
        if self._signal is not None:
            await stop(system, told_to_end(self._signal), system.ending, LONGEST_END)
            system.attach(self._end_anyway)
        elif body_error is not None and holds(body_error, KeyboardInterrupt):
            said = trio.CancelScope()
            system.attach(partial(_say_in, said, system))
            try:
                await stop(system, "Ctrl-C")
            finally:
                said.cancel()
        else:
            await stop(system, _left_by(body_error))

    async def _end_anyway(self) -> None:
        """End the process although a trio job runs, which cannot be left behind."""
        await trio.sleep(LONGEST_CLOSE)
        if self._system.parts.journal is not None:
            self._system.parts.journal.close_now(LAST_WRITE)
        TERMINATIONS.end_now()

    async def _drain(self) -> BaseException | None:
        """Wait for the jobs; return what has ended that."""
        scope = self._body = trio.CancelScope()
        try:
            with scope:
                if self._signal is None:
                    await drain(self._system)
        except (trio.Cancelled, KeyboardInterrupt) as exc:
            return exc
        return None

    def leave(self) -> None:
        """Note that the system has ended; after a signal the last block ends the process."""
        if self._closing is not None:
            self._closing.leave()

    async def wait_if_told_to_end(self) -> None:
        """Wait for the end of the process, if other blocks have still to end.

        Those around this one were notified as well: their cancelled bodies end this.  A tracked
        block around the whole loop hears it here.
        """
        if self._signal is None:
            return
        if (context := CURRENT.get()) is not None:
            await context._control.cancel_requested
            context._control.obey()
        await trio.sleep_forever()


async def _say_in(scope: trio.CancelScope, system: JobSystem) -> None:
    with scope:
        await say_waiting(system)


def _left_by(error: BaseException | None) -> str:
    """Return the reason for which jobs end with their block."""
    match error:
        case None:
            return "the block that owned it has ended"
        case trio.Cancelled():
            return "the block that owned it was cancelled"
        case _:
            return f"the block that owned it was left by {class_name_of(error)}"
