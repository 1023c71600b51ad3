"""``Schedule``: the handle of a schedule, and the list of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, fields

from jobactors.engine.loop.host_zone import host_zone
from jobactors.engine.system.job_system import JobSystem
from jobactors.model.checks import as_moment, check_count, check_moment
from jobactors.model.schedule_decision import MOST_COUNTED
from jobactors.model.schedule_policy import SchedulePolicy
from jobactors.model.schedule_rule import Cron, Rule, as_rule, check_zone, zone_named
from jobactors.model.schedule_state import ScheduleState, by_next
from jobactors.model.stored_rows import OccurrenceRow
from jobactors.model.unknown_names import UnknownSchedule

from .job import Job
from .named_list import NamedList

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MOST_PREVIEWED: Final = 10_000
"""Moments of a preview, at most."""
POLICY_NAMES: Final = frozenset(field.name for field in fields(SchedulePolicy))


def rule_for(value: object, zone: str | ZoneInfo | None, earlier: Rule | None = None) -> Rule:
    """Return the rule that a user has written, in the zone that was named or is this machine's.

    Raises:
        TypeError, ValueError, ImportError: if it is none; the message has the cure.
    """
    if isinstance(value, Cron) and zone is None:
        return value
    if isinstance(value, str | Cron):
        text = value if isinstance(value, str) else value.text
        if zone is not None:
            return Cron(text, check_zone(zone).key)
        return Cron(text, earlier.zone if isinstance(earlier, Cron) else host_zone())
    if zone is not None:
        as_rule(value, "UTC")
        raise TypeError(
            "zone= is for cron texts: ja.every(…) counts elapsed time, and ja.at(…) is a moment"
        )
    return as_rule(value, "UTC")


class Schedule:
    """A schedule: it submits a job whenever its rule is due.  Made by :meth:`Jobs.schedule`.

    It is stored with the jobs if its function is a registered job type whose arguments JSON holds;
    any other one goes with its process, and its ``repr`` has the reason.  Usable from any thread;
    it shows the schedule as it is now.
    """

    def __init__(self, system: JobSystem, name: str) -> None:
        self._system = system
        self._name = name

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    def state(self) -> ScheduleState:
        """Return how it stands: its rule, when it is due, what it waits for.

        Raises:
            UnknownSchedule: if it was removed.
        """
        system = self._system
        state: ScheduleState = system.parts.portal.look(system.schedules.table.state, self._name)
        return state

    def next(self) -> datetime | None:
        """Return when it is due next, jitter included, in its zone; None while it is not active.

        Raises:
            UnknownSchedule: if it was removed.
        """
        state = self.state()
        return None if state.next is None else _in_zone(state.next, state.zone)

    def preview(self, n: int, after: datetime | float | None = None) -> list[datetime]:
        """Return the next moments at which it is due, jitter included, in its zone.

        Also while it is paused: those at which it would be due.

        Args:
            n: So many at most; 10,000 are the limit.
            after: Only later ones: a datetime, local without a zone, or seconds since the epoch.
                One of the past lists those of its present rule since then, whatever became of
                them, which :meth:`history` has; default: those to come.

        Raises:
            UnknownSchedule: if it was removed.
            TypeError, ValueError: for what is no number, or no moment.

        Example::

            jobs.schedule("nightly", "30 2 * * *").submit("index").preview(3)
        """
        check_count("n", n)
        moment = as_moment(after)
        if moment is not None:
            check_moment("after", moment)
        schedules = self._system.schedules.table
        entry = self._system.parts.portal.look(schedules.get, self._name)
        now = schedules.wall.now()
        zone = entry.rule.zone if isinstance(entry.rule, Cron) else ""
        # Here, not in the loop: a rule is followed step by step.
        found = entry.preview(now, min(n, MOST_PREVIEWED), moment)
        return [_in_zone(at, zone) for at in found]

    def pause(self, reason: str = "paused by hand") -> None:
        """Submit no more jobs until :meth:`resume`; jobs that run go on.

        Args:
            reason: Shown beside it.

        Raises:
            UnknownSchedule: if it was removed.
            TypeError: for a reason that is no text.
        """
        if not isinstance(reason, str):
            raise TypeError(f"reason is text, not {type(reason).__name__}")
        self._move(self._system.schedules.table.pause, reason[:500])

    def resume(self) -> None:
        """Let it go on.

        What it has missed while its process did not run is caught up by its policy; what was due
        during a pause is left out.

        Raises:
            UnknownSchedule: if it was removed.
            NotResumable: if its job type is not registered (yet).
            JobsClosed, StoreError: as a submit.
        """
        self._move(self._system.schedules.table.resume)

    def run_now(self) -> Job[Any]:
        """Submit a job of it now, whatever else runs; its rhythm is not moved.

        Raises:
            UnknownSchedule: if it was removed.
            NotResumable: if its job type is not registered (yet).
            DuplicateJob, ResourceBusy, JobsClosed, StoreError: as a submit.
        """
        system = self._system
        record = self._move(system.schedules.table.run_now)
        return Job(system, record)

    def update(
        self, rule: Any = None, *, zone: str | ZoneInfo | None = None, **policy: Any
    ) -> None:
        """Change its rule or its policy; jobs that were submitted stay as they are.

        A new rule counts from now on, and so does its number of runs.  To change the work, declare
        the schedule again.

        Args:
            rule: As for :meth:`Jobs.schedule`; default: the present one.
            zone: The zone of a cron text; default: the present one.
            **policy: ``late``, ``catch_up``, ``overlap``, ``jitter``, ``until``, ``runs`` and
                ``pause_on_failures``, as for :meth:`Jobs.schedule`; the others stay.

        Raises:
            UnknownSchedule: if it was removed.
            TypeError, ValueError: for what is no rule, and for a wrong policy.

        Example::

            schedule.update("0 4 * * *", overlap="queue")
        """
        unknown = sorted(policy.keys() - POLICY_NAMES)
        if unknown:
            raise TypeError(
                f"unknown: {', '.join(unknown)}; update takes rule, zone, "
                f"{', '.join(sorted(POLICY_NAMES))}"
            )
        portal, schedules = self._system.parts.portal, self._system.schedules.table
        entry = portal.look(schedules.get, self._name)
        if rule is None and zone is not None:
            rule = entry.rule
        changed = None if rule is None else rule_for(rule, zone, entry.rule)
        new_policy = evolve(entry.policy, **policy) if policy else None
        portal.move(schedules.update, self._name, changed, new_policy)

    def history(self, limit: int = 50) -> list[OccurrenceRow]:
        """Return what became of its last occurrences, the newest first.

        Each was "submitted" as a job, "skipped" because of another run, "missed", or submitted
        by hand ("manual").

        Args:
            limit: So many at most; without a store the last hundred are remembered.

        Raises:
            UnknownSchedule: if it was removed.
            JobsClosed, StoreError: if the store is closed, or cannot be read.
            TypeError, ValueError: for a limit that is no whole number, or negative.
        """
        check_count("limit", limit)
        portal = self._system.parts.portal
        entry = portal.look(self._system.schedules.table.get, self._name)
        journal = self._system.parts.journal
        if journal is not None and not entry.in_memory:
            return journal.read(lambda store: store.occurrences(self._name, limit))
        remembered: list[OccurrenceRow] = portal.look(lambda: [*entry.remembered])
        return remembered[::-1][:limit]

    def remove(self) -> None:
        """Forget it and its history; its jobs stay.  A second time does nothing."""
        self._move(self._system.schedules.table.remove)

    def _move(self, command: Any, *args: Any) -> Any:
        return self._system.parts.portal.move(command, self._name, *args)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._name)

    def _key(self) -> tuple[object, str]:
        return self._system, self._name

    def __repr__(self) -> str:
        try:
            state = self.state()
        except UnknownSchedule:
            return f"<Schedule {self._name!r}, removed>"
        return _text_of(state)


def _text_of(state: ScheduleState) -> str:
    """Return a schedule as a line of text."""
    where = f" ({state.zone})" if state.zone else ""
    memory = f"; in memory: {state.in_memory}" if state.in_memory else ""
    return f"<Schedule {state.name!r}: {state.rule}{where}, {standing_of(state)}{memory}>"


def standing_of(state: ScheduleState) -> str:
    """Return how a schedule stands, in words."""
    if state.standing == "resting":
        times = "1 time" if state.missed == 1 else f"{state.missed} times"
        more = " or more" if state.missed >= MOST_COUNTED else ""
        missed = f"missed {times}{more}, " if state.missed else ""
        return f"{missed}rests until resume()"
    if state.standing == "paused":
        return f"paused: {state.reason}" if state.reason else "paused"
    if state.standing == "ended":
        return "ended: it is never due again"
    if state.next is None:
        return "due now"
    return f"next {_in_zone(state.next, state.zone):%Y-%m-%d %H:%M:%S %z}"


def _in_zone(moment: float, zone: str) -> datetime:
    """Return an aware datetime, in a zone or else in the local one."""
    if zone:
        return datetime.fromtimestamp(moment, zone_named(zone))
    return datetime.fromtimestamp(moment).astimezone()


class ScheduleList(NamedList[Schedule]):
    """The schedules of one system, the one that is due next first; a table in a notebook."""

    def __init__(self, schedules: Sequence[Schedule], states: Sequence[ScheduleState]) -> None:
        order = {state.name: place for place, state in enumerate(by_next(states))}
        ordered = sorted(schedules, key=lambda one: order[one.name])
        super().__init__(ordered, "<no schedules>", UnknownSchedule)

    def _repr_html_(self) -> str:
        from jobactors.model.html_table import counted, html_table  # for a notebook alone

        rows = [row for row in map(_row, self) if row]
        return html_table(counted(len(rows), "schedule"), ("schedule", "rule", "runs", ""), rows)


def _row(schedule: Schedule) -> tuple[str, ...]:
    """Return the cells of a schedule; none if it has been removed."""
    try:
        state = schedule.state()
    except UnknownSchedule:
        return ()
    zone = f" ({state.zone})" if state.zone else ""
    return (
        state.name,
        f"{state.in_words}{zone}",
        f"{state.label} {state.subject}".strip(),
        standing_of(state),
    )
