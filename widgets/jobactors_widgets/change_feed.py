"""Collects the changes of one job system and sends them as frames, at most ten a second.

* **Coalesced.**  However many events there are, a frame holds each changed job once.
* **Quiet.**  When nothing changes, nothing is sent.
* **The last state always arrives.**  A change after a frame makes another frame; when the feed ends
  with the job system, one more is sent first.
* **A frame is a delta.**  For a job that only progressed it holds the numbers, and the words if
  they differ; for one that is new or in another state the whole row; for a removed one its id.
* **Nothing is sent twice.**  A receiver that has some frame is sent the changes since.
* **A batch is one row.**  Its items are sent only to a receiver that has it unfolded.
* **What is in sight moves.**  The numbers of other jobs come once a second (:mod:`.sights`).

One trio task a job system does this.  An event of progress brings its numbers; any other is only a
sign *that* its job changed, whose row is read from its handle when the frame is made.  All fields
belong to the jobs' loop, but the numbers of rows: any thread reads the first state of a panel.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import trio

import jobactors as ja

from .batch_rows import FollowedBatches, in_order
from .frame_message import FrameMessage, FrameReceiver
from .frame_pace import FramePace
from .row_changes import Changes, Extent, FollowedJob, RemovedRows, RowChange, changes_of
from .row_maker import RowMaker
from .schedule_rows import ScheduleNews
from .sights import Sights
from .store_notice import store_notice
from .wire import WireRow, same_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EVERYTHING: Final = -1
"""The frame of a receiver that has none: it is sent all rows."""
_ANEW: Final = (ja.JobRemoved, ja.JobRestated)  # a union would be made for every event

_log = logging.getLogger(__name__)


class ChangeFeed:
    """Sends each receiver the changes of one job system since the last frame that it has.

    Args:
        clock: Seconds since the epoch.
        first: The number before that of the first frame; an older one counts as none.
    """

    def __init__(self, clock: Callable[[], float] = time.time, first: int = 0) -> None:
        self.frame = first
        """The number of the last frame.  Rows that are read after it contain its changes."""
        self._clock = clock
        self._receivers: dict[FrameReceiver, int] = {}  # the last frame of each
        self._behind: set[FrameReceiver] = set()  # those that have missed a frame
        self._followed: dict[str, FollowedJob] = {}
        self._changed: list[FollowedJob] = []  # in the order of their first change
        self._newly_removed: dict[str, str] = {}  # id -> its batch
        self._removed = RemovedRows(first)
        self._batches = FollowedBatches()
        self._sights = Sights()
        self._events: ja.Subscription[ja.Event] | None = None  # set while `serve` runs
        self._singles: set[str | None] = set()  # the jobs that a receiver shows by themselves
        self._made = RowMaker()
        # Rows read before the first batch, in which every job seems to be new.
        self._read_early: dict[str, ja.JobSnapshot] | None = {}
        self._jobs: ja.Jobs | None = None  # set while `serve` runs
        self._notice = ""  # as last sent, about the store
        self._notice_in = first  # the frame that contains it
        self._schedules = ScheduleNews()
        self._pace = FramePace()
        self._has_changes = trio.Event()

    async def serve(self, jobs: ja.Jobs) -> None:
        """Send frames until cancelled, and a last one.  For :meth:`jobactors.Jobs.attach`."""
        self._jobs = jobs
        leave = ja.lowlevel.on_batch_change(jobs, self._batch_changed)
        try:
            self._schedules.follow(jobs, self._wake)
            async with jobs.subscribe() as batches, trio.open_nursery() as nursery:
                nursery.start_soon(self._send_frames)
                self._events = batches
                self._receivers_changed()
                async for batch in batches:
                    self._note(jobs, batch)
                    if self._has_news and self._pace.is_due():
                        self._send_frame()  # the other task would have to be woken for it
                    elif self._has_news:
                        self._has_changes.set()
                nursery.cancel_scope.cancel()
        finally:
            leave()
            self._end()

    def rows_for(self, receiver: FrameReceiver, jobs: ja.Jobs) -> list[WireRow]:
        """Return all rows for a receiver of all jobs, a batch as one.  From any thread."""
        shown = in_order(jobs, self._batches.opened_by(receiver))
        jobs_only = [one for one in shown if isinstance(one, ja.JobSnapshot)]
        by_id = {row["id"]: row for row in self.rows(jobs, jobs_only)}
        return [
            by_id[one.id] if isinstance(one, ja.JobSnapshot) else self.batch_row(one, jobs)
            for one in shown
        ]

    def rows_of_batch(self, receiver: FrameReceiver, batch: ja.Batch[Any]) -> list[WireRow]:
        """Return the row of a batch, and those of its items if it is unfolded there."""
        is_open = batch.id in self._batches.opened_by(receiver)
        items = [job.snapshot() for job in batch.jobs] if is_open else []
        return [self.batch_row(batch.snapshot(), batch.system), *self.rows(self._jobs, items)]

    def batch_row(self, batch: ja.BatchSnapshot, jobs: ja.Jobs | None = None) -> WireRow:
        """Return the row of a batch, with its number.  From any thread."""
        return self._made.batch_row(jobs or self._jobs, batch, self._clock())

    def unfold(self, receiver: FrameReceiver, batch_id: object, is_open: object) -> None:
        """Send a receiver the items of a batch from now on, or no more.  On the jobs' loop only."""
        if not isinstance(batch_id, str) or receiver not in self._receivers:
            return
        if is_open:
            self._batches.open(receiver, batch_id)
        else:
            self._batches.fold(receiver, batch_id)
        self._has_changes.set()

    def fold_all(self, receiver: FrameReceiver) -> None:
        """Send a receiver no more items: its page is a new one.  On the jobs' loop only."""
        self._batches.fold_all(receiver)

    def see(self, receiver: FrameReceiver, place: object, job_ids: object) -> None:
        """Note which jobs a view of a receiver has in sight.  On the jobs' loop only."""
        if receiver in self._receivers:
            self._sights.note(receiver, place, job_ids)
            self._receivers_changed()

    def rows(self, jobs: ja.Jobs | None, snapshots: Iterable[ja.JobSnapshot]) -> list[WireRow]:
        """Return the whole rows of jobs, with their numbers.  From any thread."""
        shown = list(snapshots)
        if (early := self._read_early) is not None:
            early.update((snapshot.id, snapshot) for snapshot in shown)
        sampled = {
            snapshot.id: known.sampled
            for snapshot in shown
            if (known := self._followed.get(snapshot.id)) is not None
        }
        return self._made.rows(jobs, shown, sampled, self._clock())

    def look_again(self) -> None:
        """Update the obstacles of jobs at rest and the notice: a cell may have changed them.

        On the jobs' loop only.
        """
        if store_notice(self._jobs) != self._notice:
            self._wake()
        states = {known.job.state for known in self._followed.values()}
        some_rest = ja.JobState.INTERRUPTED in states
        for job_id in self._made.news_of_rest(self._jobs, some_rest=some_rest):
            if (known := self._followed.get(job_id)) is not None:
                self._mark(known, Extent.ALL)
                self._wake()

    def add(self, receiver: FrameReceiver, since: object = EVERYTHING) -> None:
        """Serve ``receiver``, which has the frame ``since``, from now on.  On the jobs' loop only.

        It is sent the changes after that frame, or all rows if those are no longer known.  A
        receiver that is served already, and is not behind, is sent nothing.
        """
        has = since if isinstance(since, int) and since <= self.frame else EVERYTHING
        if has < self._receivers.get(receiver, self.frame + 1):
            self._receivers[receiver] = has
            self._behind.add(receiver)
            self._receivers_changed()
            self._has_changes.set()

    def remove(self, receiver: FrameReceiver) -> None:
        """Send nothing more to ``receiver``, if it is served.  On the jobs' loop only."""
        self._receivers.pop(receiver, None)
        self._behind.discard(receiver)
        self._batches.leave(receiver)
        self._sights.leave(receiver)
        self._receivers_changed()

    def _wake(self) -> None:
        self._has_changes.set()

    def _batch_changed(self, batch_id: str) -> None:
        self._batches.mark(batch_id)
        self._has_changes.set()

    def _note(self, jobs: ja.Jobs, batch: Iterable[ja.Event]) -> None:
        for event in batch:
            known = self._followed.get(event.job_id)
            if known is not None and isinstance(event, ja.JobProgressed):
                same = same_words(event.progress, known.progress)
                known.progress, known.sampled = event.progress, event.at
                extent = Extent.NUMBERS if same else Extent.WORDS
            elif known is None or isinstance(event, _ANEW):
                self._note_new(jobs, event)
                continue
            elif isinstance(event, ja.JobLogged):
                known.lines, extent = event.total, Extent.NUMBERS
            else:
                known.read()
                extent = Extent.ALL
            self._mark(known, extent)
        self._read_early = None

    def _note_new(self, jobs: ja.Jobs, event: ja.Event) -> None:
        job_id = event.job_id
        if isinstance(event, ja.JobRemoved):
            gone = self._followed.pop(job_id, None)
            self._made.forget(job_id)
            batch = ""
            if gone is not None:
                batch, gone.extent = gone.batch, Extent.NOTHING
            if batch:
                self._batches.mark(batch)
            if not batch or self._batches.is_open(batch):
                self._newly_removed[job_id] = batch
            return
        with suppress(ja.JobactorsError):  # removed already, or the system is closing
            if (known := self._followed.get(job_id)) is None:
                known = FollowedJob(jobs.get(job_id), self._made.number(job_id))
                self._followed[job_id] = known
            known.read()
            early = (self._read_early or {}).get(job_id)
            if not (isinstance(event, ja.JobRestated) and early is event.snapshot):
                self._mark(known, Extent.ALL)

    def _mark(self, known: FollowedJob, extent: Extent) -> None:
        if known.batch:
            self._batches.mark(known.batch)
            if not (self._batches.is_open(known.batch) or known.id in self._singles):
                return
        if not known.extent:
            self._changed.append(known)
        known.extent = max(known.extent, extent)

    @trio.lowlevel.enable_ki_protection
    async def _send_frames(self) -> None:
        while True:
            await self._has_changes.wait()
            await self._pace.until_due()
            if self._has_changes.is_set():  # not sent meanwhile
                self._send_frame()

    @property
    def _has_news(self) -> bool:
        return bool(self._changed or self._newly_removed or self._batches.have_changed)

    def _send_frame(self) -> None:
        self._pace.note()
        if self._has_changes.is_set():
            self._has_changes = trio.Event()
        changes = self._take_changes()
        for receiver in list(self._receivers):
            try:
                self._send(receiver, changes)
            except Exception:
                # A closed comm, or a row that cannot be sent, ends this receiver alone.
                _log.exception("a panel could not be sent a frame, and is sent no more")
                self.remove(receiver)

    def _receivers_changed(self) -> None:
        self._singles = {receiver.job_id for receiver in self._receivers}
        if self._events is not None:
            self._events.focus(self._sights.of(self._receivers))

    def _take_changes(self) -> Changes:
        """Return the changes since the last frame, and count them as in the next one."""
        changed = [known for known in self._changed if known.extent]  # not those that were removed
        self._changed.clear()
        removed, self._newly_removed = self._newly_removed, {}
        before, self._notice = self._notice, store_notice(self._jobs)
        notice = None if self._notice == before else self._notice
        schedules = self._schedules.take(self._jobs)
        news = notice is not None or schedules is not None
        if changed or removed or news or self._batches.have_changed:
            self.frame += 1
        if schedules is not None:
            self._schedules.sent_in(self.frame)
        if notice is not None:
            self._notice_in = self.frame
        wanted = bool(self._receivers.keys() - self._behind)  # the others are sent whole rows
        changes = self._row_changes(changed) if wanted else Changes()
        for batch_id in self._batches.take_changed(self.frame):
            row = self._present_batch(batch_id)
            if row is None:
                removed[batch_id] = ""
                self._batches.forget(batch_id)
                self._made.forget(batch_id)
            else:
                changes.rows[batch_id] = RowChange(row=row)
        for known in changed:
            known.changed_in = self.frame
            known.extent = Extent.NOTHING
        self._removed.note(removed, self.frame)
        changes.removed, changes.notice, changes.schedules = removed, notice, schedules
        return changes

    def _present_batch(self, batch_id: str) -> WireRow | None:
        jobs = self._jobs
        batch = None if jobs is None else ja.lowlevel.batch_snapshot(jobs, batch_id)
        return None if batch is None else self.batch_row(batch)

    def _row_changes(self, changed: Iterable[FollowedJob]) -> Changes:
        changes, rest = changes_of(changed, self._clock())
        whole = [known.job.snapshot() for known in rest]
        for snapshot, row in zip(whole, self.rows(self._jobs, whole), strict=True):
            changes.rows[snapshot.id] = RowChange(snapshot.info.batch, row)
        return changes

    def _send(self, receiver: FrameReceiver, changes: Changes) -> None:
        has = self._receivers[receiver]
        if receiver in self._behind:
            self._behind.discard(receiver)
            frame = self._since(receiver, has)
        else:
            frame = self._shown_by(receiver, changes).frame(self.frame, has)
        opened, folded = self._batches.take_news(receiver)
        if opened or folded:
            frame = frame or FrameMessage(self.frame, has)
            frame.rows += self._items(opened)
            frame.folded = sorted(folded)
        if frame is not None:
            if self._jobs is not None and receiver.job_id is receiver.batch_id is None:
                frame.burst = ja.lowlevel.ended_of_burst(self._jobs)
            self._receivers[receiver] = self.frame
            receiver.show(frame)

    def _items(self, batch_ids: set[str]) -> list[WireRow]:
        if not batch_ids:
            return []
        items = [known for known in self._followed.values() if known.batch in batch_ids]
        return self.rows(self._jobs, [known.job.snapshot() for known in items])

    def _shown_by(self, receiver: FrameReceiver, changes: Changes) -> Changes:
        """Return the changes of what a receiver shows."""
        opened = self._batches.opened_by(receiver)
        return changes.shown_by(receiver.job_id, receiver.batch_id, opened)

    def _since(self, receiver: FrameReceiver, has: int) -> FrameMessage | None:
        shows_all = receiver.job_id is None and receiver.batch_id is None
        notice = self._notice if shows_all else None
        plans = self._schedules.since(
            has if has >= self._removed.known_since else EVERYTHING, shows_all
        )
        frame = FrameMessage(self.frame, has, notice=notice, schedules=plans)
        if has < self._removed.known_since:
            frame.rows, frame.full = receiver.present_rows(), True
            return frame
        late = {k.id: RowChange(k.batch) for k in self._followed.values() if k.changed_in > has}
        late |= {batch_id: RowChange() for batch_id in self._batches.changed_since(has)}
        missed = self._shown_by(receiver, Changes(late, removed=self._removed.since(has)))
        jobs = [known for row_id in missed.rows if (known := self._followed.get(row_id))]
        rows = self.rows(self._jobs, [known.job.snapshot() for known in jobs])
        batches = (self._present_batch(row_id) for row_id in missed.rows if row_id in self._batches)
        frame.rows = rows + [row for row in batches if row is not None]
        frame.gone = list(missed.removed)
        news = plans is not None or (notice is not None and self._notice_in > has)
        return frame if frame.rows or frame.gone or news else None

    def _end(self) -> None:
        self.frame += 1
        for receiver, has in self._receivers.items():
            try:
                rows = self._last_rows(receiver)
                receiver.end(FrameMessage(self.frame, has, rows=rows, full=True, ended=True))
            except Exception:
                _log.exception("a panel could not be sent the last frame of its jobs")
        self._schedules.end()
        self._receivers.clear()
        self._behind.clear()
        self._followed.clear()
        self._changed.clear()
        self._jobs = self._events = None

    def _last_rows(self, receiver: FrameReceiver) -> list[WireRow]:
        """Return all rows as they stand at the end, read from the handles of the jobs."""
        every = {known.id: RowChange(known.batch) for known in self._followed.values()}
        shown = self._shown_by(receiver, Changes(every)).rows
        rows: list[WireRow] = []
        waiting = dict.fromkeys(self._batches)
        for known in self._followed.values():
            if known.batch in waiting and receiver.job_id is None:
                del waiting[known.batch]
                row = self._present_batch(known.batch)
                if row is not None and receiver.batch_id in {None, known.batch}:
                    rows.append(row)
            if known.id in shown:
                rows += self.rows(None, [known.job.snapshot()])
        return rows
