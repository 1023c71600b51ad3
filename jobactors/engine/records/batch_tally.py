"""The tallies of batches: how many of a batch's jobs are in which state, without a look at each.

A batch has more jobs than the registry holds: input is taken in as jobs end, and ended ones leave
once they are read.  So a tally counts jobs as they come and change, and remembers those that have
left.  It costs a few dictionary entries a job, and no more than one look-up an event.

All of it is written by the loop's thread.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakSet, WeakValueDictionary

from jobactors.model.progress import Progress, part_of
from jobactors.model.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobactors.model.batch_snapshot import BatchSnapshot
    from jobactors.model.error_text import ErrorText

    from .record import Record

UNIT: Final = "jobs"
_SAMPLES: Final = 30
"""Ends of jobs, at least a second apart, over which the speed of a batch is measured."""


class BatchFollower(Protocol):
    """A handle that holds the jobs of a batch.  Called in the loop's thread."""

    def _joined(self, record: Record, replaced: str | None) -> None:
        """Take note of a job that begins, in the place of the one with the id ``replaced``."""
        ...


class BatchTally:
    """The counts of one batch.

    Args:
        batch_id: Its id.
        name: Its label; that of its jobs if it is empty.
    """

    def __init__(self, batch_id: str, name: str = "") -> None:
        self.id: str = batch_id
        self.name: str = name
        self.type: str = ""
        self.subject: str = ""
        self.sizes: dict[str, int | None] = {}
        """The jobs that each input gives in all, by its id; None if that is not known."""
        self.given: dict[str, int] = {}
        """The jobs that each input has given."""
        self.open_inputs: dict[str, Callable[[], object]] = {}
        """Calls that stop the inputs taken in as jobs end; a cancelled one gives no more."""
        self.is_paused: bool = False
        """Whether that waits for a resume."""
        self.input_error: ErrorText | None = None
        self.followers: WeakSet[BatchFollower] = WeakSet()
        self.here: int = 0
        """The number of its jobs in the registry."""
        self._counts: Counter[JobState] = Counter()
        self._states: dict[str, JobState] = {}
        """Of the jobs in the registry, and of failed ones that have left it: as counted."""
        self._begun: dict[str, Record] = {}
        """The jobs that have begun and not ended, those at rest among them."""
        self._is_named = bool(name)
        self._size = 0
        """The number of jobs of which an earlier process knew."""
        self._taken = 0
        """The inputs that an earlier process has taken in."""
        self._was_cut_off = False
        """Whether that ended while jobs of this batch were under way."""
        self._error: ErrorText | None = None
        self._unread: set[str] = set()
        """The failed jobs whose outcome nothing has read."""
        self._started_at: float | None = None
        self._stopped_at: float | None = None
        self._speed: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self._best = 0.0
        """The largest fraction shown, for the work there is: a retry of one job takes none back."""

    # -- counting

    def add(self, record: Record) -> None:
        """Count a new job; a restart takes the place of the job that it continues."""
        info = record.snapshot.info
        replaced = None
        if info.continues is not None and info.continues in self._states:
            replaced = info.continues
            self._counts[self._states.pop(replaced)] -= 1
            self._unread.discard(replaced)
            self._best = 0.0
        elif info.index is None:
            self._best = 0.0  # a group has grown; a map knows its size, or shows no fraction
        self._name_after(record)
        self.here += 1
        self._counts[record.snapshot.state] += 1
        self._states[record.id] = record.snapshot.state
        self._moved(record, None)
        self._tell(record, replaced)

    def remember(self, state: JobState, index: int | None = None) -> None:
        """Count a job that has ended in an earlier process, and is not here."""
        self._counts[state] += 1
        if index is not None:
            self._taken = max(self._taken, index + 1)

    def note(self, record: Record) -> None:
        """Count a job in its present state."""
        state = record.snapshot.state
        if self._unread and record.snapshot.read:
            self._unread.discard(record.id)
        before = self._states.get(record.id)
        if before is state or before is None:  # or it was restarted meanwhile
            return
        self._states[record.id] = state
        self._counts[before] -= 1
        self._counts[state] += 1
        self._moved(record, before)
        if before is JobState.INTERRUPTED and state not in TERMINAL:
            self._tell(record, record.id)  # it goes on: its end is to be waited for again

    def _tell(self, record: Record, replaced: str | None) -> None:
        for follower in list(self.followers):
            follower._joined(record, replaced)

    def forget(self, record: Record) -> None:
        """Take note that an ended job has left the registry; it is counted all the same."""
        self.here -= 1
        self._unread.discard(record.id)
        if record.snapshot.state is JobState.SUCCEEDED:  # any other one may be restarted yet
            self._states.pop(record.id, None)

    def stop_inputs(self) -> None:
        """Take no more input in."""
        for stop in list(self.open_inputs.values()):
            stop()

    def _name_after(self, record: Record) -> None:
        info = record.snapshot.info
        if not self.type:
            self.type, self.subject = info.type, info.subject
            self.name = self.name or info.name
        elif not self._is_named and info.name != self.name:
            self.name, self._is_named = self.type, True  # each job has a name of its own
        if info.index is not None and info.continues is None:
            self._taken = max(self._taken, info.index + 1)
        if info.batch_size is not None and not self.sizes:
            self._size = max(self._size, info.batch_size)  # as an earlier process knew it

    def _moved(self, record: Record, before: JobState | None) -> None:
        snapshot = record.snapshot
        state = snapshot.state
        if state is JobState.INTERRUPTED:
            self._was_cut_off = True
        if state in TERMINAL or state is JobState.QUEUED:
            self._begun.pop(record.id, None)
        else:
            self._begun[record.id] = record
        if state is JobState.FAILED:
            self._error = snapshot.error
            if not snapshot.read:
                self._unread.add(record.id)
        self._note_times(snapshot.started_at, snapshot.changed_at)
        if before is not None and state in TERMINAL:
            self._sample(snapshot.changed_at)

    def _note_times(self, started_at: float | None, now: float) -> None:
        if started_at is not None and self._started_at is None:
            self._started_at = started_at
            self._speed.append((started_at, 0.0))
        if self.is_idle:
            self._stopped_at = max(self._stopped_at or now, now)
        elif self._stopped_at is not None:
            if self._started_at is not None:
                self._started_at += max(0.0, now - self._stopped_at)
            self._stopped_at = None
            self._speed.clear()
            self._speed.append((now, self._work()))

    def _sample(self, now: float) -> None:
        if not self._speed or now - self._speed[-1][0] >= 1:
            self._speed.append((now, self._work()))

    def pause(self, paused: bool, now: float) -> None:
        """Take note that no input is taken in, or that it is again."""
        was_idle, self.is_paused = self.is_idle, paused
        if not (was_idle and self.is_idle):  # else it has stopped before, and still stands
            self._note_times(None, now)

    # -- looking

    @property
    def has_begun(self) -> bool:
        """Whether a job of it has started."""
        return self._started_at is not None

    @property
    def is_idle(self) -> bool:
        """Whether no job is at work, and none is going to be."""
        waits = bool(self.open_inputs) or self._counts[JobState.QUEUED] > 0
        at_work = self._counts[JobState.RUNNING] + self._counts[JobState.CANCELLING]
        return not at_work and (self.is_paused or not waits)

    @property
    def is_complete(self) -> bool:
        """Whether all its jobs have ended, and no more come."""
        return not self.open_inputs and self.ended == self.submitted

    @property
    def submitted(self) -> int:
        """The number of jobs that were submitted."""
        return sum(self._counts.values())

    @property
    def ended(self) -> int:
        """The number of jobs that have ended."""
        return sum(self._counts[state] for state in TERMINAL)

    @property
    def total(self) -> int | None:
        """The number of jobs there will be; None while that is not known."""
        submitted, to_come = self.submitted, 0
        for input_id, size in self.sizes.items():
            if size is None:
                return None
            if input_id == self.id:  # all its jobs are of this input
                return max(size, submitted)
            to_come += max(0, size - self.given.get(input_id, 0))
        return max(self._size - (self.lost or 0), submitted + to_come)

    @property
    def lost(self) -> int | None:
        """The inputs that an earlier process had still to take in; None if there may be some."""
        if self.sizes or not self._taken:
            return 0
        if self._was_cut_off and not self._size:
            return None
        if not self._was_cut_off and self._counts[JobState.CANCELLED]:
            return 0  # a cancel of the whole takes no more input, and nothing of it is missed
        return max(0, self._size - self._taken)

    def _work(self, *, is_asked: bool = False) -> float:
        """Return the number of ended jobs, and the parts that are done of those at work."""
        begun = self._begun.values()
        snapshots = (record.present if is_asked else record.snapshot for record in begun)
        return self.ended + sum(one.progress.fraction or 0.0 for one in snapshots)

    @property
    def by_state(self) -> dict[JobState, int]:
        """The number of its jobs in each state."""
        return {state: self._counts[state] for state in JobState}

    def snapshot(self, now: float, *, is_asked: bool = False) -> BatchSnapshot:
        """Return the batch at this moment.

        Args:
            now: The time.
            is_asked: Whether somebody asks, who is to get what jobs have reported since they were
                sampled; a display gets what was sampled for it, at less cost.
        """
        from jobactors.model.batch_snapshot import BatchSnapshot, state_of_all  # for batches alone

        by_state = self.by_state
        has_failed = self.input_error is not None
        state = state_of_all(
            by_state,
            more_comes=bool(self.open_inputs),
            is_paused=self.is_paused,
            has_failed=has_failed,
        )
        return BatchSnapshot(
            id=self.id,
            name=self.name or self.id,
            type=self.type,
            subject=self.subject,
            state=state,
            by_state=by_state,
            submitted=self.submitted,
            total=self.total,
            progress=self._progress(self._work(is_asked=is_asked), now, state),
            is_open=bool(self.open_inputs),
            is_paused=self.is_paused,
            started_at=self._started_at,
            stopped_at=self._stopped_at,
            error=self.input_error or (self._error if by_state[JobState.FAILED] else None),
            unread=len(self._unread),
            lost=self.lost,
        )

    def _progress(self, work: float, now: float, state: JobState) -> Progress:
        total = self.total
        if total is not None:
            self._best = max(self._best, part_of(work, total))
        rate = self._rate(work, now) if state is JobState.RUNNING else None
        left = None if total is None or not rate else max(0.0, total - work) / rate
        fraction = None if total is None else self._best
        return Progress(self.ended, total, fraction, UNIT, rate=rate, time_left=left)

    def _rate(self, work: float, now: float) -> float | None:
        """Return the jobs that end in a second, since the oldest sample."""
        if not self._speed:
            return None
        then, before = self._speed[0]
        return (work - before) / (now - then) if work > before and now > then else None


class BatchTallies:
    """The tallies of one system's batches: of each that has a job in the registry or a handle."""

    def __init__(self) -> None:
        self._shown: dict[str, BatchTally] = {}
        self.watchers: list[Callable[[str], None]] = []
        """Called with the id of a batch that has changed without an event of one of its jobs."""
        self._known: WeakValueDictionary[str, BatchTally] = WeakValueDictionary()

    def open(self, batch_id: str, name: str = "") -> BatchTally:
        """Return the tally of a batch, made if there is none."""
        tally = self._known.get(batch_id)
        if tally is None:
            tally = self._known[batch_id] = BatchTally(batch_id, name)
        return tally

    def get(self, batch_id: str) -> BatchTally | None:
        """Return the tally of a batch, or None."""
        return self._known.get(batch_id)

    def __iter__(self) -> Iterator[BatchTally]:
        return iter(list(self._shown.values()))

    def __contains__(self, batch_id: object) -> bool:
        return batch_id in self._shown

    def add(self, record: Record) -> None:
        """Count a new job of a batch."""
        tally = self.open(record.snapshot.info.batch)
        self._shown[tally.id] = tally
        tally.add(record)

    def note(self, record: Record) -> None:
        """Count a job of a batch in its present state."""
        tally = self._known.get(record.snapshot.info.batch)
        if tally is not None:
            tally.note(record)

    def forget(self, record: Record) -> None:
        """Take note that a job of a batch has left the registry."""
        tally = self._known.get(record.snapshot.info.batch)
        if tally is None:
            return
        tally.forget(record)
        self.drop_if_over(tally)

    def changed(self, tally: BatchTally) -> None:
        """Take note that a batch has changed without an event of one of its jobs."""
        self.drop_if_over(tally)
        for watcher in list(self.watchers):
            watcher(tally.id)

    def drop_if_over(self, tally: BatchTally) -> None:
        """Drop the tally of a batch that is over, and has no job here any more."""
        if not tally.here and tally.is_complete:
            self._shown.pop(tally.id, None)
