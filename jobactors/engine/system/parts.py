"""The parts of one job system.

A part knows only the parts and callbacks that it was made with, never the system.  The modules that
stand above (core, admission, recovery, commands) share this one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from jobactors.engine.ports.shared import Shared

if TYPE_CHECKING:
    from jobactors.engine.checkpoints.leases import CheckpointLeases
    from jobactors.engine.checkpoints.table import CheckpointTable
    from jobactors.engine.checkpoints.work_folders import WorkFolders
    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.loop.portal import Portal
    from jobactors.engine.loop.timers import Timers
    from jobactors.engine.loop.watchdog import LoopWatch
    from jobactors.engine.loop.worker_pool import WorkerPool
    from jobactors.engine.queue.job_queue import JobQueue
    from jobactors.engine.queue.resource_requests import ResourceRequests
    from jobactors.engine.queue.slots import Slots
    from jobactors.engine.records.event_bus import Bus
    from jobactors.engine.records.registry import Registry
    from jobactors.engine.storage.journal import Journal
    from jobactors.inside.signals.latch import Latch

    from .callbacks import Callbacks
    from .done_hooks import DoneHooks
    from .rate_table import RateTable
    from .unique_keys import Keys


class Parts(Struct, frozen=True, eq=False):
    """The parts of one job system, made once by :class:`~.job_system.JobSystem`."""

    portal: Portal
    """The way into the loop, and the steps in which the engine moves."""
    clock: LoopClock
    timers: Timers
    watch: LoopWatch
    """Has the watchdog look at the loop while jobs run."""
    workers: WorkerPool
    """The threads in which blocking code of jobs is called."""
    bus: Bus
    """Fans events out."""
    registry: Registry
    """The record of every job that is unfinished, or ended and unread."""
    queue: JobQueue
    """Decides which job starts next."""
    slots: Slots
    """The slots that running jobs have given up for a while."""
    requests: ResourceRequests
    """The units that running jobs wait for."""
    rates: RateTable
    """Tells the rates the time, and stores what they have counted."""
    keys: Keys
    """The unfinished job of each key."""
    hooks: DoneHooks
    """The ``on_done`` hooks at work."""
    callbacks: Callbacks
    """The functions given to ``on_event`` and ``on_change``."""
    checkpoints: CheckpointTable
    """The rows of unfinished work."""
    leases: CheckpointLeases
    """The owner of each checkpoint key."""
    work_folders: WorkFolders
    """The folders of work files."""
    journal: Journal | None
    """Writes into the store; None without one."""
    shared: Shared = field(default_factory=Shared)
    """Objects that the runners hold for all jobs of the system."""

    def close_workers(self) -> list[Latch]:
        """Let the threads and processes go; returns the latches that are set when those ended."""
        self.workers.close()
        return self.shared.close()

    async def end_workers(self) -> None:
        """Let the threads and processes go, and wait for the idle processes to end."""
        for ended in self.close_workers():
            await ended
