"""From what a job saves to what is kept: written when it is due, and always at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.checkpoint import Saver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobactors.inside.checkpoint import Kept
    from jobactors.inside.meter import Meter
    from jobactors.model.checkpoint import Every

    from .alarms import Alarm
    from .record import Record
    from .system import System


class Keeper:
    """Writes down what one attempt saves.  In the loop's thread, but for the saver itself.

    The job's thread looks at no clock: its first unwritten save wakes the keeper, which sets an
    alarm for when that is to be written.
    """

    def __init__(
        self,
        system: System,
        record: Record,
        meter: Meter,
        every: Every,
        attempt: int,
        kept: Mapping[str, Kept],
    ) -> None:
        self._system = system
        self._record = record
        self._attempt = attempt
        self._every = every
        self._written_at = system.clock.now()
        self._alarm: Alarm | None = None
        self._closed = False
        self.saver = Saver(meter, every, self._wake, kept, self._folder)

    def _folder(self) -> str:
        return str(self._system.shelf.folder(self._record))

    def _wake(self, now: bool) -> None:
        """Called by the job's code, in whatever thread that is."""
        door = self._system.door
        if door.is_home:
            self._look(now)
        else:
            door.post_quietly(self._look, now)

    def _look(self, now: bool) -> None:
        if self._closed:
            return  # a thread of the job's own goes on after its attempt has ended
        if now:
            self.write()
        elif self._alarm is None and self._every.seconds < _FOR_EVER:
            due = self._written_at + self._every.seconds
            self._alarm = self._system.alarms.set(due, self.write)

    def write(self) -> None:
        """Write down what is unwritten."""
        self._take_back_alarm()
        news = self.saver.take()
        if news:
            self._written_at = self._system.clock.now()
            self._system.shelf.write(self._record, self._attempt, news)

    def close(self, *, succeeded: bool) -> None:
        """The attempt has ended: write down the last save, unless all is done; nothing after it."""
        if not succeeded or self.saver.lasting:
            self.write()
        self._take_back_alarm()
        self._closed = True
        self._record.saver = self.saver

    def _take_back_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.take_back()
            self._alarm = None


_FOR_EVER = float("inf")
