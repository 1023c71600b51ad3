"""One thread a process that notices when a jobs' loop does not answer, and names the job.

A blocking call in an ``async def`` job freezes every job of its loop.  Nothing inside the loop can
notice that, so a thread beside it asks for a sign of life every few seconds, for as long as trio
jobs run, and otherwise sleeps for ever.  What holds the GIL as well (one long C call) silences this
thread too; then the report comes when the call has returned, and says how long the silence was.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from .door import Door

_log = logging.getLogger("jobactors")

INTERVAL: Final = 2.0
"""Seconds between two questions."""
PATIENCE: Final = 1.0
"""Seconds a loop may take to answer."""


class Watchdog:
    """Watches the loops of a process.  ``watch`` and ``unwatch`` come from the loops' threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[Door, int] = {}
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, door: Door) -> None:
        """Watch a loop for one running trio job more."""
        with self._lock:
            if not self._watched:
                self._wanted.set()
            self._watched[door] = self._watched.get(door, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="jobactors-watchdog", daemon=True
                )
                self._thread.start()

    def unwatch(self, door: Door) -> None:
        """One of them has ended."""
        with self._lock:
            left = self._watched.get(door, 0) - 1
            if left > 0:
                self._watched[door] = left
            else:
                self._watched.pop(door, None)
            if not self._watched:
                self._wanted.clear()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(INTERVAL)
            for door in list(self._watched):
                self._ask(door)

    def _ask(self, door: Door) -> None:
        answered = threading.Event()
        asked = time.monotonic()
        door.post_quietly(answered.set)
        if answered.wait(PATIENCE) or door not in self._watched:
            return
        culprit = describe(sys._current_frames().get(door.thread))
        _log.warning(
            "the jobs' event loop has not answered for %.1f s: %s; nothing of it can go on "
            'meanwhile.  Make it a def, or submit it with runner="thread" or runner="process"',
            time.monotonic() - asked,
            culprit,
        )
        while door in self._watched and not answered.wait(INTERVAL):
            pass
        _log.warning("the jobs' event loop answers again after %.1f s", time.monotonic() - asked)


def describe(frame: FrameType | None) -> str:
    """Say which job a loop's thread is busy with, and where in its code."""
    from .actor import Actor

    run: CodeType = Actor.run.__code__
    where = ""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not where and not f"{module}.".startswith(("jobactors.", "trio.", "threading.")):
            where = f" at {frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_code is run:
            return f"job {frame.f_locals['self'].record.id} blocks it{where}"
        frame = frame.f_back
    return f"a task of some job blocks it{where}"


WATCHDOG: Final = Watchdog()
