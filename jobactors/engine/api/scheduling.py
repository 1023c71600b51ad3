"""``jobs.schedule(…)``: submits a job whenever a rule is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

from jobactors.engine.system.job_system import JobSystem
from jobactors.model.checks import Seconds
from jobactors.model.option_types import JobOptions, names_options
from jobactors.model.options import DEFAULTS

from .submission import make_record
from .templating import check_name

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from jobactors.model.schedule_policy import CatchUp, Overlap, SchedulePolicy
    from jobactors.model.schedule_rule import Rule

    from .schedule import Schedule, ScheduleList

_REFUSED = ("after", "start_at")
"""Options that the rule decides."""


class ScheduleDraft:
    """A rule under a name, which still needs its work: what ``jobs.schedule(…)`` returns."""

    def __init__(
        self,
        system: JobSystem,
        name: str,
        rule: Rule,
        policy: SchedulePolicy,
        changes: Mapping[str, Any],
    ) -> None:
        self._system = system
        self._name = name
        self._rule = rule
        self._policy = policy
        self._changes = changes

    @names_options
    def options(self, **changes: Unpack[JobOptions]) -> ScheduleDraft:
        """Return the same with options for its jobs: ``.options(timeout=60).submit(index)``.

        Args:
            **changes: See :class:`~jobactors.Options`; all but ``after`` and ``start_at``, which
                the rule stands for.

        Raises:
            TypeError, ValueError: at once, for an unknown option or a wrong value.
        """
        for name in _REFUSED:
            if name in changes:
                raise TypeError(f"a schedule decides itself when its jobs start: leave {name}= out")
        merged = {**self._changes, **changes}
        DEFAULTS.changed(**merged)
        return ScheduleDraft(self._system, self._name, self._rule, self._policy, merged)

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Schedule:
        """Begin to submit jobs by the rule, and return the schedule's handle.

        Declared again under its name, with the same rule, it goes on where it was: so a program may
        declare its schedules whenever it starts.  With another rule it begins now.

        Args:
            work: A function, a chain, or the name of a job type with one dictionary of arguments.
                With a store, only a registered job type whose arguments JSON holds is stored; the
                same objects are passed to each run of any other one.
            *args: Its arguments; no jobs among them.
            **kwargs: Its arguments by name.

        Raises:
            TypeError, ValueError: for what cannot be called so, for jobs among the arguments, and
                for a single moment that lies in the past.
            UnknownJobType: for a name that is not registered.
            JobsClosed, StoreError: as ``jobs.submit``.
        """
        system = self._system
        system.parts.portal.check("take a schedule")
        now = system.core.clock.now()
        prototype = make_record(work, args, kwargs, self._changes, now, to_keep=True)
        if prototype.edges:
            raise TypeError("a schedule's jobs come after no other job: pass values, not jobs")
        for name in _REFUSED:
            if getattr(prototype.options, name):
                raise TypeError(f"{name}= is an option of its job type: a schedule cannot have it")
        lost = "" if prototype.submit is None else prototype.submit.lost
        in_memory = lost if system.parts.journal is not None else "there is no store"
        system.parts.portal.move(
            system.schedules.table.put, self._name, self._rule, self._policy, prototype, in_memory
        )
        from .schedule import Schedule

        return Schedule(system, self._name)

    def __repr__(self) -> str:
        return f"<ScheduleDraft {self._name!r}: {self._rule}; submit(…) begins it>"


class HasSchedules:
    """The part of :class:`~jobactors.Jobs` that submits jobs by rules of time."""

    _system: JobSystem

    def schedule(
        self,
        name: str,
        rule: str | Rule,
        *,
        zone: str | ZoneInfo | None = None,
        late: Seconds = 300.0,
        catch_up: CatchUp = "latest",
        overlap: Overlap = "skip",
        jitter: Seconds = 0.0,
        until: datetime | float | None = None,
        runs: int | None = None,
        pause_on_failures: int | None = None,
    ) -> ScheduleDraft:
        """Submit a job whenever a rule is due: ``jobs.schedule(name, rule).submit(work, …)``.

        Each occurrence is submitted once, whatever happens to the process: it is settled, and its
        job stored, in one transaction.  A clock that is set back makes nothing due twice; one that
        is set on, or a machine that sleeps, is a downtime.  After a restart the schedules of a
        store rest, under ``recover="ask"``, until they are resumed or declared again.  While a
        block or a program ends, no more jobs are submitted.  A run that fails is logged.

        Args:
            name: Its name, unique in the system; declared again it is replaced.
            rule: A cron text of five fields ("30 2 * * *"), six with seconds in front, "@hourly",
                "@daily", "@weekly", "@monthly", "@yearly"; ``ja.every(minutes=5)``; or
                ``ja.at(moment)``.  Cron texts need ``pip install 'jobactors[schedule]'``.
            zone: The IANA key of the zone in which a cron text is read; default: this machine's.
            late: Seconds after its moment for which an occurrence still counts as in time.
            catch_up: The treatment of those that are later: "latest" runs one for all of them,
                "none" none, "all" each of the last hundred, oldest first, one after the other.
            overlap: What happens while a run is unfinished: "skip", "queue" (one waits),
                "replace" (that one is cancelled) or "allow".
            jitter: Seconds by which each occurrence is put off, at most; fixed by name and moment.
            until: The last moment at which it may be due, local without a zone; default: for ever.
            runs: The number of runs after which it has ended; default: no limit.
            pause_on_failures: The number of failed runs in a row that pauses it; default: never.

        Raises:
            TypeError, ValueError: at once, for what is no rule, zone or policy.
            ImportError: for a cron text without cronsim.

        Example::

            async with ja.open_jobs(store="jobs.db") as jobs:
                jobs.schedule("nightly", "30 2 * * *").submit(index, "wiki")
                await jobs.forever()
        """
        from jobactors.model.schedule_policy import SchedulePolicy  # for schedules alone

        from .schedule import rule_for

        policy = SchedulePolicy(
            late=late,
            catch_up=catch_up,
            overlap=overlap,
            jitter=jitter,
            until=until,
            runs=runs,
            pause_on_failures=pause_on_failures,
        )
        name = check_name(name, "schedule")
        return ScheduleDraft(self._system, name, rule_for(rule, zone), policy, {})

    def schedules(self) -> ScheduleList:
        """Return all schedules, the one that is due next first; a table in a notebook.

        ``jobs.schedules()["nightly"]`` is that of one name.
        """
        from .schedule import Schedule, ScheduleList  # for schedules alone

        system = self._system
        states = system.parts.portal.look(system.schedules.table.states)
        return ScheduleList([Schedule(system, state.name) for state in states], states)
