"""One thread a process that notices when a jobs' loop does not answer, and names the job.

A blocking call in an ``async def`` job freezes every job of its loop.  Nothing inside the loop can
notice that, so a thread beside it asks for a sign of life every few seconds, for as long as trio
jobs run, and otherwise sleeps for ever.  What holds the GIL as well (one long C call) silences this
thread too; then the report comes when the call has returned, and says how long the silence was.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from jobactors.inside.report.guarded_log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .portal import Portal

INTERVAL: Final = 2.0
"""Seconds between two questions."""
PATIENCE: Final = 1.0
"""Seconds a loop may take to answer."""


class LoopWatch:
    """Has one loop watched for as long as trio jobs run in it.  Written by that loop's thread."""

    def __init__(self, portal: Portal, job_of: Callable[[FrameType], str | None]) -> None:
        self.portal = portal
        self.job_of = job_of
        """Returns the id of the job whose attempt runs in a frame."""
        self.running: int = 0
        """Trio jobs that run.  It is the watchdog that finds out when there are none left."""
        self.is_kept = False
        """Whether the watchdog has it; written by :class:`Watchdog`."""

    def begin(self) -> None:
        """One trio job more runs."""
        self.running += 1
        if not self.is_kept:
            WATCHDOG.watch(self)

    def end(self) -> None:
        """One of them has ended."""
        self.running -= 1

    def close(self) -> None:
        """The loop's jobs have all ended, and there will be no more."""
        if self.is_kept:
            WATCHDOG.unwatch(self)


class Watchdog:
    """Watches the loops of a process.  ``watch`` comes from the loops' threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: set[LoopWatch] = set()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, watch: LoopWatch) -> None:
        """LoopWatch a loop until no trio job runs in it."""
        with self._lock:
            watch.is_kept = True
            self._watched.add(watch)
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="jobactors-watchdog", daemon=True
                )
                self._thread.start()

    def unwatch(self, watch: LoopWatch) -> None:
        """LoopWatch a loop no more."""
        with self._lock:
            watch.is_kept = False
            self._forget(watch)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(INTERVAL)
            for watch in list(self._watched):
                if watch.running:
                    self._ask(watch)
                else:
                    self._drop(watch)

    def _drop(self, watch: LoopWatch) -> None:
        with self._lock:
            watch.is_kept = False  # before looking: a job that begins now sees this, or is seen
            if watch.running:
                watch.is_kept = True
                return
            self._forget(watch)

    def _forget(self, watch: LoopWatch) -> None:
        self._watched.discard(watch)
        if not self._watched:
            self._wanted.clear()

    def _ask(self, watch: LoopWatch) -> None:
        portal = watch.portal
        answered = threading.Event()
        asked = time.monotonic()
        portal.post_quietly(answered.set)
        if answered.wait(PATIENCE) or not watch.running:
            return
        culprit = describe(sys._current_frames().get(portal.thread), watch.job_of)
        LOG.warning(
            "the jobs' event loop has not answered for %.1f s: %s; nothing of it can go on "
            'meanwhile.  Make it a def, or submit it with runner="thread" or runner="process"',
            time.monotonic() - asked,
            culprit,
        )
        while watch.running and not answered.wait(INTERVAL):
            pass
        LOG.warning("the jobs' event loop answers again after %.1f s", time.monotonic() - asked)


def describe(frame: FrameType | None, job_of: Callable[[FrameType], str | None]) -> str:
    """Name the job that a loop's thread is busy with, and the line of its code."""
    where = ""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not where and not f"{module}.".startswith(("jobactors.", "trio.", "threading.")):
            where = f" at {frame.f_code.co_filename}:{frame.f_lineno}"
        job_id = job_of(frame)
        if job_id is not None:
            return f"job {job_id} blocks it{where}"
        frame = frame.f_back
    return f"a task of some job blocks it{where}"


WATCHDOG: Final = Watchdog()
