"""One job system: the loop-side state of everything, and the moves that change it.

The data flow in one look: the intake puts a record into the registry and the job queue; ``pump``
asks the job queue who may start and starts their actors; an actor's end comes back through
``attempt_ended``, which settles the job and pumps again.  Every change is an event: ``emit`` folds
it into the record's snapshot and hands it to the bus.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from typing import TYPE_CHECKING, Any

import trio

from jobactors.engine.attempt.actor import Actor
from jobactors.engine.checkpoints.table import CheckpointTable
from jobactors.engine.checkpoints.work_folders import WorkFolders
from jobactors.engine.loop.clock import LoopClock
from jobactors.engine.loop.portal import Portal
from jobactors.engine.loop.timers import Timers
from jobactors.engine.loop.watchdog import LoopWatch
from jobactors.engine.queue.job_queue import JobQueue
from jobactors.engine.queue.resource_requests import ResourceRequests
from jobactors.engine.queue.slots import Slots
from jobactors.engine.records.event_bus import Bus
from jobactors.engine.records.registry import Registry
from jobactors.model.events import (
    Event,
    JobFinished,
    JobRetried,
    JobStarted,
    JobStopped,
    JobWaiting,
)
from jobactors.model.fold import fold
from jobactors.model.outcome import Ending, Outcome, Raised, is_group, judge
from jobactors.model.retry import Snooze
from jobactors.model.states import JobState, Request, Waiting

from .admission import Admission
from .done_hooks import DoneHooks
from .ended_jobs import EndedJobs
from .recovery import Recovery
from .unique_keys import Keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextvars import Context
    from pathlib import Path

    from jobactors.engine.api.job import Job
    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.records.record import Record
    from jobactors.engine.storage.journal import Journal
    from jobactors.model.options import OnDone
    from jobactors.model.retention import Retention
    from jobactors.model.snapshot import JobSnapshot

_log = logging.getLogger("jobactors")


class System:
    """Everything one ``open_jobs`` or ``ja.start`` owns.  Written by its loop's thread only."""

    def __init__(
        self,
        max_running: int | None,
        retention: Retention,
        capacities: Mapping[str, int] | None = None,
    ) -> None:
        self.portal = Portal()
        self.watch = LoopWatch(self.portal)
        self.clock = LoopClock()
        self.timers = Timers(self.clock)
        self.bus = Bus(self.clock.now)
        self.registry = Registry(retention)
        self.queue = JobQueue(max_running, capacities)
        self.slots = Slots(self.queue)
        self.hooks = DoneHooks()
        self.requests = ResourceRequests(self.queue)
        self.accepts = True
        """Whether submits are taken."""
        self.starts = True
        """Whether queued jobs are started; no more once everything is being cancelled."""
        self.keys = Keys()
        self.recovery = Recovery(self)
        self.admission = Admission(self)
        self.ended = EndedJobs(self)
        self.work_base: Path | None = None
        """Where work files are kept; None for a temporary folder."""
        self.work_folders = WorkFolders(lambda: self.work_base)
        self.checkpoints = CheckpointTable(
            self.clock, self.work_folders, self.recovery.find_revived
        )
        self.journal: Journal | None = None
        """Writes into the store; None without one."""
        self.handle_for: Callable[[Record], Job[Any]]
        """Makes a job's handle."""
        self.at_work: dict[str, Record] = {}
        """The jobs that have not ended and do not rest, in the order in which they came in."""
        self._due: Timer | None = None
        self._change: trio.Event | None = None
        """Made while somebody waits for a job to end or come to rest."""
        self._closing = trio.Event()
        self._broken: deque[Record] = deque()
        self._jobs: trio.Nursery
        self._services: trio.Nursery

    # Ctrl-C belongs to the body: it must not strike, and be lost, here.
    @trio.lowlevel.enable_ki_protection
    async def run(self, task_status: trio.TaskStatus[System]) -> None:
        """Serve until closed; timers and bus outlive the actors, so that no last event is lost.

        Shielded, because what an outer cancellation means for jobs is decided by the block that
        opened the system: it walks them down the ladder instead of dropping them all at once.
        """
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as services:
                self._services = services
                services.start_soon(self.timers.run)
                services.start_soon(self.bus.run)
                services.start_soon(self.work_folders.run)
                async with trio.open_nursery() as jobs:
                    self._jobs = jobs
                    task_status.started(self)
                    jobs.start_soon(self._closing.wait)
                await self.bus.close()
                await self.work_folders.close()
                if self.journal is not None:
                    await self.journal.close()
                self.portal.close()
                self.watch.close()
                services.cancel_scope.cancel()

    # -- events

    def emit(self, record: Record, event: Event) -> None:
        """Make ``event`` true: the one place where a snapshot changes."""
        record.snapshot = fold(record.snapshot, event)
        if self.journal is not None:
            self.journal.note(record, event)
        self.bus.publish(event)

    # -- dispatch

    def pump(self, now: float | None = None) -> None:
        """Start whoever may start now, and arrange to be called when the next one is due.

        Passes through here are many: what there is nothing of costs no call.
        """
        if self.requests.waiting:
            self.requests.serve()
        if self.slots.returning:
            self.slots.serve()
        if self._broken or not self.starts:
            return  # who would start now may be about to be cancelled; a pump follows
        if self.journal is not None and self.journal.is_stalled:
            return  # nobody starts before that is on disk; a pump follows when it can be
        if self.queue.is_empty and self._due is None:
            return
        now = self.clock.now() if now is None else now
        decision = self.queue.decide(now)
        for job_id in decision.start:
            self.start(self.registry.get(job_id), now)
        for job_id in decision.moved:
            if job_id in self.queue:
                self.explain(self.registry.get(job_id))
        due = self.queue.next_due()
        if self._due is not None:
            self._due.take_back()
        self._due = None if due is None else self.timers.set(due, self.pump)

    def explain(self, record: Record) -> None:
        """Say what a queued job waits for, if that has changed."""
        now = self.clock.now()
        if record.id in self.queue:
            why = self.queue.why(record.id, now)
            if why is Waiting.SLOT and self.journal is not None and self.journal.is_stalled:
                why = Waiting.STORE
            if why is not record.snapshot.waiting:
                self.emit(record, JobWaiting(record.id, now, why))
                self.wake_drains()  # it may wait for a job at rest from now on

    def store_has_changed(self) -> None:
        """The store cannot be written any more, or again."""
        for job_id in list(self.queue):
            self.explain(self.registry.get(job_id))
        self.pump()

    def start(self, record: Record, now: float) -> None:
        """Begin a job's next attempt."""
        attempt = record.snapshot.attempt + 1
        self.emit(record, JobStarted(record.id, now, attempt, record.runner.name))
        if record.deadline is not None:
            self.admission.forget_start_deadline(record)
        record.actor = actor = Actor(self, record, attempt)
        start: Callable[..., None] = self._jobs.start_soon
        if record.context is None:
            start(actor.run, name=record.id)
        else:
            # trio copies the context in which a task is started: the submitter's, here.
            record.context.run(start, actor.run, name=record.id)

    # -- the end of an attempt

    def attempt_ended(self, actor: Actor, ending: Ending, now: float) -> None:
        """Judge an attempt's ending: another attempt, or the job's outcome."""
        record = actor.record
        record.actor = None
        request = actor.request if actor.is_stopping else None
        if isinstance(ending, Raised) and request is None:
            delay = self._next_attempt(record, ending)
            if delay is not None and self.accepts:
                self._retry(record, ending, delay)
                return
        outcome = judge(ending, request, actor.reason)
        self.slots.forget(record.id)
        self.queue.leave(record.id)
        self.queue.give_back(record.id)
        self.settle(record, outcome, now)

    def _next_attempt(self, record: Record, ending: Raised) -> float | None:
        if isinstance(ending.exception, Snooze):
            record.snoozes += 1
            return ending.exception.delay
        retry = record.options.retry
        if retry is None:
            return None
        # Jitter spreads load; it needs no secret.
        chance = random.random()  # noqa: S311
        failures = record.snapshot.attempt - record.snoozes
        return retry.delay_after(failures, ending.exception, chance)

    def _retry(self, record: Record, ending: Ending, delay: float) -> None:
        now = self.clock.now()
        error = None
        if isinstance(ending, Raised) and not isinstance(ending.exception, Snooze):
            error = ending.text
        self.emit(record, JobRetried(record.id, now, now + delay, error))
        self.queue.leave(record.id)
        self.queue.give_back(record.id)
        self.queue.add(
            record.id,
            record.snapshot.info.priority,
            due=now + delay,
            why_due=Waiting.RETRY,
            needs=record.options.resources,
        )
        self.pump()

    def settle(self, record: Record, outcome: Outcome, now: float | None = None) -> None:
        """Bring a job to its terminal state, or to rest, and let everybody know."""
        now = self.clock.now() if now is None else now
        if outcome.state is JobState.INTERRUPTED:
            self.emit(record, JobStopped(record.id, now, outcome))
        else:
            self.emit(record, JobFinished(record.id, now, outcome))
            self.registry.finished(record)
        self.at_work.pop(record.id, None)
        self.checkpoints.release(record, succeeded=outcome.state is JobState.SUCCEEDED)
        if record.deadline is not None:
            self.admission.forget_start_deadline(record)
        is_terminal = outcome.state.is_terminal
        if is_terminal:
            self.keys.give_back(record)
            record.slim()
        context = record.context
        record.context = None  # it may hold anything, and nobody needs it any more
        record.settled.set()
        hook = record.options.on_done
        if hook is not None and is_terminal:
            self.run_hook(hook, record.snapshot, context)
        if is_terminal:
            for job_id in self.queue.ended(record.id):
                self.break_if_upstream_failed(self.registry.get(job_id))
            record.edges = ()  # their results are needed no more
        self.wake_drains()
        self.ended.prune(now)
        self.pump(now)

    def break_if_upstream_failed(self, record: Record) -> None:
        """Cancel a job that comes after one which has not succeeded, and then those after it.

        A queue, not a recursion: ten thousand jobs may hang on one another.
        """
        self._broken.append(record)
        if len(self._broken) > 1:
            return
        while self._broken:
            first = self._broken[0]
            broken = next((edge for edge in first.edges if edge.broken), None)
            if broken is not None:
                self.cancel(first, broken.reason)
            self._broken.popleft()

    def run_hook(self, hook: OnDone, snapshot: JobSnapshot, context: Context | None = None) -> None:
        """Call a hook beside the jobs; the end of the system waits for it."""
        self.hooks.start(self._jobs.start_soon, hook, snapshot, context)

    # -- verbs

    def cancel(self, record: Record, reason: str | None, request: Request = Request.CANCEL) -> None:
        """Walk a job down the ladder: a queued one never starts, a running one is asked to end."""
        if record.actor is not None:
            paused = record.snapshot.state is JobState.PAUSED
            go_on = None
            if record.runner.takes_slot and (paused or self.slots.is_returning(record.id)):
                go_on = self.slots.take(record.id)  # it unwinds now, and waits for nothing
            record.actor.cancel(reason, request)
            if go_on is not None and not paused:  # its cancel may not reach it under a shield
                go_on()
        elif record.snapshot.state is JobState.QUEUED:
            self.queue.remove(record.id)
            at_rest = request is Request.INTERRUPT
            state = JobState.INTERRUPTED if at_rest else JobState.CANCELLED
            self.settle(record, Outcome(state, reason=reason))
        elif record.snapshot.state is JobState.INTERRUPTED and request is not Request.INTERRUPT:
            self.settle(record, Outcome(JobState.CANCELLED, reason=reason))

    def paused(self, record: Record) -> None:
        """An actor stands still: its slot is free."""
        self.queue.leave(record.id)
        self.wake_drains()
        self.pump()

    def find(self, job_id: str) -> Record | None:
        """Return a job's record, or None."""
        return self.registry.get(job_id) if job_id in self.registry else None

    # -- services and the end

    def attach(self, service: Callable[[], Awaitable[None]]) -> None:
        """Run an async function beside the jobs until the system ends; its errors are logged."""
        self._services.start_soon(_serve, service)

    @property
    def change(self) -> trio.Event:
        """Set when the next job ends or comes to rest."""
        if self._change is None:
            self._change = trio.Event()
        return self._change

    def wake_drains(self) -> None:
        """A job has ended, or come to rest: whoever waits for the end of all looks again."""
        if self._change is not None:
            self._change.set()
            self._change = None

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more jobs."""
        return not self.accepts

    @property
    def unfinished(self) -> list[Record]:
        """The jobs that have not ended, in the order of submission."""
        return list(self.at_work.values())

    def close(self) -> None:
        """Let :meth:`run` return once the last actor has ended."""
        self.accepts = False
        self._closing.set()


# A Ctrl-C is the body's, not a service's: raised here it would only be logged.
@trio.lowlevel.enable_ki_protection
async def _serve(service: Callable[[], Awaitable[None]]) -> None:
    try:
        await service()
    except trio.Cancelled:
        raise
    except BaseException as exc:  # whatever it raises, the jobs go on
        if is_group(exc) and exc.split(trio.Cancelled)[1] is None:
            raise  # the same, out of a nursery of the service's own
        _log.exception("a service beside the jobs failed and has ended: %r", service)
