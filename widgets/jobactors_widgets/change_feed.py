"""Collects the changes of one job system and sends them as frames, at most ten a second.

* **Coalesced.**  However many events there are, a frame holds each changed job once.
* **Quiet.**  When nothing changes, nothing is sent.
* **The last state always arrives.**  A change after a frame makes another frame; when the feed ends
  with the job system, one more is sent first.
* **A frame is a delta.**  For a job that only progressed it holds the numbers, and the words if
  they differ; for one that is new or in another state the whole row; for a removed one its id.
* **Nothing is sent twice.**  A receiver that has the first state, or some frame, is sent the
  changes since.

One trio task a job system does this.  The content of a frame is read from the handles of its jobs
when the frame is made; an event matters here only as a sign *that* its job changed.  All fields are
touched by the jobs' own loop only, except the numbers of rows: the first state of a panel is read
in any thread.
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
    ProgressWords,
    WireRow,
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
"""The frame of a receiver that has none: it is sent all rows."""
_ANEW: Final = (ja.JobRemoved, ja.JobRestated)  # a union would be made for every event
MOST_GONE: Final = 10_000
"""Removed jobs that are remembered; a receiver that missed more is sent all rows."""

_log = logging.getLogger(__name__)


class _Extent(IntEnum):
    """States which part of a row has changed."""

    NOTHING = 0
    NUMBERS = 1
    WORDS = 2
    ALL = 3


class _FollowedJob:
    """Holds a job and the part of its row that changed since the last frame."""

    __slots__ = ("changed_in", "extent", "job", "number", "progress", "sampled")

    def __init__(self, job: ja.Job[Any], number: int) -> None:
        self.job = job  # a handle can be read when the system has ended
        self.number = number
        self.progress = job.snapshot().progress
        self.sampled: float | None = None  # when its progress was sampled, once that is known
        self.extent = _Extent.NOTHING
        self.changed_in = 0  # the last frame that contains it


@dataclass
class _RowChange:
    """The part of a frame that is about one job."""

    row: WireRow | None = None
    number: int = 0
    words: ProgressWords | None = None
    moved: bytes = b""


@dataclass
class _Changes:
    """Holds all changes since the last frame: of jobs, by id, and of the notice."""

    rows: dict[str, _RowChange]
    removed: set[str]
    notice: str | None

    def __bool__(self) -> bool:
        return bool(self.rows or self.removed) or self.notice is not None

    def of(self, job_id: str) -> _Changes:
        """Return the changes of one job alone, whose row remains when the job is removed."""
        mine = self.rows.get(job_id)
        return _Changes({} if mine is None else {job_id: mine}, set(), None)


class ChangeFeed:
    """Sends each receiver the changes of one job system since the last frame that it has.

    Args:
        clock: Seconds since the epoch.
        first: The number before that of the first frame; an older one counts as none.
    """

    def __init__(self, clock: Callable[[], float] = time.time, first: int = 0) -> None:
        self.frame = first
        """The number of the last frame.  Rows that are read after it contain its changes."""
        self._oldest = first  # changes are known since this frame, not before
        self._clock = clock
        self._receivers: dict[FrameReceiver, int] = {}  # the last frame of each
        self._behind: set[FrameReceiver] = set()  # those that have missed a frame
        self._followed: dict[str, _FollowedJob] = {}
        self._changed: list[_FollowedJob] = []  # in the order of their first change
        self._newly_removed: list[str] = []
        self._removed: dict[str, int] = {}  # job id -> the frame of its removal
        self._numbers: dict[str, int] = {}
        self._count = itertools.count()
        # Rows read before the first batch, in which every job seems to be new.
        self._read_early: dict[str, ja.JobSnapshot] | None = {}
        self._jobs: ja.Jobs | None = None  # set while `serve` runs
        self._obstacles: dict[str, str] = {}  # as last sent, of jobs at rest
        self._notice = ""  # as last sent, about the store
        self._notice_in = first  # the frame that contains it
        self._has_changes = trio.Event()

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

    def rows(self, jobs: ja.Jobs | None, snapshots: Iterable[ja.JobSnapshot]) -> list[WireRow]:
        """Return the whole rows of jobs, with their numbers.  From any thread."""
        now, shown = self._clock(), list(snapshots)
        rests = any(snapshot.state is ja.JobState.INTERRUPTED for snapshot in shown)
        resting = _resting(jobs) if rests else {}
        rows: list[WireRow] = []
        for snapshot in shown:
            job_id = snapshot.id
            if (early := self._read_early) is not None:
                early[job_id] = snapshot
            work = resting.get(job_id)
            if work is not None:
                self._obstacles[job_id] = work.obstacle
            known = self._followed.get(job_id)
            sampled = now if known is None or known.sampled is None else known.sampled
            rows.append(row_of(snapshot, sampled, self._number(job_id), work))
        return rows

    def look_again(self) -> None:
        """Update the obstacles of jobs at rest and the notice: a cell may have changed them.

        On the jobs' loop only.
        """
        if store_notice(self._jobs) != self._notice:
            self._has_changes.set()
        states = {known.job.state for known in self._followed.values()}
        if ja.JobState.INTERRUPTED not in states:
            return
        for job_id, work in _resting(self._jobs).items():
            known = self._followed.get(job_id)
            if known is not None and self._obstacles.get(job_id, "") != work.obstacle:
                self._mark(known, _Extent.ALL)
                self._has_changes.set()

    def _number(self, job_id: str) -> int:
        number = self._numbers.get(job_id)
        return self._numbers.setdefault(job_id, next(self._count)) if number is None else number

    def add(self, receiver: FrameReceiver, since: object = EVERYTHING) -> None:
        """Serve ``receiver``, which has the frame ``since``, from now on.  On the jobs' loop only.

        It is sent the changes after that frame, or all rows if those are no longer known.  A
        receiver that is served already, and is not behind, is sent nothing.
        """
        has = since if isinstance(since, int) and since <= self.frame else EVERYTHING
        if has < self._receivers.get(receiver, self.frame + 1):
            self._receivers[receiver] = has
            self._behind.add(receiver)
            self._has_changes.set()

    def remove(self, receiver: FrameReceiver) -> None:
        """Send nothing more to ``receiver``, if it is served.  On the jobs' loop only."""
        self._receivers.pop(receiver, None)
        self._behind.discard(receiver)

    def _note(self, jobs: ja.Jobs, batch: Iterable[ja.Event]) -> None:
        for event in batch:
            known = self._followed.get(event.job_id)
            if known is None or isinstance(event, _ANEW):
                self._note_new(jobs, event)
                continue
            if isinstance(event, ja.JobProgressed):
                same = same_words(event.progress, known.progress)
                known.progress, known.sampled = event.progress, event.at
                extent = _Extent.NUMBERS if same else _Extent.WORDS
            else:
                extent = _Extent.NUMBERS if isinstance(event, ja.JobLogged) else _Extent.ALL
            self._mark(known, extent)
        self._read_early = None
        if self._changed or self._newly_removed:
            self._has_changes.set()

    def _note_new(self, jobs: ja.Jobs, event: ja.Event) -> None:
        job_id = event.job_id
        if isinstance(event, ja.JobRemoved):
            self._followed.pop(job_id, None)
            self._numbers.pop(job_id, None)
            self._obstacles.pop(job_id, None)
            self._newly_removed.append(job_id)
            return
        with suppress(ja.JobactorsError):  # removed already, or the system is closing
            known = self._followed.get(job_id)
            if known is None:
                known = _FollowedJob(jobs.get(job_id), self._number(job_id))
                self._followed[job_id] = known
            early = (self._read_early or {}).get(job_id)
            if not (isinstance(event, ja.JobRestated) and early is event.snapshot):
                self._mark(known, _Extent.ALL)

    def _mark(self, known: _FollowedJob, extent: _Extent) -> None:
        if not known.extent:
            self._changed.append(known)
        known.extent = max(known.extent, extent)

    async def _send_frames(self) -> None:
        while True:
            await self._has_changes.wait()
            self._has_changes = trio.Event()
            self._send_frame()
            await trio.sleep(FRAME_SECONDS)

    def _send_frame(self) -> None:
        changes = self._take_changes()
        for receiver in list(self._receivers):
            try:
                self._send(receiver, changes)
            except Exception:
                # A closed comm, or a row that cannot be sent, ends this receiver alone.
                _log.exception("a panel could not be sent a frame, and is sent no more")
                self.remove(receiver)

    def _take_changes(self) -> _Changes:
        """Return the changes since the last frame, and count them as in the next one."""
        changed = [known for known in self._changed if self._followed.get(known.job.id) is known]
        self._changed.clear()  # with those that were removed meanwhile
        removed, self._newly_removed = self._newly_removed, []
        before, self._notice = self._notice, store_notice(self._jobs)
        notice = None if self._notice == before else self._notice
        if changed or removed or notice is not None:
            self.frame += 1
        if notice is not None:
            self._notice_in = self.frame
        wanted = bool(self._receivers.keys() - self._behind)  # the others are sent whole rows
        rows = self._row_changes(changed) if wanted else {}
        for known in changed:
            known.changed_in = self.frame
            known.extent = _Extent.NOTHING
        self._remember(removed)
        return _Changes(rows, set(removed), notice)

    def _remember(self, removed: Iterable[str]) -> None:
        for job_id in removed:
            self._removed[job_id] = self.frame
        while len(self._removed) > MOST_GONE:
            self._oldest = self._removed.pop(next(iter(self._removed)))

    def _row_changes(self, changed: Iterable[_FollowedJob]) -> dict[str, _RowChange]:
        changes: dict[str, _RowChange] = {}
        whole: list[ja.JobSnapshot] = []
        now = self._clock()
        for known in changed:
            progressed = _progress_change(known, now)
            if progressed is None:
                whole.append(known.job.snapshot())
            else:
                changes[known.job.id] = progressed
        for snapshot, row in zip(whole, self.rows(self._jobs, whole), strict=True):
            changes[snapshot.id] = _RowChange(row=row)
        return changes

    def _send(self, receiver: FrameReceiver, changes: _Changes) -> None:
        has = self._receivers[receiver]
        if receiver in self._behind:
            self._behind.discard(receiver)
            frame = self._since(receiver, has)
        else:
            frame = self._delta(receiver, has, changes)
        if frame is not None:
            self._receivers[receiver] = self.frame
            receiver.show(frame)

    def _delta(self, receiver: FrameReceiver, has: int, changes: _Changes) -> FrameMessage | None:
        if receiver.job_id is not None:
            changes = changes.of(receiver.job_id)
        if not changes:
            return None
        rows = changes.rows.values()
        return FrameMessage(
            self.frame,
            has,
            rows=[change.row for change in rows if change.row is not None],
            said=[(change.number, change.words) for change in rows if change.words is not None],
            moved=b"".join([change.moved for change in rows]),
            gone=list(changes.removed),
            notice=changes.notice,
        )

    def _since(self, receiver: FrameReceiver, has: int) -> FrameMessage | None:
        notice = None if receiver.job_id else self._notice
        if has < self._oldest:
            return FrameMessage(self.frame, has, receiver.present_rows(), full=True, notice=notice)
        late = [known for known in self._of(receiver) if known.changed_in > has]
        removed = () if receiver.job_id else self._removed.items()
        gone = [job_id for job_id, frame in removed if frame > has]
        rows = self.rows(self._jobs, [known.job.snapshot() for known in late])
        if late or gone or (notice is not None and self._notice_in > has):
            return FrameMessage(self.frame, has, rows=rows, gone=gone, notice=notice)
        return None

    def _of(self, receiver: FrameReceiver) -> list[_FollowedJob]:
        if receiver.job_id is None:
            return list(self._followed.values())
        known = self._followed.get(receiver.job_id)
        return [] if known is None else [known]

    def _end(self) -> None:
        self.frame += 1
        for receiver, has in self._receivers.items():
            try:
                rows = self.rows(None, [known.job.snapshot() for known in self._of(receiver)])
                receiver.end(FrameMessage(self.frame, has, rows=rows, full=True, ended=True))
            except Exception:
                _log.exception("a panel could not be sent the last frame of its jobs")
        self._receivers.clear()
        self._behind.clear()
        self._followed.clear()
        self._changed.clear()
        self._jobs = None


def _progress_change(known: _FollowedJob, now: float) -> _RowChange | None:
    """Return the change of a job that only progressed; None if that needs its whole row."""
    if known.extent is _Extent.ALL:
        return None
    snapshot = known.job.snapshot()
    age = 0.0 if known.sampled is None else now - known.sampled
    numbers = moved(known.number, snapshot, age)
    if numbers is None or known.extent is _Extent.NUMBERS:
        return None if numbers is None else _RowChange(moved=numbers)
    words = words_of(snapshot.progress)
    return None if words is None else _RowChange(number=known.number, words=words, moved=numbers)


def store_notice(jobs: ja.Jobs | None) -> str:
    """Return the warning about the store of a job system; empty if all is well."""
    store = None if jobs is None else jobs.store
    if store is None:
        return ""
    lost = "Another process owns these jobs now: nothing more is stored here." if store.lost else ""
    return safe_text(lost or store.trouble or store.offer or "", LONGEST_MESSAGE)


def _resting(jobs: ja.Jobs | None) -> dict[str, ja.Resumable]:
    """Return the work that can be resumed, by job id."""
    try:
        return {} if jobs is None else {work.job_id: work for work in jobs.resumable()}
    except ja.JobactorsError:  # the system is closing
        return {}
    except Exception:  # it reads the store and the sources of types: rows do without
        _log.exception("the obstacles of jobs at rest are not known")
        return {}
