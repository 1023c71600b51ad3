"""One job system, assembled: the order of its parts, their callbacks, and the end of all of them.

::

    commands      admission
        └─────┬─────┘  └──► recovery
              ▼                │
            core  ◄────────────┘
              ▼
    parts: queue, slots, requests, registry, bus, leases, checkpoints, journal, keys, hooks, …

Every part is made here, once, and given what it needs.  Three arrows must point up and are
callbacks: the journal refuses a job that could not be stored, the leases compare a job with the one
that left a checkpoint, which recovery may have to revive first, and the checkpoint table asks the
leases whether an old row is still in use.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVarTuple

import trio

from jobactors.engine.attempt.frames import job_of_frame
from jobactors.engine.checkpoints.leases import CheckpointLeases
from jobactors.engine.checkpoints.table import CheckpointTable
from jobactors.engine.checkpoints.work_folders import WorkFolders
from jobactors.engine.loop.clock import LoopClock
from jobactors.engine.loop.finalizer_thread import finalizers_elsewhere
from jobactors.engine.loop.portal import Portal
from jobactors.engine.loop.timers import Timers
from jobactors.engine.loop.watchdog import LoopWatch
from jobactors.engine.loop.worker_pool import WorkerPool
from jobactors.engine.queue.job_queue import JobQueue
from jobactors.engine.queue.resource_requests import ResourceRequests
from jobactors.engine.queue.slots import Slots
from jobactors.engine.records.event_bus import Bus
from jobactors.engine.records.registry import Registry
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import EngineFailed
from jobactors.model.events import Event, JobFinished, JobStopped
from jobactors.model.fold import fold
from jobactors.model.outcome import Outcome
from jobactors.model.states import JobState, Request
from jobactors.model.stored_rows import PutCheckpoint

from .admission import Admission
from .beside import first_error, serve_beside
from .callbacks import Callbacks
from .commands import Commands
from .core import Core
from .done_hooks import DoneHooks
from .late_schedules import LateSchedules
from .marks import mark_left_out
from .parts import Parts
from .rate_table import RateTable
from .recovery import Recovery
from .template_table import TemplateTable
from .unique_keys import Keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jobactors.engine.ports.store import Store
    from jobactors.engine.records.record import Record
    from jobactors.model.errors import StoreError
    from jobactors.model.rate import Rate
    from jobactors.model.retention import Retention
    from jobactors.model.stored_rows import CheckpointRow, Write

    from .recovery import Recover

_Args = TypeVarTuple("_Args")
LAST_WRITE: Final = 5.0
"""Seconds that the store has for the last batch of an engine that has failed."""


class JobSystem:
    """The engine of one ``open_jobs`` or ``ja.start``.

    Args:
        handle_for: Makes the public handle of a job.
        jobs_for: Makes the public view of this system.
        max_running: Jobs that may run at once; None for no limit.
        retention: How long ended jobs stay.
        capacities: Named resources with more than one unit.
        store: Holds jobs beyond the process; None for no store.
    """

    def __init__(
        self,
        handle_for: Callable[[JobSystem, Record], object],
        jobs_for: Callable[[JobSystem], object],
        max_running: int | None,
        retention: Retention,
        capacities: Mapping[str, int | Rate] | None = None,
        store: Store | None = None,
    ) -> None:
        look = lambda: self.parts.watch.look()  # noqa: E731, PLW0108 - it is made below
        portal, clock = Portal(self.fail, look), LoopClock()
        timers, queue = Timers(clock, portal.step), JobQueue(max_running, capacities)
        folders = WorkFolders(lambda: None if store is None else store.work_folder)
        keep = getattr(store, "keep", None)  # a store of the user's own may have none
        table = CheckpointTable(clock, folders, self._store_checkpoint, self._is_in_use, keep)
        journal = None
        if store is not None:
            from jobactors.engine.storage.journal import Journal  # and all that turns jobs to rows

            changed = self._store_has_changed
            journal = Journal(store, portal, clock, timers, self._refuse, self._left_out, changed)
        parts = Parts(
            portal=portal,
            clock=clock,
            timers=timers,
            watch=LoopWatch(portal, job_of_frame),
            workers=WorkerPool(portal),
            bus=Bus(clock.now, timers.ticks),
            registry=Registry(retention),
            queue=queue,
            slots=Slots(queue),
            requests=ResourceRequests(queue),
            rates=RateTable(queue, portal, clock, timers, journal, self._pump),
            keys=Keys(),
            hooks=DoneHooks(),
            callbacks=Callbacks(),
            checkpoints=table,
            leases=CheckpointLeases(table, folders, clock, self._find_revived),
            work_folders=folders,
            journal=journal,
        )
        self.parts: Parts = parts
        self.core: Core = Core(parts, partial(handle_for, self))
        self.recovery: Recovery = Recovery(parts, self.core)
        self.admission: Admission = Admission(parts, self.core, self.recovery)
        self.commands: Commands = Commands(parts, self.core, self.admission, self.recovery)
        self.schedules: LateSchedules = LateSchedules(
            parts, self.core, self.recovery, self.admission
        )
        self.templates: TemplateTable = TemplateTable(parts)
        self.jobs: Any = jobs_for(self)
        """The public view: a :class:`~jobactors.Jobs`."""
        self.name: str = ""
        """Set by the opener: the name it was started under; empty for the process's own."""
        self.store_note: tuple[str | None, str | None] = (None, None)
        """Set by the opener of the store: why there is none, and what could be adopted."""
        self._opened = trio.Event()
        self._closing = trio.Event()
        self._shield = trio.CancelScope(shield=True)
        self._failure: EngineFailed | None = None
        self.ending_begins: Latch = Latch()
        """Set once it is being closed, or has failed."""
        self.failed: Latch = Latch()
        """Set once the engine has failed, and the system has been ended."""
        self._services: trio.Nursery

    # -- callbacks that point up

    def _refuse(self, record: Record, error: StoreError) -> None:
        self.core.refuse(record, error)
        if record.snapshot.info.schedule:
            self.schedules.table.refused(record)

    def _left_out(self, job_id: str, why: str) -> None:
        mark_left_out(self.core, job_id, why)

    def _store_has_changed(self) -> None:
        self.core.dispatch.store_has_changed()

    def _pump(self) -> None:
        self.core.pump()

    def _find_revived(self, job_id: str) -> Record | None:
        return self.recovery.find_revived(job_id)

    def _is_in_use(self, row: CheckpointRow) -> bool:
        return self.parts.leases.is_in_use(row)

    def _store_checkpoint(self, write: Write) -> None:
        """Store a checkpoint, and its job's progress with it: the two are shown side by side."""
        journal = self.parts.journal
        if journal is None:
            return
        journal.write(write)
        if isinstance(write, PutCheckpoint):
            record = self.core.find(write.row.job_id)
            if record is not None:
                journal.refresh(record)

    # -- life

    @trio.lowlevel.enable_ki_protection
    async def open(self, nursery: trio.Nursery) -> None:
        """Serve in a nursery from now on, until closed; a cancellation does not stop half-way.

        Raises:
            KeyboardInterrupt: if Ctrl-C was pressed meanwhile; the system is open all the same.
            EngineFailed: if the engine itself has failed.
        """
        pressed: KeyboardInterrupt | None = None
        nursery.start_soon(self._run)
        with trio.CancelScope(shield=True):
            while not self._opened.is_set():
                try:
                    await self._opened.wait()
                except KeyboardInterrupt as exc:
                    pressed = exc
        if (error := self._failure or pressed) is not None:
            raise error

    # Ctrl-C belongs to the body: it must not strike, and be lost, here.
    @trio.lowlevel.enable_ki_protection
    async def _run(self) -> None:
        """Serve until closed; timers and bus outlive the actors, so that no last event is lost.

        Shielded: an outer cancellation reaches the block that opened the system, which asks each
        job to end and gives it its grace, instead of dropping them all at once.

        Raises:
            EngineFailed: if the engine itself has failed; every job is settled then, and the store
                is released.
        """
        try:
            with self._shield:
                await self._serve()
        except BaseException as exc:
            self.fail(exc)
        finally:
            self._opened.set()
        if self._failure is not None:
            raise self._failure

    async def _serve(self) -> None:
        parts = self.parts
        async with finalizers_elsewhere(), trio.open_nursery() as services:
            self._services = services
            for run in (parts.timers.run, parts.bus.run, parts.work_folders.run):
                services.start_soon(self._guard, run)
            parts.workers.open(services)
            self.schedules.open(services, self._guard)
            async with trio.open_nursery() as jobs:
                start_soon: Callable[..., None] = jobs.start_soon
                self.core.open(partial(start_soon, self._guard))
                self._opened.set()
                await self._closing.wait()
                self.core.tasks.close()
            await parts.bus.close(parts.callbacks.subscriptions_in_threads)
            await parts.callbacks.close()
            await parts.work_folders.close()
            if parts.journal is not None:
                self.core.ended.metrics.flush()
                await parts.journal.close()
            parts.portal.close()
            parts.watch.close()
            await parts.end_workers()
            services.cancel_scope.cancel()

    @trio.lowlevel.enable_ki_protection
    async def _guard(self, task: Callable[[*_Args], Awaitable[None]], *args: *_Args) -> None:
        """Run a task of the engine; what it raises is the engine's own failure."""
        # It ends the engine from here, and not by way of the nursery: that would wait for threads
        # which no cancellation reaches.
        try:
            await task(*args)
        except trio.Cancelled:
            raise
        except BaseException as exc:  # of any kind
            self.fail(exc)

    async def open_store(self, patience: float, recover: Recover) -> None:
        """Become the owner of the store, and load the jobs of earlier processes.

        Raises:
            StoreError: if it cannot be opened or read.
        """
        journal = self.parts.journal
        if journal is None:
            return
        await journal.open(patience)
        if self._failure is not None:  # it has failed meanwhile
            journal.close_now(LAST_WRITE)
            raise self._failure
        from .opening import load_store

        metrics = self.core.ended.metrics
        load_store(self.parts, self.recovery, self.templates, self.schedules, metrics, recover)

    def close(self) -> None:
        """Stop serving once the last actor has ended."""
        self.core.accepts = False
        self.ending_begins.set()
        self._closing.set()

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more jobs."""
        return not self.core.accepts

    @property
    def has_failed(self) -> bool:
        """Whether the engine has failed."""
        return self._failure is not None

    @property
    def failure(self) -> EngineFailed | None:
        """The failure of the engine, if it has failed."""
        return self._failure

    @property
    def ending(self) -> Request:
        """The request that its end makes of jobs: with a store they are only interrupted."""
        return Request.CANCEL if self.parts.journal is None else Request.INTERRUPT

    def attach(self, service: Callable[[], Awaitable[None]]) -> None:
        """Run an async function beside the jobs until the system ends; its errors are logged."""
        self._services.start_soon(serve_beside, service)

    # -- the engine's own failure

    def fail(self, cause: BaseException) -> EngineFailed:
        """End a system whose engine has failed; a second time does nothing.

        Needs no running loop, and trusts no table: each step is guarded, so that the others
        are taken although one fails.

        1. Nothing is taken or started any more.
        2. Every job that has not ended rests interrupted, with the engine's error as its reason.
        3. The store gets the last batch, and is released.
        4. Waiters wake up, calls that wait for the loop are answered, subscriptions end: a program
           that is notified of the failure can open the store at once.
        5. The tasks of the engine are cancelled, and attempts that this does not reach left behind.

        Returns:
            The error that leaves the block, or is logged.
        """
        if self._failure is not None:
            return self._failure
        self._failure = failure = EngineFailed(first_error(cause))
        failure.__cause__ = cause
        self.core.accepts = self.core.dispatch.starts = False
        for step in (
            partial(self._interrupt_all, str(failure)),
            self.ending_begins.set,
            self.core.at_work.clear,
            self._release_store,
            self._wake_all,
            partial(self.parts.portal.close, failure),
            self.parts.bus.end,
            self.parts.watch.close,
            self.parts.close_workers,
            self._cancel_tasks,
            self.failed.set,
        ):
            try:
                step()
            except BaseException as exc:  # whatever it is: the other steps follow
                with suppress(BaseException):
                    LOG.error("the failed engine could not be ended in full: %r", exc)
        return failure

    def _interrupt_all(self, reason: str) -> None:
        interrupted = Outcome(JobState.INTERRUPTED, reason=reason)
        now = self.parts.clock.now()
        for record in self.parts.registry:
            if record.snapshot.outcome is not None:
                continue
            with suppress(BaseException):
                event: Event = JobStopped(record.id, now, interrupted)
                if record.snapshot.state is JobState.CANCELLING:  # it would not go on anyway
                    cancelled = Outcome(JobState.CANCELLED, reason=record.snapshot.reason)
                    event = JobFinished(record.id, now, cancelled)
                record.snapshot = fold(record.snapshot, event)
                if record.snapshot.info.batch:
                    self.parts.registry.batches.note(record)
                if self.parts.journal is not None:
                    self.parts.journal.note(record, event)
                self.parts.bus.publish(event)

    def _wake_all(self) -> None:
        for record in self.parts.registry:
            with suppress(BaseException):
                record.settled.set()
            with suppress(BaseException):
                if record.actor is not None:
                    record.actor.abandon()

    def _cancel_tasks(self) -> None:
        with suppress(RuntimeError):  # trio itself has failed, and its tasks with it
            self._shield.cancel()

    def _release_store(self) -> None:
        if self.parts.journal is not None:
            self.parts.journal.close_now(LAST_WRITE)
