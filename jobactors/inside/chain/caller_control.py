"""The callbacks of a chain's caller, called in the chain's own thread.

``chain.run_sync(progress=…, cancel=…)`` runs phases that know of no callbacks, only of the current
job.  So they get one: a context whose control calls ``cancel()`` at each of its points, and
``progress()`` there, at most ten times a second.  No other thread is needed, and none of the
callbacks runs in one.

Inside a job the checkpoints, the inbox and the log are that job's, and its requests are obeyed at
the same points.  The callbacks are called as the caller's code: they see its current job.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control, StopJob
from jobactors.model.exception_tree import is_a, leaves_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer

T = TypeVar("T")
INTERVAL: Final = 0.1
"""Seconds between two calls of ``progress``, except at the ends of phases."""
_SEEN: Final = ("id", "name", "type", "subject", "attempt", "part")


class CallerControl(Control):
    """The requests of a chain's caller.  In the chain's own thread alone."""

    __slots__ = ("_cancel", "_outer", "_progress", "_told_at", "meter")

    def __init__(
        self,
        progress: Callable[[float, float, str], object] | None,
        cancel: Callable[[], bool] | None,
    ) -> None:
        super().__init__(loop_thread=0)
        self.own_thread = threading.get_ident()
        self.is_polled = True
        self.asked = True
        self.meter: Meter = Meter(lambda: None)  # it is read at each point anyway
        self._progress = progress
        self._cancel = cancel
        self._outer = CURRENT.get()
        self._told_at = -INTERVAL

    def context(self, buffer: CheckpointBuffer) -> JobContext:
        """Return the job that the chain is to its phases.

        Args:
            buffer: Holds their checkpoints where the caller is no job.
        """
        outer = self._outer
        if outer is None:
            return JobContext(ReadyToolbox(self, self.meter, buffer=buffer))
        toolbox = ReadyToolbox(self, self.meter, outer.inbox, outer.log, outer._buffer or buffer)
        about: dict[str, Any] = {name: getattr(outer, name) for name in _SEEN}
        return JobContext(toolbox, system=outer._system, **about)

    def tell(self, now: bool = False) -> None:
        """Call ``progress`` with percent, 100, and a text; unless it was called a moment ago."""
        if self._progress is None or not self.is_own:
            return
        if not now and time.monotonic() < self._told_at + INTERVAL:
            return
        sample = self.meter.read()
        text = ": ".join(filter(None, (" / ".join(sample.stages), sample.message)))
        percent = 100 * (sample.fraction or 0.0)
        told, self._told_at = self._progress, time.monotonic()
        try:
            self._as_caller(lambda: told(percent, 100, text))
        except StopJob:  # it reports to a job, which is being cancelled
            self.cancel(None if self._outer is None else self._outer._control.reason)

    def has_stopped(self, exc: BaseException) -> bool:
        """Whether a phase has raised because its caller wants the chain to end."""
        return self.cancel_requested.is_set and all(is_a(one, StopJob) for one in leaves_of(exc))

    def look(self) -> bool:
        """Ask the caller, and return whether it wants the chain to end."""
        self._ask_caller()
        return super().look()

    def obey(self) -> None:
        """Call the callbacks; raise :class:`StopJob` once if the caller wants the chain to end."""
        if not self.is_own:
            return
        self.tell()
        self._ask_caller()
        outer = None if self._outer is None else self._outer._control
        if outer is not None and outer.asked and not self.cancel_requested.is_set:
            try:
                outer.obey()
            except StopJob:  # asked for since the caller was asked
                self.cancel(outer.reason)
        if self.cancel_requested.is_set:
            self._deliver()

    async def obey_in_loop(self) -> None:
        """Do the same in a phase that is trio code, which has a loop of its own here."""
        self.obey()

    def _ask_caller(self) -> None:
        if self._cancel is None or self.cancel_requested.is_set or not self.is_own:
            return
        if self._as_caller(self._cancel):
            self.cancel(None)

    def _as_caller(self, call: Callable[[], T]) -> T:
        token = CURRENT.set(self._outer)
        try:
            return call()
        finally:
            CURRENT.reset(token)
