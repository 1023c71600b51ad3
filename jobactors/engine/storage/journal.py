"""The journal: changes are gathered, and written in one commit for all that waits.

::

    change ─► open batch ─► serial thread: rows, Store.apply ─► written: latches are set
                  ▲                    │
                  └── a batch that could not be written, until it can be

While the serial thread writes one batch, the next one gathers: the more changes there are, the
larger the batches, and the fewer commits a change.  One commit for all that waits is 7 to 37 times
as fast as one for each change, depending on how the file is synchronised.

Two batches are in flight only when a read has to see the changes before it: the read is a call
behind them.  If the first fails, the second fails as well, and its changes are laid over those of
the first; otherwise the first would be written after it, and leave jobs in an earlier state.

*Why a job waits for the disk before each attempt, and not at its end.*  An attempt that begins
before its start is stored runs twice after a crash.  An end that is not stored yet costs one more
attempt, which every durable job must allow for.  So it goes along with the next submit, for some
milliseconds: jobs that run one after another cost one commit each instead of two.

*Why snapshots, and not events, are written.*  A store holds the present state of each job, and the
events only as short lines for people: to open a file with 100,000 jobs must not take a fold over
all that has happened to them.

Small batches are written in the loop's own thread, while that is quicker: :mod:`.batch_writer`.

Every field is written by the loop's thread.  The serial thread reads the batch it was handed.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import StoreError, StoreFailed, StoreLost
from jobactors.model.events import JobFinished, JobUpdated, JobWaiting
from jobactors.model.stored_rows import AddEvent

from .batch_writer import BatchWriter
from .event_lines import LINGERS, LOGGED, SAMPLED, changes_stages, event_row
from .progress_pace import ProgressPace
from .pruning import Pruner
from .write_batch import WriteBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.loop.portal import Portal
    from jobactors.engine.loop.serial_thread import SerialCall
    from jobactors.engine.loop.timers import Timers
    from jobactors.engine.ports.store import Store
    from jobactors.engine.records.record import Record
    from jobactors.model.events import Event
    from jobactors.model.stored_rows import Write

    from .durable_latch import DurableLatch

T = TypeVar("T")
FIRST_RETRY: Final = 1.0
"""Seconds until a batch that could not be written is tried again; doubled each time."""
LAST_RETRY: Final = 30.0
"""Seconds between two tries, at most."""


class Journal:
    """Writes the changes of one system into its store.  Written by the loop's thread only.

    Changes are put into a dictionary, and a job waits for the disk only before each attempt.

    Args:
        store: The store, which the journal opens and closes.
        portal: The way back into the loop.
        clock: The time.
        timers: For retries, and for changes without a waiter.
        refuse: Called with a new job that could not be stored, and the error.
        left_out: Called with a job of which something could not be stored, and the reason.
        changed: Called when the store cannot be written any more, or can be again.
    """

    def __init__(
        self,
        store: Store,
        portal: Portal,
        clock: LoopClock,
        timers: Timers,
        refuse: Callable[[Record, StoreError], None],
        left_out: Callable[[str, str], None],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._portal = portal
        self._clock = clock
        self._timers = timers
        self._refuse = refuse
        self._left_out = left_out
        self._changed = changed
        self._writer = BatchWriter(store)
        self._calls = self._writer.calls
        self._open = WriteBatch()
        """The batch that gathers."""
        self._in_flight: deque[WriteBatch] = deque()
        """The batches handed to the serial thread, the oldest first."""
        self._scheduled = False
        """Whether a call that hands the open batch over has been posted."""
        self._lingers_until = inf
        """When a batch without a waiter is looked at, in seconds since the epoch."""
        self._gathers = 0  # blocks of `in_one_commit` that are open
        self._is_open = False
        self._delay = 0.0
        """Seconds until the next try; 0 while writing succeeds."""
        self._pace = ProgressPace()
        self._pruner = Pruner(store, self._calls)
        self.epoch: int = 0
        """The number of this owner of the store, counted from 1."""
        self.trouble: StoreError | None = None
        """The error for which nothing can be written at the moment."""
        self.lost: bool = False
        """Whether another owner has the store now: nothing is written any more."""

    @property
    def name(self) -> str:
        """The store's name for a person: its path, or "memory"."""
        return self._store.name

    # -- open and close

    async def open(self, patience: float) -> None:
        """Become the store's owner.

        Raises:
            StoreError: if it cannot be opened; nothing is left open.
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
        """Write all that waits, and release the store; jobs whose state is lost are logged."""
        if not self._is_open:
            return
        self._is_open = False
        while self._open or self._in_flight:
            if self._in_flight:
                batch = self._in_flight[0]
                await batch.call.done
                self._written(batch)
            else:
                self._hand_over()
                if self._in_flight:
                    continue
            if self.trouble is not None and self._open:
                count = len(self._open.snapshots)
                jobs = "1 job" if count == 1 else f"{count} jobs"
                LOG.error("%s; the last state of %s is lost", self.trouble, jobs)
                self._give_up()
                break
        closed = self._calls.send(self._store.close)
        self._calls.dismiss()
        await closed.done

    def close_now(self, patience: float) -> None:
        """Write all that waits, and release the store, without a running loop; from any thread.

        For an engine that has failed: it waits so many seconds, and latches are set all the same.
        """
        self._is_open = False  # it may be about to be opened: the close comes after that
        batches = [*self._in_flight, self._open]
        self._open = WriteBatch()
        self._in_flight.clear()
        if batches[-1] and not self.lost:
            self._calls.send(partial(batches[-1].write_into, self._store))
        closed = self._calls.send(self._store.close)
        self._calls.dismiss()
        closed.done.wait_in_thread(patience)
        for batch in batches:
            batch.settle(self.trouble)

    @property
    def is_stalled(self) -> bool:
        """Whether changes wait that could not be written, and are tried again."""
        return self._delay > 0

    def check(self) -> None:
        """Raise if a new job could not be stored.

        Raises:
            StoreError: the message states the cause, and the cure.
        """
        if self.trouble is not None and (self.lost or self._open or self._in_flight):
            raise self.trouble

    # -- changes

    def add(self, record: Record) -> None:
        """Store a new job, or refuse it if that fails."""
        batch, job_id = self._open, record.id
        batch.snapshots[job_id] = record.snapshot
        batch.whole[job_id] = record
        batch.new.add(job_id)
        batch.events.append(AddEvent(event_row(record.first_event())))
        self._schedule()

    def note(self, record: Record, event: Event) -> None:
        """Write a change of a job, whose snapshot has it already."""
        batch, job_id, kind = self._open, record.id, type(event)
        if record.refused is not None or (kind is JobWaiting and record.actor is not None):
            return  # nothing of it is stored; what a running job waits for means nothing later
        if kind in LOGGED or changes_stages(record, event):
            batch.events.append(AddEvent(event_row(event)))
        elif kind in SAMPLED and not self._pace.is_due(job_id, event.at):
            return
        batch.snapshots[job_id] = record.snapshot
        if kind is JobFinished:
            batch.ended.add(job_id)
            self._pace.forget(job_id)
            self._pruner.ended += 1
        elif kind is JobUpdated:
            batch.whole[job_id] = record
        self._schedule(LINGERS.get(kind, 0.0))

    def refresh(self, record: Record) -> None:
        """Write a job's snapshot without an event, so that it is as new as its checkpoint."""
        if record.refused is None:
            self._open.snapshots[record.id] = record.snapshot
            self._schedule()

    def write(self, write: Write) -> None:
        """Write a change beside the jobs; a later one of the same key replaces it."""
        self._open.add(write)
        self._schedule()

    def latch_for(self, record: Record) -> DurableLatch | None:
        """Return the latch that is set once a job is stored as it is now; None if it is already."""
        job_id, home = record.id, self._portal.thread
        if job_id in self._open.snapshots:
            latch = self._open.latch(job_id, home)
            self._schedule()
            return latch
        for batch in reversed(self._in_flight):
            if job_id in batch.snapshots:
                return batch.latch(job_id, home)
        return None

    @contextmanager
    def in_one_commit(self) -> Generator[None]:
        """Write all changes that are made inside, in one step of the loop, in one commit."""
        self._gathers += 1
        try:
            yield
        finally:
            self._gathers -= 1
            self._arrange()

    # -- writing

    def _schedule(self, linger: float = 0.0) -> None:
        """Hand the open batch over soon, or in so many seconds if nothing waits for the change."""
        batch = self._open
        if batch.due:
            batch.due = min(batch.due, self._clock.now() + linger) if linger else 0.0
        if not self._in_flight:  # else the next batch follows that
            self._arrange()

    def _arrange(self) -> None:
        """Arrange that the open batch is handed over when it is due."""
        if self._delay or self._scheduled or self._in_flight or self._gathers:
            return
        if self._store.in_loop:
            self._hand_over()
        elif not self._open.due:
            self._scheduled = True
            self._portal.soon(self._hand_over)
        elif self._open.due < self._lingers_until:
            self._lingers_until = self._open.due
            self._timers.set(self._open.due, self._stop_lingering)

    def _stop_lingering(self) -> None:
        self._lingers_until = inf
        if self._open.due > self._clock.now():  # what it was set for is written
            self._arrange()
        elif not self._delay:
            self._hand_over()

    def _hand_over(self) -> None:
        self._scheduled = False
        if self.lost:
            self._give_up()
        elif self._open and not self._in_flight:
            self._send(here=self._is_open)  # at the end a Ctrl-C may strike between any two lines

    def _send(self, *, here: bool = False) -> None:
        batch, self._open = self._open, WriteBatch()
        ahead = self._in_flight[-1].call if self._in_flight else None
        self._in_flight.append(batch)
        if self._writer.write(batch, ahead, here=here):
            self._written(batch)
        else:
            call = batch.call
            call.done.call_when_set(partial(self._portal.post_quietly, self._written, batch))

    def _written(self, batch: WriteBatch) -> None:
        if batch not in self._in_flight:
            return  # seen twice: by the call's latch, and by close(), which waits for it
        self._in_flight.remove(batch)
        try:
            self._writer.check(batch)
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
        for job_id, why in batch.left_out.items():
            if job_id in batch.unstorable and job_id in batch.new:
                error = StoreFailed(self.name, why, "give the job another name, type or subject")
                self._refuse_later(batch.whole[job_id], error)
            else:
                self._portal.post_quietly(self._left_out, job_id, why)
        self._portal.step(batch.settle)  # attempts begin
        if self._pruner.is_due:
            self.prune()
        self._arrange()

    def _failed(self, batch: WriteBatch, error: StoreError) -> None:
        if self.trouble is None:
            LOG.warning("%s", error)
        self.trouble = error
        self.lost = isinstance(error, StoreLost)
        refused = {job_id: batch.whole[job_id] for job_id in batch.new}
        for record in refused.values():
            self._refuse_later(record, error)
        waiting = [*self._in_flight, self._open]  # those in flight were behind it, and fail as well
        waiting[0].take_over(batch)
        for later in waiting:
            later.leave_out(refused)
            later.leave_out_events(refused)
        self._delay = min(LAST_RETRY, self._delay * 2 or FIRST_RETRY)
        if self.lost:
            self._give_up()
        elif self._open:
            self._timers.set(self._clock.now() + self._delay, self._hand_over)
            self._portal.post_quietly(self._changed)
        else:
            self._delay = 0.0  # the next submit tries

    def _refuse_later(self, record: Record, error: StoreError) -> None:
        """Refuse a new job: later, for its admission may be in the middle of a step."""
        record.refused = error
        self._portal.post_quietly(self._refuse, record, error)

    def _give_up(self) -> None:
        """Drop the open batch, which will never be written, and wake its waiters."""
        batch, self._open = self._open, WriteBatch()
        batch.settle(self.trouble)

    def prune(self) -> None:
        """Remove old rows from the store, a few at a time, between the batches."""
        self._pruner.prune(self._clock.now())

    # -- reading

    def read(self, look: Callable[[Store], T]) -> T:
        """Return ``look(store)``, which sees all earlier changes; blocks for that long.

        From any thread.

        Raises:
            StoreError: if the store cannot be read.
        """
        call: SerialCall[T] = self._portal.call(partial(self._send_reading, look))
        call.done.wait_in_thread()
        return call.answer()

    def _send_reading(self, look: Callable[[Store], T]) -> SerialCall[T]:
        if self._writer.is_writing:  # code of a user's, a finalizer's say, that waits for this
            raise StoreFailed(self.name, "it is being written by this thread", "read it later")
        if self._open and not self._delay and not self._gathers:
            self._send()  # behind those in flight: calls are made in order
        return self._calls.send(partial(look, self._store))
