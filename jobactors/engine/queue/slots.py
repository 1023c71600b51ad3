"""Slots that come and go while a job runs: given up in a pause or a wait, and wanted back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.errors import Deadlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from .job_queue import JobQueue


class Slots:
    """Who has left its slot for a while.  Written by the loop's thread only.

    A job that comes back goes before all queued ones: it has begun, and may hold resources.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self.returning: dict[str, Callable[[], None]] = {}
        """Who wants its slot back, and what to call when it has it, first come first served."""
        self._waits: dict[str, str] = {}
        """Which job waits for which other one, to find circles."""

    def is_returning(self, job_id: str) -> bool:
        """Whether a job wants its slot back."""
        return job_id in self.returning

    def lend(self, job_id: str, awaited: str | None = None) -> None:
        """A running job waits, perhaps for another job: its slot is free meanwhile.

        Raises:
            Deadlock: if the other one waits, in a circle, for this one.
        """
        if awaited is not None:
            self._refuse_circle(job_id, awaited)
            self._waits[job_id] = awaited
        self._queue.leave(job_id)

    def _refuse_circle(self, job_id: str, awaited: str) -> None:
        circle = [job_id]
        following: str | None = awaited
        while following is not None:
            circle.append(following)
            if following == job_id:
                raise Deadlock(job_id, awaited, tuple(circle))
            following = self._waits.get(following)

    def want(self, job_id: str, go_on: Callable[[], None]) -> None:
        """Call ``go_on()`` as soon as the job has a slot again: at the next :meth:`serve`."""
        self._waits.pop(job_id, None)
        if self._queue.has_slot(job_id):
            go_on()  # another of its own tasks has brought it back already
        else:
            self.returning[job_id] = go_on

    def take(self, job_id: str) -> Callable[[], None] | None:
        """The job goes on at once, slot or no slot: it is being cancelled.

        Returns what would have been called when it had a slot again, if it wanted one.
        """
        self._waits.pop(job_id, None)
        self._queue.enter(job_id)
        return self.returning.pop(job_id, None)

    def forget(self, job_id: str) -> bool:
        """The job wants no slot back any more; returns whether it did."""
        self._waits.pop(job_id, None)
        return self.returning.pop(job_id, None) is not None

    def serve(self) -> None:
        """Give free slots to those who want theirs back, first come first served."""
        while self.returning and self._queue.free_slots > 0:
            job_id = next(iter(self.returning))
            self._queue.enter(job_id)
            self.returning.pop(job_id)()
