"""One sleeping task for all deadlines of a system, and for its sampling ticks.

A deadline is an entry of a heap; a cancelled one stays there until it comes due, or half of the
heap is such entries.  Sampling has no timer of its own for each job: a thousand jobs that report
ten times a second are looked at in ten ticks, where a thousand timers cost as much as the looking.
While no deadline is set and no job reports, nothing wakes up.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING, Final, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from .clock import LoopClock

INTERVAL: Final = 0.1
"""Seconds between two sampling ticks, at least."""
SELDOM: Final = 10
"""Ticks from one look at a source to the next, where its job is not seen."""
_SLACK: Final = 0.01
"""Part of a tick by which one may be early, as sums of tenths are not exact."""
_FEW: Final = 16
"""Cancelled timers that may stay in the heap of however few."""


class Timer:
    """A call that is due at some time, until it is cancelled."""

    __slots__ = ("_timers", "at", "call")

    def __init__(self, at: float, call: Callable[[], None], timers: Timers) -> None:
        self.at: float = at
        """Seconds since the epoch."""
        self.call: Callable[[], None] | None = call
        """None once it has been made or cancelled."""
        self._timers = timers

    def cancel(self) -> None:
        """Cancel the call; a second time, and after it was made, this does nothing."""
        if self.call is not None:
            self.call = None
            self._timers.note_cancelled()


class Sampled(Protocol):
    """A source of reports, which is looked at in a sampling tick."""

    job_id: str
    """The job whose reports they are."""

    def look(self, now: float) -> None:
        """Publish the news; ``now`` is the same for all sources of one tick.

        It must not raise for anything that a job has reported.
        """
        ...


def _call_directly(call: Callable[[], None]) -> None:
    call()


def _nothing() -> None: ...


class Timers:
    """Calls plain functions at given times.  Written by the loop's thread only.

    Args:
        clock: The time.
        step: Makes the due calls as one step of the engine.
    """

    def __init__(
        self, clock: LoopClock, step: Callable[[Callable[[], None]], None] = _call_directly
    ) -> None:
        self._clock = clock
        self._step = step
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._cancelled = 0
        """Cancelled timers in the heap."""
        self._sleep = trio.CancelScope()
        """That of the present sleep, which ends at its deadline."""
        self.ticks: SamplingTicks = SamplingTicks(clock, self._sleep_no_longer)
        """Served by the same task: most of the time nothing else wakes it up."""

    def _sleep_no_longer(self, until: float) -> None:
        """Wake up at a time of the loop.  To wake up for *that* would cost each cancel a turn."""
        if self._sleep.deadline > until:  # noqa: PLR1730 - to set it costs as much as a sample
            self._sleep.deadline = until

    def set(self, at: float, call: Callable[[], None]) -> Timer:
        """Call ``call()`` at ``at`` (seconds since the epoch), or at once if that has passed."""
        timer = Timer(at, call, self)
        if not self._heap or at < self._heap[0][0]:
            self._sleep_no_longer(self._clock.deadline(at))
        heapq.heappush(self._heap, (at, next(self._order), timer))
        return timer

    def note_cancelled(self) -> None:
        """Count a cancelled timer, and clear the heap now and then: a day's must not stay a day."""
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].call is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Serve the timers until cancelled.  A call that raises ends the engine, as moves do."""
        while True:
            self._step(self._make_due_calls)
            with trio.CancelScope(
                deadline=min(self._next_deadline(), self.ticks.due)
            ) as self._sleep:
                await trio.sleep_forever()

    def _next_deadline(self) -> float:
        return self._clock.deadline(self._heap[0][0]) if self._heap else math.inf

    def _make_due_calls(self) -> None:
        now = self._clock.now()
        while self._heap and (self._heap[0][2].call is None or self._heap[0][0] <= now):
            timer = heapq.heappop(self._heap)[2]
            call, timer.call = timer.call, None
            if call is None:
                self._cancelled -= 1
            else:
                call()
        self.ticks.hold_if_due()


class SamplingTicks:
    """Looks at every source that has joined, once: in the next tick if its job is in sight.

    The others are looked at in every tenth tick, a tenth of them each time; a tick with none of
    either is left out.  Written by the loop's thread.

    A tick is held as soon as the loop has finished its present step, or when the last one is old
    enough.  Time between ticks is the loop's own, which no step of the system's clock stretches.

    Args:
        clock: The time.
        due_at: Called with the loop's time of the next tick, when that has become an earlier one.
    """

    def __init__(self, clock: LoopClock, due_at: Callable[[float], None]) -> None:
        self._clock = clock
        self._due_at = due_at
        self._next: dict[Sampled, None] = {}
        self._later: list[dict[Sampled, None]] = [{} for _ in range(SELDOM)]
        self._waiting = 0
        """The sources in :attr:`_later`."""
        self._turn = 0
        self._in_sight: Container[str] | None = None
        self.held: Callable[[], None] = _nothing
        """Called at the end of each tick: what it has published is handed out at once."""
        self._not_before = -math.inf

    def join(self, source: Sampled, *, at_once: bool = False) -> None:
        """Look at ``source`` in its next tick; once, however often it joins.

        Args:
            source: The source.
            at_once: Whether that is the very next one, also where its job is not in sight.
        """
        if at_once or self.shows(source.job_id):
            self._next[source] = None
            if len(self._next) == 1:
                self._due_at(self._not_before)
            return
        turn = self._turn_of(source)
        later = self._later[turn]
        if source not in later and source not in self._next:
            later[source] = None
            self._waiting += 1
            if len(later) == 1:
                self._due_at(self._due_of(turn))

    def shows(self, job_id: str) -> bool:
        """Return whether a job is in sight, and so is looked at in every tick; from any thread."""
        in_sight = self._in_sight
        return in_sight is None or job_id in in_sight

    def leave(self, source: Sampled) -> None:
        """Leave ``source`` out of the ticks to come, unless it joins again."""
        self._next.pop(source, None)
        later = self._later[self._turn_of(source)]
        if source in later:
            del later[source]
            self._waiting -= 1

    def show(self, job_ids: Container[str] | None) -> None:
        """Look at these jobs in every tick from now on, and at the others seldom; None: at all."""
        self._in_sight = job_ids
        if not self._waiting:
            return
        for later in self._later:
            seen = [one for one in later if job_ids is None or one.job_id in job_ids]
            for source in seen:
                del later[source]
                self._next[source] = None
            self._waiting -= len(seen)
        if self._next:
            self._due_at(self._not_before)

    @staticmethod
    def _turn_of(source: Sampled) -> int:
        return hash(source.job_id) % SELDOM

    @property
    def due(self) -> float:
        """The loop's time at which the next tick may be held; infinite if no source has joined."""
        if self._next or not self._waiting:
            return self._not_before if self._next else math.inf
        turns = range(self._turn + 1, self._turn + 1 + SELDOM)
        return self._due_of(next(turn for turn in turns if self._later[turn % SELDOM]))

    def _due_of(self, turn: int) -> float:
        return self._not_before + (turn - self._turn - 1) % SELDOM * INTERVAL

    def hold_if_due(self) -> None:
        """Look at the sources that have joined; one that joins meanwhile is for the next tick."""
        begun = self._clock.loop_time()
        if begun < self.due:
            return
        sources, self._next = list(self._next), {}
        late = (begun - self._not_before) / INTERVAL
        for _ in range(SELDOM if late >= SELDOM else int(late + _SLACK) + 1):
            self._turn = turn = (self._turn + 1) % SELDOM
            if later := self._later[turn]:
                sources += later
                self._waiting -= len(later)
                self._later[turn] = {}
        self._not_before = begun + INTERVAL
        now = self._clock.now()
        for source in sources:
            source.look(now)
        self.held()
