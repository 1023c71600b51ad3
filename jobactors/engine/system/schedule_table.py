"""The schedules of one system, and the one timer for all of them.

A heap has the moment at which each schedule is due next, and one task sleeps until the first of
them by the civil clock, in pieces of a minute: what the calendar says is not what the loop's clock
counts.  Ten thousand schedules that are not due cost as much as one.

A schedule that came from a store rests under ``recover="ask"`` until it is resumed, or declared
again by the program: no work of an earlier process starts by itself.
"""

from __future__ import annotations

import heapq
import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from jobactors.engine.loop.clock import WallClock
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import JobsClosed, NotResumable, StoreError
from jobactors.model.schedule_rule import Moment
from jobactors.model.stored_rows import SCHEDULES, DropDocument, DropOccurrences
from jobactors.model.unknown_names import UnknownSchedule

from .schedule_entry import ScheduleEntry, entry_from
from .schedule_runs import ScheduleRuns, log_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.engine.records.record import Record
    from jobactors.model.schedule_policy import SchedulePolicy
    from jobactors.model.schedule_rule import Rule
    from jobactors.model.schedule_state import ScheduleState
    from jobactors.model.stored_rows import DocumentRow

    from .admission import Admission
    from .core import Core
    from .parts import Parts
    from .recovery import Recovery

AT_ONCE: Final = 20
"""Schedules that are looked at in one step of the loop."""
FOLLOWED_AT_ONCE: Final = 200
"""Moments of their rules that are gone through in one step; the schedule that passes this bound is
the last of it.  One that has missed a year takes some three hundred, several milliseconds."""
_NO_STORE: Final = 30.0
"""Seconds until a schedule is looked at again whose job could not be stored."""


class ScheduleTable:
    """Holds the schedules of one system by name, and submits their jobs.

    In the loop's thread only.
    """

    def __init__(self, parts: Parts, core: Core, recovery: Recovery, admission: Admission) -> None:
        self._parts = parts
        self._core = core
        self._runs = ScheduleRuns(parts, core, recovery, admission)
        self._all: dict[str, ScheduleEntry] = {}
        self._heap: list[tuple[float, int, ScheduleEntry]] = []
        self._order = itertools.count()
        self._asleep: trio.CancelScope | None = None
        self._is_open = True
        self.wall: WallClock = WallClock(core.clock)
        """Civil time, by which schedules are due."""
        self.watchers: dict[object, Callable[[], None]] = {}
        """Called, quickly, after each change of a schedule; by key."""

    def load(self, rows: Iterable[DocumentRow], *, rests: bool) -> None:
        """Add the schedules of a store; what cannot be read is named in the log, and left alone.

        Args:
            rows: Their documents.
            rests: Whether they wait until they are resumed.
        """
        for row in rows:
            try:
                entry = entry_from(row, self._core.ended.find_anywhere)
            except (ValueError, TypeError, ImportError) as exc:
                LOG.warning("the schedule %.100r in the store cannot be read: %s", row.name, exc)
                continue
            entry.rests = rests
            for record in entry.open.values():
                self._watch(entry, record)
            self._all[row.name] = entry
            self._plan(entry)

    # -- looking

    def get(self, name: str) -> ScheduleEntry:
        """Return a schedule.

        Raises:
            UnknownSchedule: if there is none of that name.
        """
        found = self._all.get(name)
        if found is None:
            raise UnknownSchedule(name, tuple(self._all))
        return found

    def state(self, name: str) -> ScheduleState:
        """Return a schedule's state for displays.

        Raises:
            UnknownSchedule: if there is none of that name.
        """
        now, entry = self.wall.now(), self.get(name)
        if entry.counted_at(now) < math.inf:
            entry.count_missed(now)
        return entry.state(now)

    def states(self) -> list[ScheduleState]:
        """Return the states of all of them, in the order in which they came.

        What they have missed is as it was counted last: to count it takes milliseconds for each.
        """
        now = self.wall.now()
        return [entry.state(now) for entry in self._all.values()]

    # -- commands

    def put(
        self, name: str, rule: Rule, policy: SchedulePolicy, prototype: Record, in_memory: str
    ) -> None:
        """Add a schedule, or declare one again: with the same rule it goes on where it was.

        Raises:
            ValueError: for a single moment that lies in the past.
            JobsClosed, StoreError: as a submit.
        """
        self._core.check_open()
        now = self.wall.now()
        earlier = self._all.get(name)
        goes_on = earlier is not None and earlier.rule == rule
        settled = earlier.settled if earlier is not None and goes_on else now
        if not goes_on and isinstance(rule, Moment) and rule.at <= now:
            settled = _before(rule, policy, now)
        entry = ScheduleEntry(name, rule, policy, prototype, settled, in_memory)
        if earlier is not None:
            entry.open, entry.last, entry.remembered = (
                earlier.open,
                earlier.last,
                earlier.remembered,
            )
            if goes_on:
                entry.runs, entry.failures = earlier.runs, earlier.failures
            if earlier.paused_by == "person":
                entry.pause("person", earlier.reason)
            if in_memory and not earlier.in_memory:
                self._forget_stored(name)
        self._all[name] = entry
        self._runs.write(entry)
        self._plan(entry)
        self._changed()

    def update(self, name: str, rule: Rule | None, policy: SchedulePolicy | None) -> None:
        """Change the rule of a schedule, which settles it at now, or its policy.

        Raises:
            UnknownSchedule, StoreError, ValueError: as the others.
        """
        entry = self.get(name)
        now = self.wall.now()
        policy = entry.policy if policy is None else policy
        if rule is not None:
            settled = now
            if isinstance(rule, Moment) and rule.at <= now:
                settled = _before(rule, policy, now)
            entry.rule, entry.settled, entry.runs = rule, settled, 0
        entry.policy = policy
        self._write_and_plan(entry)

    def pause(self, name: str, reason: str) -> None:
        """Submit no more jobs for a schedule until it is resumed; its jobs go on.

        Raises:
            UnknownSchedule: if there is none of that name.
        """
        entry = self.get(name)
        entry.pause("person", reason)
        self._write_and_plan(entry)

    def resume(self, name: str) -> None:
        """Let a schedule go on.

        What it has missed because its process had ended, or its type was unknown, is caught up by
        its policy; what was due during a pause is left out.

        Raises:
            UnknownSchedule: if there is none of that name.
            NotResumable: if its job type is not registered (yet).
            JobsClosed, StoreError: as a submit.
        """
        entry = self.get(name)
        self._core.check_open()
        self._runs.revive(entry)
        if entry.paused_by in {"person", "failures"}:
            entry.settled = max(entry.settled, self.wall.now())
        entry.pause("", "")
        entry.rests, entry.failures = False, 0
        self._write_and_plan(entry)

    def run_now(self, name: str) -> Record:
        """Submit a job of a schedule by hand.

        Raises:
            UnknownSchedule: if there is none of that name.
            JobactorsError: as a submit.
        """
        entry = self.get(name)
        record = self._runs.run_now(entry)
        self._watch(entry, record)
        self._changed()
        return record

    def remove(self, name: str) -> None:
        """Forget a schedule; its jobs stay.  One that is not there is left alone."""
        entry = self._all.pop(name, None)
        if entry is None:
            return
        entry.wake = math.inf
        if not entry.in_memory:
            self._forget_stored(name)
        self._changed()

    def _forget_stored(self, name: str) -> None:
        journal = self._parts.journal
        if journal is not None:
            journal.write(DropDocument(SCHEDULES, name))
            journal.write(DropOccurrences(name))

    def _write_and_plan(self, entry: ScheduleEntry) -> None:
        self._runs.write(entry)
        self._plan(entry)
        self._changed()

    def _changed(self) -> None:
        for watcher in list(self.watchers.values()):
            watcher()

    # -- the timer

    def _plan(self, entry: ScheduleEntry, wake: float = -math.inf) -> None:
        """Look at a schedule when it is due; at once, unless that is known."""
        entry.wake = wake if entry.is_live else math.inf
        if entry.wake == math.inf:
            return
        heapq.heappush(self._heap, (entry.wake, next(self._order), entry))
        if self._asleep is not None:
            self._asleep.cancel()

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Submit jobs when they are due, until cancelled."""
        while True:
            self._parts.portal.step(self._look)
            with trio.CancelScope() as self._asleep:
                wake = self._next_wake()
                if wake == math.inf:
                    await trio.sleep_forever()
                await self.wall.sleep_until(wake)

    def _next_wake(self) -> float:
        """Return when the first schedule is due; entries that are out of date are dropped."""
        while self._heap:
            wake, _, entry = self._heap[0]
            if entry.wake == wake and self._all.get(entry.name) is entry and self._is_open:
                return wake
            heapq.heappop(self._heap)
        return math.inf

    @property
    def is_open(self) -> bool:
        """Whether jobs are submitted; not when the system is ending."""
        return self._is_open

    def close(self) -> None:
        """Submit no more jobs: the system is ending."""
        self._is_open = False
        self._heap.clear()

    def _look(self) -> None:
        """Look at some of the schedules that are due."""
        now, some, followed = self.wall.now(), False, 0
        for _ in range(AT_ONCE):
            if self._next_wake() > now or followed > FOLLOWED_AT_ONCE:
                break
            entry = heapq.heappop(self._heap)[2]
            entry.wake = math.inf
            followed += self._fire(entry, now)
            some = True
        if some:
            self._changed()

    def _fire(self, entry: ScheduleEntry, now: float) -> int:
        """Submit what is due of a schedule; return the moments that were gone through for it."""
        self._count_ends(entry)
        if not entry.is_live:
            return 0
        decision = entry.decide(now)
        known = set(entry.open)
        try:
            if decision.settled > entry.settled:
                self._runs.settle(entry, decision)
        except NotResumable as exc:
            entry.pause("obstacle", str(exc).partition(": ")[2] or str(exc))
            self._runs.write(entry)
            LOG.warning("schedule %r is paused: %s", entry.name, exc)
            return decision.followed
        except StoreError as exc:
            entry.reason = str(exc)
            self._plan(entry, now + _NO_STORE)
            return decision.followed
        except JobsClosed:
            return decision.followed
        entry.reason = ""
        for job_id in entry.open.keys() - known:
            self._watch(entry, entry.open[job_id])
        self._plan(entry, decision.wake)
        return decision.followed

    # -- the ends of jobs

    def _watch(self, entry: ScheduleEntry, record: Record) -> None:
        record.settled.call_when_set(partial(self._ended, entry.name))

    def _ended(self, name: str) -> None:
        self._parts.portal.post_quietly(self._parts.portal.step, self._take_note, name)

    def _take_note(self, name: str) -> None:
        entry = self._all.get(name)
        if entry is not None and self._count_ends(entry):
            self._changed()

    def _count_ends(self, entry: ScheduleEntry) -> bool:
        """Count the ends of a schedule's jobs; return whether there were any."""
        before = len(entry.open)
        failed = entry.count_ends()
        if len(entry.open) == before:
            return False
        log_failures(entry, failed)
        if entry.paused_by == "failures":
            entry.wake = math.inf
            LOG.warning("schedule %r is paused: %s", entry.name, entry.reason)
        self._runs.write(entry)
        return True

    def refused(self, record: Record) -> None:
        """Take note that a job could not be stored: its occurrence is due again later."""
        entry = self._all.get(record.snapshot.info.schedule)
        if entry is not None and self._runs.take_back(entry, record):
            self._plan(entry, self.wall.now() + _NO_STORE)


def _before(rule: Moment, policy: SchedulePolicy, now: float) -> float:
    """Return the moment to settle at, so that a single moment a little ago is due.

    Raises:
        ValueError: if it lies further in the past.
    """
    ago = now - rule.at
    if ago > policy.late:
        raise ValueError(
            f"{rule.in_words[:1].lower()}{rule.in_words[1:]} lies {ago:,.0f} s in the past, and "
            f"is late after {policy.late:g} s: name a later moment, or a larger late="
        )
    return rule.at - 1.0
