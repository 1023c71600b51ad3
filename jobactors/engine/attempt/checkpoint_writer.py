"""From what a job saves to what is kept: written when it is due, and always at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record
    from jobactors.inside.report.checkpoint_buffer import SavedCheckpoint
    from jobactors.inside.report.meter import Meter
    from jobactors.model.every import Every

    from .host import AttemptHost


class CheckpointWriter:
    """Writes down what one attempt saves.  In the loop's thread, but for the buffer itself.

    The job's thread looks at no clock: its first unwritten save wakes the keeper, which sets an
    timer for when that is to be written.
    """

    def __init__(
        self,
        host: AttemptHost,
        record: Record,
        meter: Meter,
        every: Every,
        attempt: int,
        kept: Mapping[str, SavedCheckpoint],
    ) -> None:
        self._host = host
        self._record = record
        self._attempt = attempt
        self._every = every
        self._written_at = host.clock.now()
        self._timer: Timer | None = None
        self._closed = False
        self.buffer: CheckpointBuffer = CheckpointBuffer(
            meter, every, self._wake, kept, self._folder
        )

    def _folder(self) -> str:
        return str(self._host.checkpoints.folder(self._record))

    def _wake(self, now: bool) -> None:
        """Called by the job's code, in whatever thread that is."""
        portal = self._host.portal
        if portal.is_home:
            self._look(now)
        else:
            portal.post_quietly(self._look, now)

    def _look(self, now: bool) -> None:
        if self._closed:
            return  # a thread of the job's own goes on after its attempt has ended
        if now:
            self.write()
        elif self._timer is None and self._every.seconds < _FOR_EVER:
            due = self._written_at + self._every.seconds
            self._timer = self._host.timers.set(due, self.write)

    def write(self) -> None:
        """Write down what is unwritten."""
        self._take_back_alarm()
        news = self.buffer.take()
        if news:
            self._written_at = self._host.clock.now()
            self._host.checkpoints.write(self._record, self._attempt, news)

    def close(self, *, succeeded: bool) -> None:
        """The attempt has ended: write down the last save, unless all is done; nothing after it."""
        if not succeeded or self.buffer.lasting:
            self.write()
        self._take_back_alarm()
        self._closed = True
        self._record.buffer = self.buffer

    def _take_back_alarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_FOR_EVER = float("inf")
