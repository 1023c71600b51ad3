"""The thread of a worker that reports: one for all runs on it, ten looks a second at most.

It sleeps while nothing is reported.  Once a second it looks whether Dask still waits for the tasks.
It does not when the worker is closing, and has started them elsewhere already; nor when their
program has ended, or has closed its client: nothing hears of them then, and the same work may be
resumed on another worker.  Their functions are asked to stop, since Dask itself only forgets them.
It ends some seconds after the last run, and is started again by the next one.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

from .dask_reports import INTERVAL
from .dask_wire import batches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .dask_reports import RunReports
    from .dask_wire import Frame
    from .process_wire import Kind

IDLE: Final = 5.0
"""Seconds for which the thread waits for another run."""
LOOK: Final = 1.0
"""Seconds between two looks at the worker itself, and at its tasks."""
CLOSING: Final = "its worker is closing"
UNWANTED: Final = "its program has ended or closed its client, or its task was cancelled"
_CLOSING: Final = frozenset({"closing", "closed", "failed"})


class ReportedRun(Protocol):
    """A run as the reporter sees it."""

    key: str
    id: str
    topic: str
    reports: RunReports

    @property
    def is_wanted(self) -> bool:
        """Whether Dask still waits for its task."""
        ...

    def leave(self, why: str) -> None:
        """Ask the function to stop."""
        ...


class Reporter:
    """Reports for the runs of one worker.

    ``_runs`` and ``_thread`` are written under the lock, by the threads of the runs and its own.
    Frames are sent under it as well, so that those of a run arrive in their order.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._lock = threading.Lock()
        self._runs: dict[str, ReportedRun] = {}
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Look soon: a run has something to report.  From any thread."""
        self._woken.set()

    def add(self, run: ReportedRun) -> None:
        """Report for a run from now on."""
        with self._lock:
            self._runs[run.id] = run
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._report, name="jobactors reports", daemon=True
                )
                self._thread.start()

    def remove(self, run: ReportedRun) -> None:
        """Report for a run no more."""
        with self._lock:
            self._runs.pop(run.id, None)

    def send(self, run: ReportedRun, frames: Iterable[tuple[Kind, bytes]]) -> None:
        """Send frames of a run now.  From any thread."""
        with self._lock:
            self._send(run.topic, _addressed(run, frames))

    def _send(self, topic: str, frames: list[Frame]) -> None:
        address = self._worker.address
        for batch in batches(frames):
            # A worker that has closed its loop reports nothing more: its runs are lost, and known
            # to be.
            with suppress(RuntimeError):
                self._worker.log_event(topic, [address, [list(frame) for frame in batch]])

    def _report(self) -> None:
        idle_since: float | None = None
        while True:
            self._woken.wait(self._patience())
            self._woken.clear()
            with self._lock:
                if self._runs:
                    idle_since = None
                elif idle_since is None:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since >= IDLE:
                    self._thread = None
                    return
                self._look()
            time.sleep(INTERVAL)

    def _patience(self) -> float:
        with self._lock:
            looks = [run.reports.next_look() for run in self._runs.values()]
        due = min((look for look in looks if look is not None), default=None)
        return LOOK if due is None else max(0.0, min(LOOK, due - time.monotonic()))

    def _look(self) -> None:
        topics: dict[str, list[Frame]] = {}
        for run in self._runs.values():
            frames = _addressed(run, run.reports.take())
            if frames:
                topics.setdefault(run.topic, []).extend(frames)
        for topic, frames in topics.items():
            self._send(topic, frames)
        is_closing = self._worker.status.name in _CLOSING
        for run in self._runs.values():
            if is_closing:
                run.leave(CLOSING)
            elif not run.is_wanted:
                run.leave(UNWANTED)


def _addressed(run: ReportedRun, frames: Iterable[tuple[Kind, bytes]]) -> list[Frame]:
    return [(run.key, run.id, int(kind), content) for kind, content in frames]


_REPORTERS: Final[WeakKeyDictionary[Any, Reporter]] = WeakKeyDictionary()
_FIRST: Final = threading.Lock()
"""Held while a reporter is made: two tasks of one worker may begin at the same moment."""


def reporter_of(worker: Any) -> Reporter:
    """Return the reporter of a worker.  One process may have several workers, as tests do."""
    with _FIRST:
        reporter = _REPORTERS.get(worker)
        if reporter is None:
            reporter = _REPORTERS[worker] = Reporter(worker)
        return reporter
