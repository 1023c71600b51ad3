"""Dispatch: starts the jobs whose turn it is, by the decisions of the job queue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .start_pace import StartPace

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record

    from .parts import Parts


class Dispatch:
    """Asks the job queue what may start, and starts it.  In the loop's thread only.

    Args:
        parts: The parts of the system.
        start: Begins a job's next attempt.
        explain: Publishes the reason for which a job waits, if it has changed.
    """

    def __init__(
        self,
        parts: Parts,
        start: Callable[[Record, float], None],
        explain: Callable[[Record], None],
    ) -> None:
        self._parts = parts
        self._start = start
        self._explain = explain
        self._due: Timer | None = None
        self.pace: StartPace = StartPace(partial(parts.portal.step, self.pump))
        """Bounds the starts of one turn."""
        self._start_task: Callable[..., None]
        self.starts = True
        """Whether jobs are started; no more once everything is being cancelled."""
        self.is_breaking = False
        """Whether the jobs that come after a failed one are being cancelled: the next to start may
        be one of them."""

    def open(self, start_task: Callable[..., None]) -> None:
        """Begin: starts that have to wait for a turn of the loop wait in a task of that."""
        self._start_task = start_task

    @property
    def _is_open(self) -> bool:
        """Whether any job may start at all; where not, a pump follows when one may."""
        journal = self._parts.journal
        is_stalled = journal is not None and journal.is_stalled  # a start could not be stored
        return self.starts and not (self.is_breaking or is_stalled)

    def start_at_once(self, record: Record) -> bool:
        """Start a job that waits for nothing of its own, if none goes before it.

        Returns:
            Whether it has started; otherwise it has to go through the queue.
        """
        parts = self._parts
        if self.pace.rests or parts.requests.waiting or parts.slots.returning or not self._is_open:
            return False
        if not parts.queue.start_at_once(record.id, takes_slot=record.runner.takes_slot):
            return False
        self.pace.count(1, self._start_task)
        self._start(record, parts.clock.now())
        return True

    def pump(self, now: float | None = None) -> None:
        """Start the jobs that may start now, and arrange to be called when the next one is due.

        Passes through here are many, so an empty table costs no call.
        """
        parts = self._parts
        if parts.queue.resources.rates:
            parts.rates.advance()
        if parts.requests.waiting:
            parts.requests.serve()
        if parts.slots.returning:
            parts.slots.serve()
        if self.pace.rests or (parts.queue.is_empty and self._due is None) or not self._is_open:
            return
        now = parts.clock.now() if now is None else now
        decision = parts.queue.decide(now, self.pace.room)
        if decision.start:
            self.pace.count(len(decision.start), self._start_task)
        for job_id in decision.start:
            self._start(parts.registry.get(job_id), now)
        parts.rates.save()
        for job_id in filter(parts.queue.__contains__, decision.moved):
            self._explain(parts.registry.get(job_id))
        due = parts.queue.next_due()
        if self._due is not None:
            self._due.cancel()
        self._due = None if due is None else parts.timers.set(due, self.pump)

    def store_has_changed(self) -> None:
        """Look again at all that waits: the store cannot be written any more, or can again."""
        for job_id in list(self._parts.queue):
            self._explain(self._parts.registry.get(job_id))
        self.pump()
