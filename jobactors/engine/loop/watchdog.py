"""One thread a process that notices when a jobs' loop does not answer, and names the job.

A blocking call in an ``async def`` job freezes every job of its loop, and so does any other code
that runs in the loop's thread: the body of a trio program, a finalizer.  Nothing inside the loop
can notice that, so a thread beside it posts a call into the loop every few seconds, for as long as
jobs run or a thread's call is not answered, and otherwise sleeps for ever.  A call that holds the
GIL as well (one long C call) silences this thread too; then the report comes when the call has
returned, and states how long the silence was.

Why not otherwise: *an instrument of trio* adds a call to every step of every task; *a signal with a
timer* arrives in the main thread, where a notebook's cell runs; *a thread for each loop* costs a
program with many short systems a thread each.

The culprit is found in the frames of the loop's thread, not in a field: a field that names the
present job would have to be written at each switch of tasks.  The garbage collector is in no frame,
and its time is counted apart.

=====================  =====================================  ====================================
field                  written by                             read by
=====================  =====================================  ====================================
``LoopWatch.running``  its loop                               the watchdog
``is_watched``         the loop or thread that has it         that loop, without the lock
                       watched, and the watchdog, under
                       the lock
``_loops``,            loops and watchdog, under the lock     the watchdog, over a copy
``_has_loops``
``_thread``            the first loop, under the lock         loops, under the lock
=====================  =====================================  ====================================

A job may begin while the watchdog is just about to drop its loop.  So the watchdog clears
``is_watched`` before it looks at ``running`` for the last time, and the loop raises ``running``
before it looks at ``is_watched``: whichever comes second sees the other.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.inside.report.guarded_log import LOG

from .collector_time import COLLECTOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .portal import Portal

    _Reference = weakref.ref["LoopWatch"]

INTERVAL: Final = 2.0
"""Seconds between two looks at a loop."""
PATIENCE: Final = 1.0
"""Seconds that a loop may take to answer."""
MOMENT: Final = 0.1
"""Seconds in which a collection that does not stop the program any more comes to its end."""


class LoopWatch:
    """Has one loop watched for as long as jobs run, or calls wait.  Written by that loop's thread.

    Args:
        portal: The way into the loop.
        job_of: Returns the id of the job whose attempt runs in a frame.
    """

    def __init__(self, portal: Portal, job_of: Callable[[FrameType], str | None]) -> None:
        self.portal = portal
        self.job_of = job_of
        self.running: int = 0
        """The jobs that run; the watchdog notices when there are none left."""
        self.is_watched = False
        """Whether the watchdog looks at it."""

    @property
    def is_needed(self) -> bool:
        """Whether anything waits for the loop to go on; from any thread."""
        return self.running > 0 or self.portal.has_waiting

    def look(self) -> None:
        """Have the loop watched until it has answered the calls that wait; from any thread."""
        WATCHDOG.watch(self)

    def begin(self) -> None:
        """Count a job that begins, and have the loop watched."""
        self.running += 1
        if not self.is_watched:
            WATCHDOG.watch(self)

    def end(self) -> None:
        """Count a job that has ended."""
        self.running -= 1

    def close(self) -> None:
        """Have the loop watched no more: all its jobs have ended."""
        if self.is_watched:
            WATCHDOG.unwatch(self)


class Watchdog:
    """Watches the loops of a process.  ``watch`` comes from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may wait for a loop, too
        self._loops: set[LoopWatch] = set()
        self._has_loops = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, watch: LoopWatch) -> None:
        """Watch a loop until no job of it runs, and no call waits for it."""
        with self._lock:
            watch.is_watched = True
            self._loops.add(watch)
            self._has_loops.set()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="jobactors-watchdog", daemon=True)
                COLLECTOR.count()
                with suppress(RuntimeError):  # 3.12.0 and 3.12.1 start none at a script's end
                    thread.start()
                    self._thread = thread

    def unwatch(self, watch: LoopWatch) -> None:
        """Watch a loop no more."""
        with self._lock:
            watch.is_watched = False
            self._forget(watch)

    def _run(self) -> None:
        while True:
            self._has_loops.wait()
            time.sleep(INTERVAL)
            self._look()

    def _look(self) -> None:
        # By weak references: a variable would hold a system, and all its jobs, after its end, and
        # at the end of the program the variables of this thread are never let go.
        for reference in list(map(weakref.ref, self._loops.copy())):
            asked = self._ask(reference)
            if asked is not None and not asked.answered.wait(PATIENCE):
                self._complain(reference, asked)

    def _ask(self, reference: _Reference) -> _Asked | None:
        watch = reference()
        if watch is None:
            return None
        if not watch.is_needed:
            self._drop(watch)
            return None
        asked = _Asked()
        watch.portal.post_quietly(asked.answered.set)
        return asked

    def _drop(self, watch: LoopWatch) -> None:
        with self._lock:
            watch.is_watched = False  # before looking: a job that begins now sees this, or is seen
            if watch.is_needed:
                watch.is_watched = True
                return
            self._forget(watch)

    def _forget(self, watch: LoopWatch) -> None:
        self._loops.discard(watch)
        if not self._loops:
            self._has_loops.clear()

    def _complain(self, reference: _Reference, asked: _Asked) -> None:
        """Name what the loop does instead of answering, and wait for its answer."""
        if not _is_needed(reference):
            return
        silent = time.monotonic() - asked.at
        if COLLECTOR.is_at_work:  # what kept this thread from looking is counted when it has ended
            time.sleep(MOMENT)
        culprit = collector_of(silent, COLLECTOR.stopped - asked.collected) or _seen_in(reference)
        LOG.warning(
            "the jobs' event loop has not answered for %.1f s: %s; nothing of it can go on "
            "meanwhile.  %s",
            silent,
            culprit.what,
            culprit.cure,
        )
        while _is_needed(reference) and not asked.answered.wait(INTERVAL):
            pass
        seconds = time.monotonic() - asked.at
        LOG.warning("the jobs' event loop answers again after %.1f s", seconds)


class _Asked:
    """A call posted into a loop, to see when it is made."""

    __slots__ = ("answered", "at", "collected")

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.at = time.monotonic()
        """When it was posted."""
        self.collected = COLLECTOR.stopped
        """The seconds for which collections had stopped the program by then."""


def _is_needed(reference: _Reference) -> bool:
    watch = reference()
    return watch is not None and watch.is_needed


def _seen_in(reference: _Reference) -> Culprit:
    watch = reference()
    if watch is None:
        return describe(None, lambda _: None)
    return describe(sys._current_frames().get(watch.portal.thread), watch.job_of)


class Culprit(Struct, frozen=True):
    """The code that was seen in a loop's thread, and the cure."""

    what: str
    cure: str


_OF_A_JOB: Final = 'Make it a def, or submit it with runner="thread" or runner="process"'
_OF_NO_JOB: Final = "Call it in a thread, with trio.to_thread.run_sync"
_OF_THE_COLLECTOR: Final = (
    "Call gc.freeze() when what stays for long has been loaded, or hold fewer objects"
)
_OF_A_FINALIZER: Final = (
    "It runs where the last reference goes: have the job itself close what takes long to close"
)


def collector_of(silent: float, stopped: float) -> Culprit | None:
    """Name the garbage collector, if it stopped the program for most of a loop's silence.

    Args:
        silent: Seconds of silence.
        stopped: Seconds of these for which collections stopped the program.
    """
    if stopped < silent / 2:
        return None
    seconds = f"{stopped:.1f} s"
    return Culprit(f"Python's garbage collector stopped it for {seconds}", _OF_THE_COLLECTOR)


def describe(frame: FrameType | None, job_of: Callable[[FrameType], str | None]) -> Culprit:
    """Name the code that blocks a loop's thread: its job, if it is of one, function and line."""
    seen = ""
    while frame is not None:
        code, module = frame.f_code, frame.f_globals.get("__name__", "")
        if not seen and not f"{module}.".startswith(("jobactors.", "trio.", "threading.")):
            seen = f"{code.co_qualname} at {code.co_filename}:{frame.f_lineno}"
        if code.co_name == "__del__":  # whichever job has ended: it is of one before
            return Culprit(f"a finalizer blocks it, in {seen}", _OF_A_FINALIZER)
        job_id = job_of(frame)
        if job_id is not None:
            return Culprit(f"job {job_id} blocks it{f', in {seen}' if seen else ''}", _OF_A_JOB)
        frame = frame.f_back
    if not seen:
        return Culprit("no code of a job or of the program is seen in it", "Please report this")
    return Culprit(f"{seen} blocks it, and belongs to no job's own task", _OF_NO_JOB)


WATCHDOG: Final = Watchdog()
