"""The processes of one system that wait for their next job.

A process comes here when a job has returned in it and left no traces, and goes to the next job that
may follow another one.  Not more wait than there are processors, none for longer than ten seconds,
and none when the system ends.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final

from jobactors.inside.signals.latch import Latch

from .process_worker import SPAWNER

if TYPE_CHECKING:
    from .process_worker import Worker

IDLE: Final = 10.0
"""Seconds for which a process waits for a job."""
PATIENCE: Final = 5.0
"""Seconds in which a process that waits has to end when it is no longer needed."""
MOST: Final = max(4, os.cpu_count() or 1)
"""Processes that wait, at most."""


class IdleProcesses:
    """The idle processes of one system.  From any thread; each field under the lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Worker]] = []
        """Since when each waits.  The last one is taken first, so that the others can go."""
        self._is_swept = False
        """Whether the sweeping is due at some time."""
        self._is_closed = False

    def take(self) -> Worker | None:
        """Return a process that is to a job as one that was started now; None if there is none.

        Not in the loop's thread: it looks at files.
        """
        while True:
            with self._lock:
                if not self._idle:
                    return None
                _, worker = self._idle.pop()
            if worker.is_as_new():
                return worker
            dismiss(worker)

    def put(self, worker: Worker) -> None:
        """Let a process wait, or end if enough of them do."""
        with self._lock:
            has_room = not self._is_closed and len(self._idle) < MOST
            if has_room:
                self._idle.append((time.monotonic(), worker))
            starts_sweeping = has_room and not self._is_swept
            self._is_swept = self._is_swept or starts_sweeping
        if not has_room:
            dismiss(worker)
        elif starts_sweeping:
            SPAWNER.call_later(IDLE, self._sweep)

    def _sweep(self) -> None:
        latest = time.monotonic() - IDLE
        with self._lock:
            late = [worker for since, worker in self._idle if since <= latest]
            self._idle = [one for one in self._idle if one[0] > latest]
            self._is_swept = bool(self._idle)
            soonest = self._idle[0][0] - latest if self._idle else 0.0
        for worker in late:
            dismiss(worker)
        if soonest:
            SPAWNER.call_later(soonest, self._sweep)

    def close(self) -> list[Latch]:
        """Let the processes end; returns a latch for each that is set when it has."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        return [dismiss(worker) for _, worker in idle]


def dismiss(worker: Worker) -> Latch:
    """Let a process end that waits for a job, with its exit handlers, but within bounds.

    Returns:
        The latch that is set once it has ended, and nothing of it is left.
    """
    over = Latch()

    def close() -> None:
        worker.close()
        over.set()

    worker.hang_up()
    SPAWNER.call_later(PATIENCE, worker.kill)
    worker.ended.call_when_set(close)
    return over
