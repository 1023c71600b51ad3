"""The journal: what changes is gathered, and written in one commit for all that waits.

::

    change ─► open batch ─► calls: rows, Store.apply ─► written: whoever waited goes on
                  ▲                    │
                  └── what could not be written, until it can

While the calls writes one batch, the next one gathers: the more changes there are, the larger the
batches, and the fewer commits a change.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from jobactors.engine.loop.serial_thread import InlineCalls, SerialThread
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import StoreError, StoreFailed, StoreLost
from jobactors.model.events import (
    JobCancelling,
    JobFinished,
    JobLogged,
    JobPaused,
    JobProgressed,
    JobQueued,
    JobRead,
    JobRequested,
    JobRequeued,
    JobResumed,
    JobRetried,
    JobStarted,
    JobStopped,
    JobStuck,
    JobUpdated,
)
from jobactors.model.stored_rows import AddEvent, DeleteJobs, DropCheckpoints, PutCheckpoint

from .row_encoder import column, event_row
from .write_batch import WriteBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.loop.portal import Portal
    from jobactors.engine.loop.serial_thread import SerialCall, SerialCalls
    from jobactors.engine.loop.timers import Timers
    from jobactors.engine.ports.store import Store
    from jobactors.engine.records.record import Record
    from jobactors.model.events import Event
    from jobactors.model.stored_rows import Write

    from .durable_latch import DurableLatch

T = TypeVar("T")
PROGRESS_EVERY: Final = 5.0
"""Seconds between two writes of a job's progress, at least."""
PRUNE_AFTER: Final = 1_000
"""So many jobs have ended since the store was last cleared of old ones."""
FIRST_RETRY: Final = 1.0
"""Seconds until a batch that could not be written is tried again; doubled each time."""
LAST_RETRY: Final = 30.0
"""Seconds between two tries, at most."""
LINGER: Final = 0.05
"""Seconds for which what nobody waits for gathers, until it is written for its own sake."""

_LOGGED: Final = frozenset(
    {JobQueued, JobStarted, JobRequested, JobCancelling, JobPaused, JobResumed, JobRetried}
    | {JobStuck, JobStopped, JobRequeued, JobFinished, JobUpdated}
)
_SAMPLED: Final = frozenset({JobProgressed, JobLogged})
_UNHURRIED: Final = _SAMPLED | {JobRead}


class Journal:
    """Writes down what a system says.  Written by the loop's thread only.

    Nothing here slows a job: changes are put into a dictionary, and a job waits for the disk only
    before each of its attempts.
    """

    def __init__(
        self,
        store: Store,
        portal: Portal,
        clock: LoopClock,
        timers: Timers,
        refuse: Callable[[Record, StoreError], None],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._portal = portal
        self._clock = clock
        self._timers = timers
        self._refuse = refuse
        self._changed = changed
        self._calls: SerialCalls = InlineCalls() if store.in_loop else SerialThread()
        self._open = WriteBatch()
        self._flying: deque[WriteBatch] = deque()
        self._scheduled = False
        self._lingers = False
        """Whether an timer is set for what nobody waits for."""
        self._is_open = False
        self._delay = 0.0
        self._progress_at: dict[str, float] = {}
        self._ended = 0
        self.epoch: int = 0
        """Which owner of the store this is, counted from 1."""
        self.trouble: StoreError | None = None
        """Why nothing can be written at the moment."""
        self.lost: bool = False
        """Whether somebody else owns the store now: nothing is written any more."""

    @property
    def name(self) -> str:
        """What a person reads: the store's path, or "memory"."""
        return self._store.name

    # -- open and close

    async def open(self, patience: float) -> None:
        """Become the store's owner.

        Raises:
            StoreError: if that cannot be; nothing is left open.
        """
        call = self._calls.send(partial(self._store.open, patience))
        try:
            await call.done
            self.epoch = call.answer()
            self._is_open = True
        except BaseException:
            self._calls.send(self._store.close)
            self._calls.dismiss()
            raise

    async def close(self) -> None:
        """Write what waits, and release the store; what could not be written is logged."""
        if not self._is_open:
            return
        self._is_open = False
        while self._open or self._flying:
            if self._flying:
                batch = self._flying[0]
                await batch.call.done
                self._written(batch)
            else:
                self._hand_over()
                if self._flying:
                    continue
            if self.trouble is not None and self._open:
                count = len(self._open.snapshots)
                jobs = "1 job" if count == 1 else f"{count} jobs"
                LOG.error("%s; the last state of %s is lost", self.trouble, jobs)
                self._drop()
                break
        closed = self._calls.send(self._store.close)
        self._calls.dismiss()
        await closed.done

    def close_now(self, patience: float) -> None:
        """Write what waits, and release the store, without a running loop; from any thread.

        For an engine that has failed.  Latches that nothing will set any more are set.

        Args:
            patience: Seconds to wait for the store.
        """
        if not self._is_open:
            return
        self._is_open = False
        batches = [*self._flying, self._open]
        self._open = WriteBatch()
        self._flying.clear()
        if batches[-1] and not self.lost:
            self._calls.send(partial(self._store.apply, batches[-1].writes()))
        closed = self._calls.send(self._store.close)
        self._calls.dismiss()
        closed.done.wait_in_thread(patience)
        for batch in batches:
            batch.let_go(self.trouble)

    @property
    def is_stalled(self) -> bool:
        """Whether something waits to be written that could not be, and is tried again."""
        return self._delay > 0

    def check(self) -> None:
        """Raise if a new job could not be kept.

        Raises:
            StoreError: why, and what to do.
        """
        if self.trouble is not None and (self.lost or self._open or self._flying):
            raise self.trouble

    # -- changes

    def add(self, record: Record) -> None:
        """A new job: it is kept, or refused."""
        batch, job_id = self._open, record.id
        batch.snapshots[job_id] = record.snapshot
        batch.whole[job_id] = record
        batch.new.add(job_id)
        batch.events.append(AddEvent(event_row(record.queued)))
        self._touch()

    def note(self, record: Record, event: Event) -> None:
        """Something happened to a job, and its snapshot says so already."""
        if record.refused is not None:
            return  # nothing is kept of it
        batch, job_id, kind = self._open, record.id, type(event)
        if kind in _LOGGED:
            batch.events.append(AddEvent(event_row(event)))
        elif kind in _SAMPLED and not self._is_time(job_id, event.at):
            return
        batch.snapshots[job_id] = record.snapshot
        if kind is JobFinished:
            batch.ended.add(job_id)
            self._progress_at.pop(job_id, None)
            self._ended += 1
        elif kind is JobUpdated:
            batch.whole[job_id] = record
        self._touch(urgent=kind not in _UNHURRIED)

    def refresh(self, record: Record) -> None:
        """Write down how a job stands, although nothing has happened to it."""
        if record.refused is None:
            self._open.snapshots[record.id] = record.snapshot
            self._touch()

    def write(self, write: Write) -> None:
        """Keep something beside the jobs; a later write to the same place takes its place."""
        place: object = write
        if isinstance(write, PutCheckpoint):
            row = write.row
            row = replace(row, type=column(row.type), subject=column(row.subject))
            write = PutCheckpoint(row)
            place = (row.type, row.subject, row.part)
            # A drop of the same checkpoint that still waits comes first, as it came first.
            self._open.others.pop(place, None)
        elif isinstance(write, DropCheckpoints):
            write = DropCheckpoints(column(write.type), column(write.subject), write.part)
            self._forget_checkpoints(write)
        elif isinstance(write, DeleteJobs):
            self._open.leave_out(write.ids)
        self._open.others[place] = write
        self._touch()

    def _forget_checkpoints(self, drop: DropCheckpoints) -> None:
        for place, write in list(self._open.others.items()):
            if (
                isinstance(write, PutCheckpoint)
                and (write.row.type, write.row.subject) == (drop.type, drop.subject)
                and drop.part in {None, write.row.part}
            ):
                del self._open.others[place]

    def latch_for(self, record: Record) -> DurableLatch | None:
        """What is set once the job is kept as it stands now; None if it is already."""
        job_id, home = record.id, self._portal.thread
        if job_id in self._open.snapshots:
            kept = self._open.latch(job_id, home)
            self._touch()
            return kept
        for batch in reversed(self._flying):
            if job_id in batch.snapshots:
                return batch.latch(job_id, home)
        return None

    def _is_time(self, job_id: str, now: float) -> bool:
        """Whether a job's progress was last written long enough ago."""
        if now - self._progress_at.get(job_id, 0.0) < PROGRESS_EVERY:
            return False
        self._progress_at[job_id] = now
        return True

    # -- writing

    def _touch(self, *, urgent: bool = True) -> None:
        """Hand the batch over soon: what else changes in this moment goes along."""
        if urgent:
            self._open.is_urgent = True
        if self._delay or self._scheduled or self._flying:
            return
        if self._store.in_loop:
            self._hand_over()
        elif urgent:
            self._scheduled = True
            self._portal.post_quietly(self._hand_over)
        elif not self._lingers:
            self._lingers = True
            self._timers.set(self._clock.now() + LINGER, self._stop_lingering)

    def _stop_lingering(self) -> None:
        self._lingers = False
        if not self._delay:
            self._hand_over()

    def _hand_over(self) -> None:
        self._scheduled = False
        if self.lost:
            self._drop()
        elif self._open and not self._flying:
            self._send()

    def _send(self) -> None:
        batch, self._open = self._open, WriteBatch()
        ahead = self._flying[-1].call if self._flying else None
        self._flying.append(batch)
        batch.call = call = self._calls.send(partial(self._apply, batch, ahead))
        if self._store.in_loop:
            self._written(batch)
        else:
            call.done.call_when_set(partial(self._portal.post_quietly, self._written, batch))

    def _apply(self, batch: WriteBatch, ahead: SerialCall[None] | None) -> None:
        """In the calls's thread.  If the batch ahead has failed, this one waits for it, and fails.

        Otherwise that one would be written after it, and leave jobs as they were before.
        """
        if ahead is not None:
            ahead.answer()
        self._store.apply(batch.writes())

    def _written(self, batch: WriteBatch) -> None:
        if batch not in self._flying:
            return  # told twice: by the call, and by whoever waited for it
        self._flying.remove(batch)
        try:
            batch.call.answer()
        except StoreError as exc:
            self._failed(batch, exc)
        except Exception as exc:
            LOG.exception("a batch of changes could not be described")
            self._failed(batch, StoreFailed(self.name, repr(exc), "the log says where"))
        else:
            self._succeeded(batch)

    def _succeeded(self, batch: WriteBatch) -> None:
        if self.trouble is not None:
            LOG.warning("%s can be written again", self.name)
        if self._delay:
            self._portal.post_quietly(self._changed)
        self.trouble, self._delay = None, 0.0
        batch.let_go()
        if self._ended >= PRUNE_AFTER:
            self.prune()
        if self._open:
            self._touch(urgent=self._open.is_urgent)

    def _failed(self, batch: WriteBatch, error: StoreError) -> None:
        if self.trouble is None:
            LOG.warning("%s", error)
        self.trouble = error
        self.lost = isinstance(error, StoreLost)
        refused = {job_id: batch.whole[job_id] for job_id in batch.new}
        for record in refused.values():
            record.refused = error
            # Later: it may be in the midst of being taken in.
            self._portal.post_quietly(self._refuse, record, error)
        waiting = [*self._flying, self._open]  # those that fly were behind it, and fail as well
        waiting[0].take_over(batch)
        for later in waiting:
            later.leave_out(refused)
            later.leave_out_events(refused)
        self._delay = min(LAST_RETRY, self._delay * 2 or FIRST_RETRY)
        if self.lost:
            self._drop()
        elif self._open:
            self._timers.set(self._clock.now() + self._delay, self._hand_over)
            self._portal.post_quietly(self._changed)
        else:
            self._delay = 0.0  # the next submit tries

    def _drop(self) -> None:
        """It will never be written: let everybody go on."""
        batch, self._open = self._open, WriteBatch()
        batch.let_go(self.trouble)

    def prune(self) -> None:
        """Clear the store of what is kept no longer, a little at a time, between the batches."""
        self._ended = 0
        self._calls.send(partial(self._prune, self._clock.now()))

    def _prune(self, now: float) -> None:
        """In the calls's thread."""
        try:
            if self._store.prune(now):
                self._calls.send(partial(self._prune, now))
        except StoreError as exc:
            LOG.warning("old jobs could not be removed: %s", exc)

    # -- reading

    def read(self, look: Callable[[Store], T]) -> T:
        """Return ``look(store)``, which sees all that was changed before; blocks for that long.

        From any thread.

        Raises:
            StoreError: if the store cannot be read.
        """
        call: SerialCall[T] = self._portal.call(partial(self._send_reading, look))
        call.done.wait_in_thread()
        return call.answer()

    def _send_reading(self, look: Callable[[Store], T]) -> SerialCall[T]:
        if self._open and not self._delay:
            self._send()  # behind those that fly: call are done in order
        return self._calls.send(partial(look, self._store))
