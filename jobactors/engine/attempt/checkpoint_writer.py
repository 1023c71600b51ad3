"""Writes the checkpoints of an attempt: when they are due, and always at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record
    from jobactors.inside.report.checkpoint_buffer import SavedCheckpoint
    from jobactors.inside.report.meter import Meter
    from jobactors.model.every import Every

    from .host import AttemptHost

FIRST_WRITE: Final = 5.0
"""Seconds after an attempt's first save in which what is saved by then is written.

Also if something has been written at once before that: a work file has a row from its beginning.
"""


class CheckpointWriter:
    """Writes the checkpoints of one attempt.  In the loop's thread, except for the buffer itself.

    The job's thread looks at no clock: its first unwritten save wakes the writer, which sets a
    timer for the time at which it is due.
    """

    def __init__(
        self,
        host: AttemptHost,
        record: Record,
        meter: Meter,
        every: Every,
        attempt: int,
        earlier: Mapping[str, SavedCheckpoint],
        catch_up: Callable[[], None],
    ) -> None:
        self._host = host
        self._record = record
        self._attempt = attempt
        self._every = every
        self._catch_up = catch_up
        self._first_due: float | None = None
        """The time of the first timed writing, in seconds since the epoch; None before a save."""
        self._written_at: float | None = None
        """The time of the last writing; None before the first."""
        self._timer: Timer | None = None
        self._closed = False
        self.buffer: CheckpointBuffer = CheckpointBuffer(
            meter, every, self._wake, earlier, self._folder
        )

    def _folder(self) -> str:
        return str(self._host.leases.folder(self._record))

    def _wake(self, now: bool) -> None:
        """Look at the buffer soon; called by the job's code, from any thread."""
        portal = self._host.portal
        if portal.is_home:
            self._look(now)
        else:
            portal.post_quietly(self._look, now)

    def _look(self, now: bool) -> None:
        if self._closed:
            return  # a thread of the job goes on after its attempt has ended
        if now:
            self.write()
        elif self._timer is None and self._every.seconds < _NEVER:
            self._timer = self._host.timers.set(self._due(), self.write)

    def _due(self) -> float:
        """Return the time of the next writing.  The first one is soon: until then little is."""
        if self._first_due is None:
            self._first_due = self._host.clock.now() + min(FIRST_WRITE, self._every.seconds)
        if self._written_at is None or self._written_at < self._first_due:
            return self._first_due
        return self._written_at + self._every.seconds

    def write(self) -> None:
        """Write the unwritten checkpoints now."""
        self._cancel_timer()
        news = self.buffer.take()
        if news:
            self._written_at = self._host.clock.now()
            self._host.portal.step(self._catch_up)
            self._host.leases.write(self._record, self._attempt, news)

    def close(self, *, succeeded: bool) -> None:
        """Write the last checkpoints at the attempt's end, unless its work is done."""
        if not succeeded or self.buffer.lasting:
            self.write()
        self._cancel_timer()
        self._closed = True
        self._record.buffer = self.buffer

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_NEVER = float("inf")
