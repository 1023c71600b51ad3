"""``Jobs``: one job system, seen from outside."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, final

import trio

from jobactors.engine.ports.late_binding import load_module
from jobactors.engine.records.filters import matches
from jobactors.engine.system.shutdown import drain, stop
from jobactors.model.checks import as_seconds, check_count, check_seconds
from jobactors.model.job_list import JobList
from jobactors.model.job_summary import summary
from jobactors.model.states import ACTIVE, JobState

from .checkpoints import Checkpoints
from .display import mimebundle_of
from .forever import Forever
from .history import History
from .job import Job
from .job_graphs import JobGraphs
from .measures import Measures
from .registry_view import RegistryView
from .scheduling import HasSchedules
from .serving import Serving
from .statistics import JobsStatistics, count_jobs
from .submitter import Submitter
from .subscriptions import Subscriptions
from .templating import HasTemplates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from jobactors.engine.records.filters import States
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.batch_snapshot import BatchSnapshot
    from jobactors.model.checks import Seconds
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.resources import ResourceStates
    from jobactors.model.snapshot import JobSnapshot

    from .batch import Batch
    from .group import Group
    from .selection import Selection

_QUEUED_OR_AT_WORK: Final = ACTIVE | {JobState.QUEUED}


@final
class Jobs(
    Submitter,
    Subscriptions,
    Checkpoints,
    History,
    Measures,
    JobGraphs,
    HasTemplates,
    HasSchedules,
    Serving,
):
    """One job system.  Opened by ``open_jobs`` or ``ja.start``, never built by hand.

    Usable from any thread.  In the system's own trio loop calls are direct; elsewhere they are
    carried there, and answered in about a tenth of a millisecond.

    ``for job in jobs`` iterates over its jobs, ``len(jobs)`` counts them.  What ``ja.start``
    returns is also a block, ``with ja.start() as jobs:``, that waits for its jobs and stops them.
    """

    def __init__(self, system: JobSystem) -> None:
        super().__init__(system, {})
        self.registry: RegistryView = RegistryView(system)
        """Looks at, takes and lists finished jobs."""

    @property
    def name(self) -> str:
        """The name that ``ja.start(name=…)`` was given; empty for the process's own, and others."""
        return self._system.name

    # -- look

    def get(self, job_id: str) -> Job[Any]:
        """Return the handle of a job by its id.

        Raises:
            UnknownJob: if there is none (any more).
        """
        return Job(self._system, self._find(job_id))

    def latest(self, type: TypeOrFunction, subject: str = "") -> Job[Any] | None:
        """Return the job of this type and subject that was submitted last; None if there is none.

        For a page that comes back: is there a result, an error, or work going on?

        Args:
            type: The job type, by its name or its function; jobs under its aliases count, too.
                A name that no job had gives None, whether or not it is registered.
            subject: The subject; default: that of jobs without one.

        Raises:
            TypeError: for what is neither a name nor a function.
        """
        record = self._find_latest(type, subject)
        return None if record is None else Job(self._system, record)

    def stats(self) -> JobsStatistics:
        """Count the jobs, in all and in each state."""
        return self._system.parts.portal.look(count_jobs, self._system.parts.registry)

    def __len__(self) -> int:
        """Return the number of jobs in the registry."""
        return len(self._system.parts.registry)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Job[Any]]:
        """Iterate over the jobs there are, in the order of submission."""
        return iter(self.select())

    def __contains__(self, job: object) -> bool:
        """Return whether a job is in the registry: its handle, or its id."""
        job_id = job.id if isinstance(job, Job) else job
        return job_id in self._system.parts.registry

    # -- many at once

    def select(
        self,
        *,
        state: States | None = None,
        type: TypeOrFunction | None = None,
        subject: str | None = None,
        tag: str | None = None,
        priority: str | int | None = None,
    ) -> Selection:
        """Return the jobs that match, to be commanded as one: ``jobs.select(tag="x").cancel()``.

        Args and errors as in :meth:`list`.
        """
        from .selection import Selection  # for many jobs at once

        return Selection(self._system, matches(state, type, subject, tag, priority))

    def cancel(self, job: str | Job[Any], reason: str | None = None) -> JobSnapshot:
        """Ask a job to end; see :meth:`Job.cancel`.

        Args:
            job: The job, by its id or its handle.
            reason: A text that is shown, and given to waiters; default: none.

        Raises:
            UnknownJob: if there is none (any more).
        """
        return (job if isinstance(job, Job) else self.get(job)).cancel(reason)

    def active(
        self,
        *,
        type: TypeOrFunction | None = None,
        subject: str | None = None,
        tag: str | None = None,
    ) -> list[JobSnapshot]:
        """Return snapshots of the jobs that are queued or at work, in the order of submission.

        Those that rest interrupted are not among them: see :meth:`resumable`.

        Args:
            type: Only jobs of this type, by its name or by its function.
            subject: Only jobs about this.
            tag: Only jobs with this tag.
        """
        return self.list(state=_QUEUED_OR_AT_WORK, type=type, subject=subject, tag=tag)

    def resources(self) -> ResourceStates:
        """Return the capacity, holders and free units of each resource that is declared or held.

        Example::

            if jobs.resources().is_busy("gpu"): ...
        """
        return self._system.parts.portal.look(self._system.parts.queue.resources.states)

    def queue(self) -> Sequence[JobSnapshot]:
        """Return the waiting jobs in the order in which they would start if nothing held them."""
        parts = self._system.parts
        return parts.portal.look(lambda: [parts.registry.get(i).snapshot for i in parts.queue])

    # -- batches

    def batches(self) -> list[BatchSnapshot]:
        """Return the batches of ``map`` and the groups that have jobs here, oldest first."""
        registry, now = self._system.parts.registry, self._system.core.clock.now
        return self._system.parts.portal.look(
            lambda: [one.snapshot(now(), is_asked=True) for one in registry.batches]
        )

    def batch(self, batch_id: str) -> Batch[Any]:
        """Return a batch by its id, which is in the ``info.batch`` of its jobs.

        It has the jobs that are still here.

        Raises:
            UnknownJob: if no job of such a batch is here (any more).
        """
        from .group import find_batch  # for batches alone

        return self._system.parts.portal.look(find_batch, self._system, batch_id)

    def group(self, name: str) -> Group:
        """Return the group of this name, to submit jobs to and to handle them as one.

        Jobs that were submitted to it before, also by an earlier process, are in it.

        Raises:
            TypeError, ValueError: for a name that is no text, or empty.
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of a group is text, not {name!r:.100}")
        if not name.strip():
            raise ValueError("the name of a group is not empty")
        from .group import open_group  # for batches alone

        return self._system.parts.portal.call(open_group, self._system, name)

    # -- steer

    def hold_dispatch(self) -> None:
        """Start no more jobs until :meth:`release_dispatch`; running ones go on."""
        self._system.parts.portal.command(self._system.commands.hold_dispatch, True)

    def release_dispatch(self) -> None:
        """Start jobs again."""
        self._system.parts.portal.command(self._system.commands.hold_dispatch, False)

    def scale(self, max_running: int | None) -> None:
        """Change how many jobs may run at once; running ones go on, free slots are filled at once.

        Raises:
            ValueError: for a number below 1.
        """
        check_max_running(max_running)
        self._system.parts.portal.command(self._system.commands.set_max_running, max_running)

    def forever(self) -> Forever:
        """Wait until the system ends: ``await jobs.forever()``, to serve schedules.

        In the body of ``open_jobs`` SIGTERM ends it as it ends any body, and Ctrl-C interrupts the
        jobs (without a store: cancels them), waits for their grace, and lets the body go on to its
        end.  A second Ctrl-C waits no longer.  In another thread, ``jobs.forever().result()``
        blocks until ``ja.stop()``.

        Example::

            async with ja.open_jobs(store="jobs.db", recover="auto") as jobs:
                jobs.schedule("nightly", "30 2 * * *").submit(index, "wiki")
                await jobs.forever()
        """
        return Forever(self._system)

    async def close(self, grace: Seconds = 0.0) -> None:
        """Take no more jobs, wait ``grace`` seconds for those there are, then stop the rest.

        Without a store they are cancelled; with one they are interrupted, to go on another day.
        In the system's own loop.  Returns when the last one has ended, or its own grace has passed.

        Args:
            grace: Seconds to wait before cancelling; ``math.inf`` waits for everything.

        Raises:
            WrongLoop: outside the system's own loop.
            TypeError, ValueError: for a grace that is no length of time, or negative.
        """
        system = self._system
        system.parts.portal.check_loop("jobs.close()", "ja.stop()")
        grace = as_seconds(grace)
        check_seconds("grace", grace)
        system.core.accepts = math.isinf(grace)
        system.ending_begins.set()
        with trio.move_on_after(grace):
            await drain(system)
        await stop(system, "the job system is closing", system.ending)

    def list(
        self,
        *,
        state: States | None = None,
        type: TypeOrFunction | None = None,
        subject: str | None = None,
        tag: str | None = None,
        priority: str | int | None = None,
        limit: int | None = None,
    ) -> list[JobSnapshot]:
        """Return snapshots of the jobs that match all conditions, in the order of submission.

        Args:
            state: Only jobs in this state, or in one of several: ``state=["queued", "running"]``;
                "finished" stands for all terminal states, "unfinished" for all others, with
                "interrupted".
            type: Only jobs of this type, by its name or its function; those of its aliases, too.
            subject: Only jobs about this.
            tag: Only jobs with this tag.
            priority: Only jobs of this priority.
            limit: Only the newest so many; default: all.

        Raises:
            ValueError: for a state or priority that does not exist.
            TypeError, ValueError: for a limit that is no whole number, or negative; for a type
                that is none.
        """
        if limit is not None:
            check_count("limit", limit)
        wanted = matches(state, type, subject, tag, priority)
        registry = self._system.parts.registry
        every = self._system.parts.portal.look(lambda: [record.present for record in registry])
        found = [snapshot for snapshot in every if wanted(snapshot)]
        return JobList(found if limit is None else found[max(0, len(found) - limit) :])

    # -- as a block

    def __enter__(self) -> Jobs:
        load_module("start").check_block(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Wait for all jobs and stop the system; if the block raised, stop them at once."""
        load_module("start").end_block(self, kind is not None)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        if self._system.is_closed:
            return f"<Jobs{name} closed>"
        return f"<Jobs{name}: {summary(self._snapshots()) or 'none yet'}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        return mimebundle_of(self)


def check_max_running(max_running: int | None) -> None:
    """Raise for a number of slots that makes no sense.

    Raises:
        TypeError, ValueError: unless it is None or an integer of at least 1.
    """
    if max_running is None:
        return
    if isinstance(max_running, bool) or not isinstance(max_running, int):
        raise TypeError(
            f"max_running is a number of jobs, or None for no limit, not {max_running!r}"
        )
    if max_running < 1:
        raise ValueError(f"max_running is at least 1, or None for no limit, not {max_running}")
