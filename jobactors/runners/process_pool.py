"""The processes of one system that wait for their next job.

A process comes here when a job has returned in it and left no traces, and goes to the next job that
may follow another one.  Not more wait than there are processors, none for longer than ten seconds,
and none when the system ends.
"""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from jobactors.inside.signals.latch import Latch

from .process_line import ProcessLine
from .process_worker import SPAWNER

if TYPE_CHECKING:
    from jobactors.engine.loop.portal import Portal

    from .process_worker import Worker

IDLE: Final = 10.0
"""Seconds for which a process waits for a job."""
PATIENCE: Final = 5.0
"""Seconds in which a process that waits has to end when it is no longer needed."""
MOST: Final = max(4, os.cpu_count() or 1)
"""Processes that wait, at most."""
MOMENT: Final = 0.01
"""Seconds in which a short job has its result.  A pause or a message comes up to twice as late."""


class ShortCall(Protocol):
    """A call to a process, as long as it may be a short one."""

    def take_time(self) -> None:
        """Take note that it takes longer."""
        ...


class IdleProcesses:
    """The idle processes of one system, and the calls that they may answer at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[float, ProcessLine]] = []
        """Since when each waits.  The last one is taken first, so that the others can go.  From any
        thread, as are the next two fields: under the lock."""
        self._is_swept = False
        """Whether the sweeping is due at some time."""
        self._is_closed = False
        self._calls: dict[ShortCall, float] = {}
        """Since when each call is on its way.  The loop's alone, as is the next field."""
        self._is_watched = False
        """Whether a look at the calls is due at some time."""

    @property
    def blocks(self) -> bool:
        """Whether to take a process may block: then not in the loop's thread."""
        with self._lock:
            return any(line.worker.blocks for _, line in self._idle)

    def take(self) -> ProcessLine | None:
        """Return a process that is to a job as one that was started now; None if there is none."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                _, line = self._idle.pop()
            if line.worker.is_as_new():
                return line
            dismiss(line.worker)

    def welcome(self, worker: Worker, portal: Portal) -> None:
        """Let a process wait that comes from a conversation; in the loop."""
        self.put(ProcessLine(worker, portal, self._lost))

    def put(self, line: ProcessLine) -> None:
        """Let a process wait, or end if enough of them do."""
        with self._lock:
            has_room = not self._is_closed and len(self._idle) < MOST
            if has_room:
                self._idle.append((time.monotonic(), line))
            starts_sweeping = has_room and not self._is_swept
            self._is_swept = self._is_swept or starts_sweeping
        if not has_room:
            dismiss(line.worker)
        elif starts_sweeping:
            SPAWNER.call_later(IDLE, self._sweep)

    def _lost(self, line: ProcessLine) -> None:
        """Drop a process that has ended while it waited."""
        with self._lock:
            before, self._idle = self._idle, [one for one in self._idle if one[1] is not line]
            was_idle = len(self._idle) < len(before)
        if was_idle:
            dismiss(line.worker)

    def _sweep(self) -> None:
        latest = time.monotonic() - IDLE
        with self._lock:
            late = [line for since, line in self._idle if since <= latest]
            self._idle = [one for one in self._idle if one[0] > latest]
            self._is_swept = bool(self._idle)
            soonest = self._idle[0][0] - latest if self._idle else 0.0
        for line in late:
            dismiss(line.worker)
        if soonest:
            SPAWNER.call_later(soonest, self._sweep)

    def close(self) -> list[Latch]:
        """Let the processes end; returns a latch for each that is set when it has."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        return [dismiss(line.worker) for _, line in idle]

    # -- calls on their way, in the loop

    def watch(self, call: ShortCall, portal: Portal) -> None:
        """Tell a call when it has taken longer than a moment."""
        self._calls[call] = time.monotonic()
        if not self._is_watched:
            self._is_watched = True
            self._look_later(portal)

    def unwatch(self, call: ShortCall) -> None:
        """Forget a call that has been answered, or told."""
        self._calls.pop(call, None)

    def _look_later(self, portal: Portal) -> None:
        # One look for all calls, however many there are; and in real time, whatever the loop's is.
        SPAWNER.call_later(MOMENT, partial(portal.post_quietly, self._look, portal))

    def _look(self, portal: Portal) -> None:
        latest = time.monotonic() - MOMENT
        for call in [call for call, since in self._calls.items() if since <= latest]:
            call.take_time()
        self._is_watched = bool(self._calls)
        if self._is_watched:
            self._look_later(portal)


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
