"""One trio task a job system that turns events into frames: at most ten a second for a panel.

* **Coalesced.**  However many events there are, a frame holds one row for each job that changed.
* **Quiet.**  When nothing changes, nothing is sent.
* **The last state always arrives.**  A change after a frame makes another frame; when the feed is
  ended with the job system, one more is sent first.
* **A frame is a delta**: the rows that changed and the ids that went.  The first frame of a panel,
  and the answer to a panel that missed one, hold all rows.

A row is read from the job's handle when its frame is made, so that events carry nothing here but
the news *that* something changed.  All fields are touched by the jobs' own loop only.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

import jobactors as ja

from .wire import Row, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FRAME_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


class Panel(Protocol):
    """What the feed needs of a panel.  Its methods are called on the jobs' loop."""

    job_id: str | None
    """The one job it shows; None for all."""

    def send_all(self) -> None:
        """Send a frame with every row."""

    def send_changes(self, rows: list[Row], gone: list[str]) -> None:
        """Send a frame with the rows that changed, and the ids that went."""

    def end(self, rows: list[Row]) -> None:
        """Send the last frame; ``rows`` are all there are, and stay."""


class Feed:
    """The panels of one job system, and what changed since each of them was last told."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._panels: dict[Panel, bool] = {}  # whether it is to be told everything
        self._jobs: dict[str, ja.Job[Any]] = {}  # a handle can be read when the system has ended
        self._changed: dict[str, None] = {}  # ids in the order of their first change
        self._news = trio.Event()

    async def serve(self, jobs: ja.Jobs) -> None:
        """Send frames until cancelled, and a last one.  For :meth:`jobactors.Jobs.attach`."""
        try:
            async with jobs.subscribe() as batches, trio.open_nursery() as nursery:
                nursery.start_soon(self._send_frames)
                async for batch in batches:
                    self._note(jobs, batch)
                nursery.cancel_scope.cancel()
        finally:
            self._end()

    def add(self, panel: Panel) -> None:
        """Serve ``panel`` from now on, beginning with everything.  On the jobs' loop only."""
        self._panels[panel] = True
        self._news.set()

    def remove(self, panel: Panel) -> None:
        """Send nothing more to ``panel``, if it is served.  On the jobs' loop only."""
        self._panels.pop(panel, None)

    def _note(self, jobs: ja.Jobs, batch: Iterable[ja.Event]) -> None:
        for event in batch:
            if isinstance(event, ja.JobRemoved):
                self._jobs.pop(event.job_id, None)
            elif event.job_id not in self._jobs:
                # Let go already, or the system is just closing.
                with suppress(ja.JobactorsError):
                    self._jobs[event.job_id] = jobs.get(event.job_id)
            self._changed[event.job_id] = None
        self._news.set()

    async def _send_frames(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            self._send_frame()
            await trio.sleep(FRAME_SECONDS)

    def _send_frame(self) -> None:
        changed, self._changed = self._changed, {}
        if not self._panels:
            return
        rows = self._rows(changed)
        for panel, everything in list(self._panels.items()):
            self._panels[panel] = False
            try:
                _send(panel, rows, everything=everything)
            except Exception:
                # A comm that is gone, or a row somebody made unsendable, ends this panel alone.
                _log.exception("a panel could not be told, and is told no more")
                self.remove(panel)

    def _rows(self, job_ids: Iterable[str]) -> dict[str, Row | None]:
        now = self._clock()
        jobs = ((job_id, self._jobs.get(job_id)) for job_id in job_ids)
        return {job_id: row_of(job.snapshot(), now) if job else None for job_id, job in jobs}

    def _end(self) -> None:
        rows = self._rows(self._jobs)
        for panel in self._panels:
            try:
                panel.end([row for row in _of(panel, rows).values() if row is not None])
            except Exception:
                _log.exception("a panel could not be told that its jobs have ended")
        self._panels.clear()
        self._jobs.clear()


def _of(panel: Panel, rows: dict[str, Row | None]) -> dict[str, Row | None]:
    """The rows that ``panel`` shows."""
    if panel.job_id is None:
        return rows
    return {panel.job_id: rows[panel.job_id]} if panel.job_id in rows else {}


def _send(panel: Panel, rows: dict[str, Row | None], *, everything: bool) -> None:
    if everything:
        panel.send_all()
    elif mine := _of(panel, rows):
        gone = [job_id for job_id, row in mine.items() if row is None]
        panel.send_changes([row for row in mine.values() if row is not None], gone)
