"""The callbacks of :meth:`Job.add_done_callback`: each is called once, in a loop or a thread.

One that was added in an asyncio loop is called there, as with asyncio's own futures, so that
``asyncio.wait`` takes jobs.  Elsewhere a callback is called as an ``on_done`` hook is: a plain
function may block, so it gets a thread.
"""

from __future__ import annotations

import sys
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from jobactors.inside.report.guarded_log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.snapshot import JobSnapshot


class DoneCallback:
    """One callback, until it is called."""

    def __init__(
        self, system: JobSystem, record: Record, function: Callable[[Any], Any], job: object
    ) -> None:
        self.function: Callable[[Any], Any] = function
        self._system = system
        self._record = record
        self._job = job
        self._loop = _running_asyncio_loop()
        self._left = [self]
        """Itself until it is called or taken back; popping is one step in any thread."""

    def add(self) -> None:
        """Have it called once the job has ended or rests; soon, if it has."""
        portal = self._system.parts.portal
        if self._record.settled.is_set and portal.is_closed and self._loop is None:
            if self.take_back():
                self._call_here()
            return
        self._record.settled.call_when_set(self._when_done)

    def take_back(self) -> bool:
        """Do not call it any more; returns whether it would have been."""
        try:
            self._left.pop()
        except IndexError:
            return False
        return True

    def _when_done(self) -> None:
        portal = self._system.parts.portal
        if self._loop is not None:
            if self.take_back():
                self._call_in_asyncio()
        elif portal.is_home:
            self._call_as_hook()
        else:
            portal.post_quietly(self._call_as_hook)

    def _call_as_hook(self) -> None:
        if not self.take_back():  # a latch may call twice
            return
        hook = self._awaited if iscoroutinefunction(self.function) else self._called
        try:
            self._system.core.run_hook(hook, self._record.snapshot)
        except Exception:  # the system is ending, and starts nothing any more
            LOG.exception("the callback of job %s could not be called", self._record.id)

    def _called(self, _: JobSnapshot) -> Any:
        function, job = self._take_parts()
        return function(job)

    async def _awaited(self, _: JobSnapshot) -> None:
        function, job = self._take_parts()
        await function(job)

    def _take_parts(self) -> tuple[Callable[[Any], Any], object]:
        """Return function and job, once: the job's record holds this, which is not to hold them."""
        parts = self.function, self._job
        self.function, self._job = _nothing, None
        return parts

    def _call_in_asyncio(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._call_here)
        except RuntimeError:  # that loop has ended
            LOG.warning(
                "the callback of job %s was not called: its loop is closed", self._record.id
            )

    def _call_here(self) -> None:
        function, job = self._take_parts()
        try:
            function(job)
        except Exception:
            LOG.exception("the callback of job %s failed", self._record.id)


def _nothing(_: object) -> None:
    """Stand in the place of a function that was called."""


def _running_asyncio_loop() -> Any:
    """Return the asyncio loop of this thread, or None; a program without asyncio loads none."""
    asyncio = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.get_running_loop()
    except RuntimeError:
        return None
