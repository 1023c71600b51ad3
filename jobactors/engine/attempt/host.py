"""The engine as a running attempt sees it.

An attempt reports to its host and asks it for slots and units.  The host stands above it and is
named by this protocol alone, so that no module of this room knows a whole system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from jobactors.engine.checkpoints.leases import CheckpointLeases
    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.loop.portal import Portal
    from jobactors.engine.loop.timers import Timers
    from jobactors.engine.loop.watchdog import LoopWatch
    from jobactors.engine.loop.worker_pool import WorkerPool
    from jobactors.engine.ports.shared import Shared
    from jobactors.engine.queue.request_lines import ResourceRequest
    from jobactors.engine.queue.slots import Loan
    from jobactors.engine.queue.wait_graph import WaitEdge
    from jobactors.engine.records.record import Record
    from jobactors.engine.storage.durable_latch import DurableLatch
    from jobactors.inside.signals.latch import Latch
    from jobactors.model.events import Event
    from jobactors.model.outcome import Ending
    from jobactors.model.states import Request


class Desk(Protocol):
    """Lends slots and grants units of resources to running jobs.  In the loop's thread only."""

    def lend_slot(
        self, waiting: Record, waits: Collection[WaitEdge], goes_on: bool = False
    ) -> Loan:
        """Free the slot of a running job that waits, perhaps for other jobs, or goes on elsewhere.

        Raises:
            Deadlock: if they wait, in a circle, for this one.
        """
        ...

    def want_slot(self, waiting: Record, loan: Loan) -> Latch:
        """End a loan; return the latch that is set as soon as the job has a slot again.

        It is set at once where the attempt that has lent the slot is over.
        """
        ...

    def take_slot(self, waiting: Record, loan: Loan) -> None:
        """End a loan; give the job its slot back at once, even if none is free: it unwinds."""
        ...

    def explain(self, record: Record, /) -> None:
        """Publish the reason for which a job waits, if it has changed."""
        ...

    def request(self, request: ResourceRequest) -> bool:
        """Grant units at once, or queue the request; returns whether they were granted.

        Raises:
            TooMuch: if no alternative can ever be granted.
            Deadlock: if the units can only come back from jobs that wait for this one.
        """
        ...

    def withdraw(self, request: ResourceRequest) -> None:
        """Forget a request that was not granted yet."""
        ...

    def give_back(self, record: Record, names: Iterable[str] | None) -> None:
        """Free units that a job holds: of these resources, or of all."""
        ...


class AttemptHost(Protocol):
    """Owns the job of an attempt, and the loop in which the attempt runs."""

    portal: Portal
    """The way into the loop from the job's own threads."""
    clock: LoopClock
    timers: Timers
    watch: LoopWatch
    """Has the loop watched while jobs run."""
    workers: WorkerPool
    """The threads in which blocking code of jobs is called."""
    shared: Shared
    """Objects that the runners hold for all jobs of the system."""
    leases: CheckpointLeases
    """Returns the checkpoints to go on from, and writes those that the attempt saves."""
    desk: Desk
    """Lends slots and grants resources."""
    has_store: bool
    """Whether jobs are stored, and no attempt starts before that is durable."""

    @property
    def start_task(self) -> Callable[..., None]:
        """Starts a task of the engine, with ``name=``; its failure is the engine's."""
        ...

    def emit(self, record: Record, event: Event) -> None:
        """Fold an event into the job's snapshot, and publish it."""
        ...

    def attempt_runs(self, turn: int, /) -> None:
        """Take note that an attempt runs, which was started in an earlier turn of the loop."""
        ...

    def attempt_started(self, record: Record, now: float | None = None, where: str = "") -> None:
        """Take note that an attempt starts which has waited elsewhere until now."""
        ...

    def attempt_paused(self, record: Record) -> None:
        """Free the slot of an attempt that stands still."""
        ...

    def attempt_ended(self, record: Record, ending: Ending, now: float) -> None:
        """Judge an attempt's ending, once: another attempt follows, or the job's outcome."""
        ...

    def until_durable(self, record: Record) -> DurableLatch | None:
        """Return the latch that is set once the store holds the job; None if it does already."""
        ...

    def cancel(self, record: Record, reason: str | None, request: Request) -> None:
        """Ask a job to end."""
        ...

    def find(self, job_id: str) -> Record | None:
        """Return the record of a job in the registry, or None."""
        ...

    def handle_for(self, record: Record, /) -> object:
        """Return the public handle of a job."""
        ...
