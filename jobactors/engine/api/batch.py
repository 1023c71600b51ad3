"""``Batch``: many jobs, handled as one: those of one ``map``, or of one group.

Its counts are those of the batch's tally in the loop, which remembers jobs that the registry has
dropped.  Its jobs are handles, which hold their outcomes for as long as the batch is held.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from jobactors.model.plain_values import checked_reason
from jobactors.model.states import JobState, Request, Waiting

from .batch_reader import BatchReader
from .display import mimebundle_of
from .job import Job
from .passed_handle import PASSED
from .selection import cancel_record, command_some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobactors.engine.records.record import Record
    from jobactors.model.batch_snapshot import BatchSnapshot
    from jobactors.model.error_text import ErrorText
    from jobactors.model.progress import Progress
    from jobactors.model.snapshot import JobSnapshot

T = TypeVar("T")


class Batch(BatchReader[T]):
    """The jobs of one ``map`` or group: waited for, commanded as one, and read as they end.

    Got from ``jobs.map``, ``jobs.group`` or ``jobs.batch(id)``, never built by hand.  Everywhere it
    is shown as one row with the totals of all.

    Read it in its own colour: ``async for job in batch`` or ``await batch`` in trio and asyncio,
    ``for job in batch`` or ``batch.result(timeout)`` in a thread.  Jobs come in the order in which
    they end; an item that is restarted ends twice, and comes twice, while ``batch.jobs`` and the
    results have its newest job alone.  Inside a job, waiting for them gives that job's slot back
    meanwhile.

    ``map`` takes its input in as jobs end, never more than ``intake`` jobs ahead, so it may be
    endless or larger than memory.  An iterable of your own is iterated in a worker thread, and may
    block.  ``cancel()`` also stops the intake.  If iterating the input raises, no more is taken
    in, and the error is raised to the reader of the batch.
    """

    _kind = "Batch"

    def __init_subclass__(cls) -> None:
        PASSED.add(cls)

    # -- looks

    @property
    def id(self) -> str:
        """The batch's id, which is in the ``info.batch`` of its jobs."""
        return self._tally.id

    @property
    def name(self) -> str:
        """The label that is shown."""
        return self.snapshot().name

    @property
    def system(self) -> Any:
        """The job system it belongs to, a :class:`~jobactors.Jobs`."""
        return self._system.jobs

    def snapshot(self) -> BatchSnapshot:
        """Return its counts and its progress at this moment; from any thread."""
        return self._portal.look(self._snapshot)

    def _snapshot(self) -> BatchSnapshot:
        return self._tally.snapshot(self._core.clock.now(), is_asked=True)

    @property
    def state(self) -> JobState:
        """The state that describes the whole, see :class:`BatchSnapshot`."""
        return self.snapshot().state

    @property
    def progress(self) -> Progress:
        """Its progress: ``done`` of ``total`` jobs, their ``fraction`` and the time left."""
        return self.snapshot().progress

    @property
    def counts(self) -> Mapping[JobState, int]:
        """The number of its jobs in each state; a text such as ``"failed"`` is a key as well."""
        return self._portal.look(self._counts)

    def _counts(self) -> Mapping[JobState, int]:
        return self._tally.by_state

    @property
    def errors(self) -> dict[int, ErrorText]:
        """The errors of its failed jobs, by their place in the input; this reads none of them."""
        failed = enumerate(job.snapshot() for job in self._jobs)
        return {
            place: snapshot.error
            for place, snapshot in failed
            if snapshot.state is JobState.FAILED and snapshot.error is not None
        }

    # -- commands

    def cancel(self, reason: str | None = None) -> list[JobSnapshot]:
        """Take no more input, and cancel every job of the batch that has not ended.

        Args:
            reason: A text that is shown, and given to waiters; default: none.

        Raises:
            TypeError: for a reason that is no text.
        """
        reason = checked_reason(reason)
        self._portal.call(self._stop_intake)
        unfinished = self._records(lambda snapshot: not snapshot.state.is_terminal)
        return self._command(partial(cancel_record, self._system, reason=reason), unfinished)

    def pause(self) -> list[JobSnapshot]:
        """Take no more input, hold the queued jobs, and pause those that run; see ``resume``.

        A job that waits on a cluster already cannot be held there: it begins if a worker has room,
        which those that are paused do not make, and is paused by another call.
        """
        self._portal.call(self._pause_intake, True)
        commands = self._system.commands
        queued = self._records(lambda snapshot: snapshot.state is JobState.QUEUED)
        held = self._command(commands.hold, queued)
        running = self._records(lambda snapshot: snapshot.state is JobState.RUNNING)
        return held + self._command(commands.pause, running)

    def resume(self) -> list[JobSnapshot]:
        """Go on: release held jobs, resume paused and interrupted ones, take more input in.

        An interrupted job that cannot go on here is left alone, see ``jobs.resumable()``.
        """
        rest = {JobState.PAUSED, JobState.INTERRUPTED}
        commands = self._system.commands
        resting = self._records(
            lambda snapshot: snapshot.state in rest or snapshot.request is Request.PAUSE
        )
        gone_on = self._command(commands.resume, resting)
        held = self._records(lambda snapshot: snapshot.waiting is Waiting.HOLD)
        gone_on += self._command(commands.release, held)
        self._portal.call(self._pause_intake, False)
        return gone_on

    def restart_failed(self) -> list[Job[T]]:
        """Restart every job that has failed, in its place; return the new jobs.

        They go on from their checkpoints.  One whose arguments are no longer there is left alone.
        """
        failed = self._records(lambda snapshot: snapshot.state is JobState.FAILED)
        restarted: list[Job[T]] = []
        self._command(partial(self._restart, into=restarted), failed)
        return restarted

    def discard(self) -> list[JobSnapshot]:
        """End every job of the batch that rests interrupted; their checkpoints are dropped."""
        resting = self._records(lambda snapshot: snapshot.state is JobState.INTERRUPTED)
        return self._command(self._system.commands.discard, resting)

    def delete(self) -> int:
        """Remove its ended jobs from registry and store; returns their number.

        Those that an unfinished job comes after stay.  The batch's own handles of them remain.
        """
        batch_id = self._tally.id

        def wanted(snapshot: JobSnapshot) -> bool:
            return snapshot.info.batch == batch_id and snapshot.state.is_terminal

        return self._portal.move(self._core.ended.clear, [], wanted, math.inf)

    def _restart(self, record: Record, into: list[Job[T]]) -> None:
        again, is_new = self._system.commands.restart(record, from_checkpoint=True)
        into.append(Job(self._system, again, is_new=is_new))

    def _records(self, wanted: Callable[[JobSnapshot], bool]) -> list[Record]:
        return [job._record for job in self.jobs if wanted(job.snapshot())]

    def _command(
        self, command: Callable[[Record], object], records: list[Record]
    ) -> list[JobSnapshot]:
        return command_some(self._system, records, command)

    def _stop_intake(self) -> None:
        """Take no more input.  In the loop's thread."""
        self._tally.stop_inputs()

    def _pause_intake(self, paused: bool) -> None:
        """Take no more input until it may go on.  In the loop's thread."""
        self._tally.pause(paused, self._core.clock.now())
        self._system.parts.registry.batches.changed(self._tally)

    def __len__(self) -> int:
        return len(self._jobs)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, job: object) -> bool:
        """Return whether a job is one of the batch: its handle, or its id."""
        return (job.id if isinstance(job, Job) else job) in self._places

    def __repr__(self) -> str:
        snapshot = self.snapshot()
        told = [f"<{self._kind} {snapshot.name}: {snapshot.counted} jobs ended"]
        unwell = (JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED, JobState.PAUSED)
        told += [f"{n} {state}" for state in unwell if (n := snapshot.by_state[state])]
        return ", ".join(told) + ">"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        return mimebundle_of(self)


PASSED.add(Batch)
