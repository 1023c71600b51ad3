"""One trio task a job system that turns events into frames: at most ten a second for a panel.

* **Coalesced.**  However many events there are, a frame tells each job that changed once.
* **Quiet.**  When nothing changes, nothing is sent.
* **The last state always arrives.**  A change after a frame makes another frame; when the feed is
  ended with the job system, one more is sent first.
* **A frame is a delta.**  Of a job that only gets on it holds the numbers, and the words if they
  are others; of one that is new or in another state the whole row; of one that went its id.
* **Nothing is told twice.**  Who has the first state, or some frame, is told what changed since.

What is told is read from the job's handle when its frame is made; events carry nothing here but the
news *that* something changed.  All fields are touched by the jobs' own loop only, but for the
numbers of rows: a panel's first state is read in any thread.
"""

from __future__ import annotations

import itertools
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import trio

import jobactors as ja

from .frame_message import FrameMessage, FrameReceiver
from .wire import (
    LONGEST_MESSAGE,
    JobRow,
    ProgressWords,
    moved,
    row_of,
    safe_text,
    same_words,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FRAME_SECONDS: Final = 0.1
EVERYTHING: Final = -1
"""What a panel has that has nothing."""
_ANEW: Final = (ja.JobRemoved, ja.JobRestated)  # a union would be made for every event
MOST_GONE: Final = 10_000
"""Jobs whose going is remembered; who has missed more is told everything."""

_log = logging.getLogger(__name__)


class _Extent(IntEnum):
    """How much of a row is to be told anew."""

    NOTHING = 0
    NUMBERS = 1
    WORDS = 2
    ALL = 3


class _FollowedJob:
    """One job as it was heard of."""

    __slots__ = ("changed_in", "job", "news", "number", "progress")

    def __init__(self, job: ja.Job[Any], number: int) -> None:
        self.job = job  # a handle can be read when the system has ended
        self.number = number
        self.progress = job.snapshot().progress
        self.news = _Extent.NOTHING
        self.changed_in = 0  # the last frame that told of it


@dataclass
class _RowChange:
    """What one frame tells of one job."""

    row: JobRow | None = None
    number: int = 0
    words: ProgressWords | None = None
    moved: bytes = b""


class ChangeFeed:
    """The panels of one job system, and what changed since each of them was last told.

    Args:
        clock: Seconds since the epoch.
        first: The number before that of the first frame; who has an older one has nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.time, first: int = 0) -> None:
        self.frame = first
        """The number of the last frame.  Who reads it, then rows, has all of this frame."""
        self._oldest = first  # who has this frame can be told what changed since
        self._clock = clock
        self._panels: dict[FrameReceiver, int] = {}  # the last frame each has
        self._behind: set[FrameReceiver] = set()  # those that have missed some
        self._known: dict[str, _FollowedJob] = {}
        self._changed: list[_FollowedJob] = []  # in the order of their first change
        self._going: list[str] = []
        self._gone: dict[str, int] = {}  # job id -> the frame that told of its going
        self._numbers: dict[str, int] = {}
        self._count = itertools.count()
        # What was read before the first batch, which tells of every job as if it were new.
        self._read_early: dict[str, ja.JobSnapshot] | None = {}
        self._jobs: ja.Jobs | None = None  # while it is served
        self._obstacles: dict[str, str] = {}  # what was told of jobs at rest
        self._notice = ""  # what was told of the store
        self._notice_in = first  # and in which frame
        self._news = trio.Event()

    async def serve(self, jobs: ja.Jobs) -> None:
        """Send frames until cancelled, and a last one.  For :meth:`jobactors.Jobs.attach`."""
        self._jobs = jobs
        try:
            async with jobs.subscribe() as batches, trio.open_nursery() as nursery:
                nursery.start_soon(self._send_frames)
                async for batch in batches:
                    self._note(jobs, batch)
                nursery.cancel_scope.cancel()
        finally:
            self._end()

    def rows(self, jobs: ja.Jobs | None, snapshots: Iterable[ja.JobSnapshot]) -> list[JobRow]:
        """Return the whole rows of jobs, with their numbers.  From any thread."""
        now, told = self._clock(), list(snapshots)
        rests = any(snapshot.state is ja.JobState.INTERRUPTED for snapshot in told)
        resting = _resting(jobs) if rests else {}
        rows: list[JobRow] = []
        for snapshot in told:
            job_id = snapshot.id
            if (early := self._read_early) is not None:
                early[job_id] = snapshot
            work = resting.get(job_id)
            if work is not None:
                self._obstacles[job_id] = work.obstacle
            rows.append(row_of(snapshot, now, self._number(job_id), work))
        return rows

    def look_again(self) -> None:
        """See what stands in the way of jobs at rest: a cell may have changed that.

        On the jobs' loop only.
        """
        if store_notice(self._jobs) != self._notice:
            self._news.set()
        states = {known.job.state for known in self._known.values()}
        if ja.JobState.INTERRUPTED not in states:
            return
        for job_id, work in _resting(self._jobs).items():
            known = self._known.get(job_id)
            if known is not None and self._obstacles.get(job_id, "") != work.obstacle:
                self._mark(known, _Extent.ALL)
                self._news.set()

    def _number(self, job_id: str) -> int:
        number = self._numbers.get(job_id)
        return self._numbers.setdefault(job_id, next(self._count)) if number is None else number

    def add(self, panel: FrameReceiver, since: object = EVERYTHING) -> None:
        """Serve ``panel`` from now on, which has the frame ``since``.  On the jobs' loop only.

        It is told what changed after that frame, or everything if that cannot be known any more.
        A panel that is served already, and is not behind, is told nothing.
        """
        has = since if isinstance(since, int) and since <= self.frame else EVERYTHING
        if has < self._panels.get(panel, self.frame + 1):
            self._panels[panel] = has
            self._behind.add(panel)
            self._news.set()

    def remove(self, panel: FrameReceiver) -> None:
        """Send nothing more to ``panel``, if it is served.  On the jobs' loop only."""
        self._panels.pop(panel, None)
        self._behind.discard(panel)

    def _note(self, jobs: ja.Jobs, batch: Iterable[ja.Event]) -> None:
        for event in batch:
            known = self._known.get(event.job_id)
            if known is None or isinstance(event, _ANEW):
                self._note_new(jobs, event)
                continue
            if isinstance(event, ja.JobProgressed):
                same = same_words(event.progress, known.progress)
                known.progress = event.progress
                news = _Extent.NUMBERS if same else _Extent.WORDS
            else:
                news = _Extent.NUMBERS if isinstance(event, ja.JobLogged) else _Extent.ALL
            self._mark(known, news)
        self._read_early = None
        if self._changed or self._going:
            self._news.set()

    def _note_new(self, jobs: ja.Jobs, event: ja.Event) -> None:
        job_id = event.job_id
        if isinstance(event, ja.JobRemoved):
            self._known.pop(job_id, None)
            self._numbers.pop(job_id, None)
            self._obstacles.pop(job_id, None)
            self._going.append(job_id)
            return
        with suppress(ja.JobactorsError):  # let go already, or the system is just closing
            known = self._known.get(job_id) or _FollowedJob(jobs.get(job_id), self._number(job_id))
            self._known[job_id] = known
            early = (self._read_early or {}).get(job_id)
            if not (isinstance(event, ja.JobRestated) and early is event.snapshot):
                self._mark(known, _Extent.ALL)

    def _mark(self, known: _FollowedJob, news: _Extent) -> None:
        if not known.news:
            self._changed.append(known)
        known.news = max(known.news, news)

    async def _send_frames(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            self._send_frame()
            await trio.sleep(FRAME_SECONDS)

    def _send_frame(self) -> None:
        changed = [known for known in self._changed if self._known.get(known.job.id) is known]
        self._changed.clear()  # without those that have gone meanwhile
        going, self._going = self._going, []
        before, self._notice = self._notice, store_notice(self._jobs)
        notice = None if self._notice == before else self._notice
        if changed or going or notice is not None:
            self.frame += 1
        if notice is not None:
            self._notice_in = self.frame
        wanted = bool(self._panels.keys() - self._behind)
        changes = self._changes(changed) if wanted else {}
        for known in changed:
            known.changed_in = self.frame
            known.news = _Extent.NOTHING
        self._forget(going)
        gone = set(going)
        for panel in list(self._panels):
            try:
                self._tell(panel, changes, gone, notice)
            except Exception:
                # A comm that is gone, or a row somebody made unsendable, ends this panel alone.
                _log.exception("a panel could not be told, and is told no more")
                self.remove(panel)

    def _forget(self, going: Iterable[str]) -> None:
        for job_id in going:
            self._gone[job_id] = self.frame
        while len(self._gone) > MOST_GONE:
            self._oldest = self._gone.pop(next(iter(self._gone)))

    def _changes(self, changed: Iterable[_FollowedJob]) -> dict[str, _RowChange]:
        changes: dict[str, _RowChange] = {}
        whole: list[ja.JobSnapshot] = []
        for known in changed:
            small = _small(known)
            if small is None:
                whole.append(known.job.snapshot())
            else:
                changes[known.job.id] = small
        for snapshot, row in zip(whole, self.rows(self._jobs, whole), strict=True):
            changes[snapshot.id] = _RowChange(row=row)
        return changes

    def _tell(
        self,
        panel: FrameReceiver,
        changes: dict[str, _RowChange],
        gone: set[str],
        notice: str | None,
    ) -> None:
        has = self._panels[panel]
        if panel in self._behind:
            self._behind.discard(panel)
            frame = self._since(panel, has)
        else:
            frame = self._delta(panel, has, changes, gone, notice)
        if frame is not None:
            self._panels[panel] = self.frame
            panel.show(frame)

    def _delta(
        self,
        panel: FrameReceiver,
        has: int,
        changes: dict[str, _RowChange],
        gone: set[str],
        notice: str | None,
    ) -> FrameMessage | None:
        if panel.job_id is not None:
            mine = changes.get(panel.job_id)
            changes, gone, notice = {"": mine} if mine is not None else {}, set(), None
        if not changes and not gone and notice is None:
            return None
        told = changes.values()
        return FrameMessage(
            self.frame,
            has,
            rows=[change.row for change in told if change.row is not None],
            said=[(change.number, change.words) for change in told if change.words is not None],
            moved=b"".join([change.moved for change in told]),
            gone=list(gone),
            notice=notice,
        )

    def _since(self, panel: FrameReceiver, has: int) -> FrameMessage | None:
        notice = None if panel.job_id else self._notice
        if has < self._oldest:
            return FrameMessage(self.frame, has, panel.present_rows(), full=True, notice=notice)
        late = [known for known in self._of(panel) if known.changed_in > has]
        gone = [] if panel.job_id else [id_ for id_, frame in self._gone.items() if frame > has]
        rows = self.rows(self._jobs, [known.job.snapshot() for known in late])
        if late or gone or (notice is not None and self._notice_in > has):
            return FrameMessage(self.frame, has, rows=rows, gone=gone, notice=notice)
        return None

    def _of(self, panel: FrameReceiver) -> list[_FollowedJob]:
        if panel.job_id is None:
            return list(self._known.values())
        known = self._known.get(panel.job_id)
        return [] if known is None else [known]

    def _end(self) -> None:
        self.frame += 1
        for panel, has in self._panels.items():
            try:
                rows = self.rows(None, [known.job.snapshot() for known in self._of(panel)])
                panel.end(FrameMessage(self.frame, has, rows=rows, full=True, ended=True))
            except Exception:
                _log.exception("a panel could not be told that its jobs have ended")
        self._panels.clear()
        self._behind.clear()
        self._known.clear()
        self._changed.clear()
        self._jobs = None


def _small(known: _FollowedJob) -> _RowChange | None:
    """What is told of a job that only got on; None if that needs its whole row."""
    if known.news is _Extent.ALL:
        return None
    snapshot = known.job.snapshot()
    numbers = moved(known.number, snapshot)
    if numbers is None or known.news is _Extent.NUMBERS:
        return None if numbers is None else _RowChange(moved=numbers)
    words = words_of(snapshot.progress)
    return None if words is None else _RowChange(number=known.number, words=words, moved=numbers)


def store_notice(jobs: ja.Jobs | None) -> str:
    """What everybody should know of a job system's store; empty if all is well."""
    store = None if jobs is None else jobs.store
    if store is None:
        return ""
    lost = "Another process keeps these jobs now: nothing more is kept here." if store.lost else ""
    return safe_text(lost or store.trouble or store.offer or "", LONGEST_MESSAGE)


def _resting(jobs: ja.Jobs | None) -> dict[str, ja.Resumable]:
    """The work that can go on, by job id."""
    try:
        return {} if jobs is None else {work.job_id: work for work in jobs.resumable()}
    except ja.JobactorsError:  # the system is just closing
        return {}
    except Exception:  # what is kept is read for it, and types' sources: the rows do without
        _log.exception("it cannot be told what stands in the way of jobs at rest")
        return {}
