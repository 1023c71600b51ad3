"""The core of one job system: the moves of jobs, and the one place where a snapshot changes.

The data flow in one look: admission puts a record into the registry and the job queue; ``pump``
asks the queue which jobs may start, and starts their actors; an actor's end comes back through
``attempt_ended``, which settles the job and pumps again.  Every change is an event: ``emit`` folds
it into the record's snapshot, and hands it to the journal and the bus.

Admission, recovery and commands stand above the core and call it; it calls nothing above.  All of
it runs in the loop's thread, in steps of the portal.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from jobactors.engine.attempt.actor import Actor
from jobactors.engine.attempt.call_actor import CallActor, call_for
from jobactors.engine.loop.task_pool import TaskPool
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import JobsClosed
from jobactors.model.events import (
    JobFinished,
    JobRequeued,
    JobRetried,
    JobStarted,
    JobStopped,
    JobWaiting,
)
from jobactors.model.fold import fold
from jobactors.model.last_references import drop_elsewhere
from jobactors.model.outcome import Outcome, Raised, Returned, judge
from jobactors.model.spans import PLAIN_WAITS, TURNING, stages_after, turns_after
from jobactors.model.states import JobState, Request, Waiting

from .at_work import AtWork
from .desk import SlotDesk
from .dispatch import Dispatch
from .ended_jobs import EndedJobs
from .explanation import Explanation
from .job_spans import begin_span, context_in_span, note_in_span
from .retry_delay import delay_after, error_shown, is_to_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Context

    from jobactors.engine.attempt.host import Desk
    from jobactors.engine.checkpoints.leases import CheckpointLeases
    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.loop.portal import Portal
    from jobactors.engine.loop.timers import Timers
    from jobactors.engine.loop.watchdog import LoopWatch
    from jobactors.engine.loop.worker_pool import WorkerPool
    from jobactors.engine.ports.shared import Shared
    from jobactors.engine.records.record import Edge, Record
    from jobactors.engine.storage.durable_latch import DurableLatch
    from jobactors.model.errors import StoreError
    from jobactors.model.events import Event
    from jobactors.model.options import OnDone
    from jobactors.model.outcome import Ending
    from jobactors.model.snapshot import JobSnapshot

    from .parts import Parts


class Core:
    """Moves jobs from state to state.  Written by the loop's thread only.

    The host of its jobs' attempts, see :class:`~jobactors.engine.attempt.host.AttemptHost`.
    """

    def __init__(self, parts: Parts, handle_for: Callable[[Record], object]) -> None:
        self.parts = parts
        self.portal: Portal = parts.portal
        self.clock: LoopClock = parts.clock
        self.timers: Timers = parts.timers
        self.watch: LoopWatch = parts.watch
        self.workers: WorkerPool = parts.workers
        self.shared: Shared = parts.shared
        self.leases: CheckpointLeases = parts.leases
        self.handle_for = handle_for
        self.has_store: bool = parts.journal is not None
        self.explain: Callable[[Record], None] = Explanation(
            parts, self.emit, self.wake_drains
        ).tell
        """Publishes the reason for which a job waits, if it has changed."""
        self.dispatch: Dispatch = Dispatch(parts, self.start, self.explain)
        self.pump: Callable[..., None] = self.dispatch.pump
        self.attempt_runs: Callable[[int], None] = self.dispatch.pace.pass_turn
        self.desk: Desk = SlotDesk(parts, self.pump, self.wake_drains, self.explain)
        self.ended: EndedJobs = EndedJobs(parts, self.emit)
        self.accepts = True
        """Whether submits are accepted."""
        self.at_work: AtWork = AtWork()
        self.incoming = 0
        """The batches whose input is being taken in: the end of the system waits for them."""
        self.unread_inputs: dict[int, Exception] = {}
        """The errors of inputs of batches that no reader has got, by their ``id``."""
        self._change: trio.Event | None = None
        """Made while a drain waits for a job to end or come to rest."""
        self._broken: deque[tuple[Record, Edge]] = deque()
        self.start_task: Callable[..., None] = _not_open
        self.tasks: TaskPool = TaskPool()
        """The tasks in which attempts run."""

    def open(self, start_task: Callable[..., None]) -> None:
        """Start attempts with ``start_task`` from now on, a nursery's guarded ``start_soon``."""
        self.start_task = start_task
        self.dispatch.open(start_task)
        self.tasks.open(start_task)

    # -- events

    def emit(self, record: Record, event: Event) -> None:
        """Make ``event`` true: the one place where a snapshot changes."""
        parts, before = self.parts, record.snapshot
        record.snapshot = after = fold(before, event)
        if after.info.batch:
            parts.registry.batches.note(record)
        if record.span is not None:
            note_in_span(record, event, before)
        if (
            after.progress is not before.progress
            and after.progress.stages != before.progress.stages
        ):
            record.stages = stages_after(record.stages, after, event.at)
        if record.turns is not None or before.waiting not in PLAIN_WAITS or type(event) in TURNING:
            record.turns = turns_after(record.turns, before, after, event.at)
        if parts.journal is not None:
            parts.journal.note(record, event)
        if parts.bus.is_heard:
            parts.bus.publish(event)

    # -- starts

    def start(self, record: Record, now: float) -> None:
        """Begin a job's next attempt, or let its runner wait elsewhere until it can begin."""
        attempt = record.snapshot.attempt + 1
        if record.runner.waits_elsewhere:
            self.emit(record, JobWaiting(record.id, now, Waiting.CLUSTER))
        else:
            self.attempt_started(record, now)
        context = record.context if record.span is None else context_in_span(record)
        begin_call, turn = call_for(record), self.dispatch.pace.turn
        durable = self.until_durable(record)
        if begin_call is not None:
            record.actor = called = CallActor(self, record, attempt, turn)
            called.begin_once(durable, partial(called.begin, begin_call, context))
            return
        record.actor = actor = Actor(self, record, attempt, turn)
        actor.begin_once(durable, partial(actor.begin_in, self.tasks, context))

    def attempt_started(self, record: Record, now: float | None = None, where: str = "") -> None:
        """Take note that an attempt starts, perhaps after it has waited elsewhere."""
        now = self.clock.now() if now is None else now
        attempt = record.snapshot.attempt + 1
        self.emit(record, JobStarted(record.id, now, attempt, record.runner.name, where))
        if record.deadline is not None:
            record.forget_deadline()

    def enqueue(
        self,
        record: Record,
        *,
        held: bool = False,
        due: float | None = None,
        why_due: Waiting = Waiting.START_TIME,
    ) -> None:
        """Put a job into the queue, to start in its turn; at once, if it waits for nothing."""
        self.at_work.begin(record)
        waits = held or due is not None or record.edges or record.options.resources
        if not waits and self.dispatch.start_at_once(record):
            return
        self.parts.queue.add(
            record.id,
            record.snapshot.info.priority,
            held=held,
            due=due,
            why_due=why_due,
            needs=record.options.resources,
            after=[i for i, e in record.edges.items() if not e.upstream.settled_for_good],
            takes_slot=record.runner.takes_slot,
        )
        if record.edges:
            self._break(record, record.edges.values())
        self.pump()

    def requeue(self, record: Record, event: JobRequeued, due: float | None) -> None:
        """Bring a job from rest back into the queue.

        Raises:
            JobsClosed, StoreError: as :meth:`check_open`.
        """
        self.check_open()
        begin_span(record, event.at)
        self.emit(record, event)
        why_due = Waiting.RETRY if event.waiting is Waiting.RETRY else Waiting.START_TIME
        self.enqueue(record, held=event.waiting is Waiting.HOLD, due=due, why_due=why_due)

    def check_open(self) -> None:
        """Raise unless a job could be accepted now.

        Raises:
            JobsClosed: when no more jobs are accepted.
            StoreError: when the store could not hold it.
        """
        if not self.accepts:
            raise JobsClosed
        if self.parts.journal is not None:
            self.parts.journal.check()

    # -- the end of an attempt

    def attempt_ended(self, record: Record, ending: Ending, now: float) -> None:
        """Judge an attempt's ending, once.

        1. The attempt is over: no command reaches it any more.
        2. Slot, units and requests come back, before the end is published: a waiter may submit at
           once.
        3. Unless it was asked to end, a retry or a snooze may follow: the job is queued until its
           delay has passed.  If it could never start, since a job that awaits it has taken what it
           needs, it fails instead.
        4. Otherwise the ending and the request make the outcome, by the table of
           :mod:`~jobactors.model.outcome`.
        5. The job is settled, see :meth:`settle`.
        """
        actor, record.actor = record.actor, None
        if record.settled.is_set:
            drop_elsewhere(ending)
            return  # the engine has failed, and settled it already
        parts = self.parts
        if parts.requests.waiting:
            parts.requests.forget(record.id)
        parts.slots.forget(record.id)
        parts.queue.leave(record.id)
        parts.queue.give_back(record.id)
        request = actor.request if actor is not None and actor.is_stopping else None
        if type(ending) is Raised or (request is not None and type(ending) is Returned):
            drop_elsewhere(ending)  # what it brings may be no part of the outcome
        if isinstance(ending, Raised) and request is None and self.accepts:
            check = partial(parts.queue.check_start, record.id, record.options.resources)
            delay, ending = delay_after(record, ending, check)
            if delay is not None:
                self._retry(record, ending, delay)
                return
        self.settle(record, judge(ending, request, None if actor is None else actor.reason), now)

    def _retry(self, record: Record, ending: Raised, delay: float) -> None:
        now, held = self.clock.now(), is_to_rest(record.snapshot)
        self.emit(record, JobRetried(record.id, now, now + delay, error_shown(ending)))
        self.parts.queue.add(
            record.id,
            record.snapshot.info.priority,
            held=held,
            due=now + delay,
            why_due=Waiting.RETRY,
            needs=record.options.resources,
            takes_slot=record.runner.takes_slot,
        )
        if held:
            self.explain(record)
        self.pump()

    def attempt_paused(self, record: Record) -> None:
        """Free the slot of an attempt that stands still."""
        self.parts.queue.leave(record.id)
        self.wake_drains()
        self.pump()

    def until_durable(self, record: Record) -> DurableLatch | None:
        """Return the latch that is set once the store holds the job; None if it does already."""
        journal = self.parts.journal
        return None if journal is None else journal.latch_for(record)

    # -- the end of a job

    def settle(self, record: Record, outcome: Outcome, now: float | None = None) -> None:
        """Bring a job to its terminal state, or to rest.

        1. The event: snapshot, journal, bus.
        2. Its lease on checkpoints, its deadline and its key are free for other jobs.
        3. Its waiters wake up, and its hook runs.
        4. The jobs that come after it move on, or are cancelled with it.
        5. Retention drops ended jobs; the next ones start.
        """
        now = self.clock.now() if now is None else now
        parts = self.parts
        if outcome.state is JobState.INTERRUPTED:
            self.emit(record, JobStopped(record.id, now, outcome))
        else:
            self.emit(record, JobFinished(record.id, now, outcome))
            self.ended.add(record)
        self.at_work.leave(record.id, for_good=outcome.state.is_terminal)
        self.leases.release(record, succeeded=outcome.state is JobState.SUCCEEDED)
        if record.deadline is not None:
            record.forget_deadline()
        is_terminal = outcome.state.is_terminal
        if is_terminal:
            if record.key is not None:
                parts.keys.give_back(record)
            record.slim()
        context = record.drop_context()
        record.settled.set()
        hook = record.options.on_done
        if hook is not None and is_terminal:
            self.run_hook(hook, record.snapshot, context)
        if is_terminal:
            for job_id in parts.queue.ended(record.id):
                if job_id in parts.queue:  # it may have gone with another of them
                    after = parts.registry.get(job_id)
                    self._break(after, (after.edges[record.id],))
            if record.edges:
                record.came_after, record.edges = (
                    tuple(record.edges),
                    {},
                )  # holds no results of theirs
        self.wake_drains()
        self.ended.prune(now)
        self.pump(now)

    def run_hook(self, hook: OnDone, snapshot: JobSnapshot, context: Context | None = None) -> None:
        """Call a hook beside the jobs; the end of the system waits for it."""
        self.parts.hooks.start(self.start_task, hook, snapshot, context)

    def _break(self, record: Record, edges: Iterable[Edge]) -> None:
        """Cancel a job of which one of these edges is broken, and then those after it."""
        # A queue, not a recursion: ten thousand jobs may depend on each other in a row.
        broken = next((edge for edge in edges if edge.broken), None)
        if broken is not None:
            self._broken.append((record, broken))
        if broken is None or len(self._broken) > 1:
            return
        self.dispatch.is_breaking = True
        while self._broken:
            first, broken = self._broken[0]
            if first.id in self.parts.queue:
                self.parts.queue.remove(first.id)
                self.settle(first, broken.break_outcome())
            self._broken.popleft()
        self.dispatch.is_breaking = False

    # -- moves that commands and closing share

    def cancel(self, record: Record, reason: str | None, request: Request = Request.CANCEL) -> None:
        """Cancel a job: a queued one never starts, a running one is asked to end."""
        slots = self.parts.slots
        if record.actor is not None:
            calls: list[Callable[[], None]] = []
            paused = record.snapshot.state is JobState.PAUSED
            if record.runner.takes_slot and (paused or slots.is_returning(record.id)):
                slots.take_back(record.id, record.actor.resume)
                calls = slots.take(record.id)  # it unwinds now, and waits for nothing
            record.actor.cancel(reason, request)
            for go_on in calls:  # its cancel may not reach it under a shield
                go_on()
        elif record.snapshot.state is JobState.QUEUED:
            self.parts.queue.remove(record.id)
            at_rest = request is Request.INTERRUPT
            state = JobState.INTERRUPTED if at_rest else JobState.CANCELLED
            self.settle(record, Outcome(state, reason=reason))
        elif record.snapshot.state is JobState.INTERRUPTED and request is not Request.INTERRUPT:
            self.settle(record, Outcome(JobState.CANCELLED, reason=reason))

    def refuse(self, record: Record, error: StoreError) -> None:
        """End a job before it has begun, because the store could not hold it."""
        if record.snapshot.state is JobState.QUEUED and record.actor is None:
            self.parts.queue.remove(record.id)
            self.settle(record, Outcome(JobState.FAILED, None, error, ErrorText.of(error)))

    def find(self, job_id: str) -> Record | None:
        """Return a job's record, or None."""
        registry = self.parts.registry
        return registry.get(job_id) if job_id in registry else None

    @property
    def change(self) -> trio.Event:
        """Set when the next job ends or comes to rest."""
        if self._change is None:
            self._change = trio.Event()
        return self._change

    def wake_drains(self) -> None:
        """Wake the drains, which look again: a job has ended, or come to rest."""
        if self._change is not None:
            self._change.set()
            self._change = None

    @property
    def unfinished(self) -> list[Record]:
        """The jobs that have not ended, in the order of submission."""
        return list(self.at_work.values())


def _not_open(*_: Any, **__: Any) -> None:
    raise JobsClosed("start a job")
