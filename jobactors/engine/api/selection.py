"""``Selection``: the jobs that match a filter, commanded as one."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from msgspec.structs import replace

from jobactors.model.errors import IllegalVerb, NotResumable
from jobactors.model.plain_values import checked_reason
from jobactors.model.states import JobState

from .job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.snapshot import JobSnapshot

_AT_ONCE: Final = 200
"""Jobs commanded in one step: the loop does nothing else meanwhile."""


@final
class Selection:
    """The jobs that match a filter: ``jobs.select(tag="nightly").cancel()``.

    The filter is applied when a command is called.  A job to which the command does not apply in
    its state is left alone; the snapshots of the others are returned.
    """

    def __init__(self, system: JobSystem, wanted: Callable[[JobSnapshot], bool]) -> None:
        self._system = system
        self._wanted = wanted

    def __iter__(self) -> Iterator[Job[Any]]:
        return iter([Job[Any](self._system, record) for record in self._find()])

    def cancel(self, reason: str | None = None) -> list[JobSnapshot]:
        """Cancel all that have not ended.

        A ``map`` all of whose jobs are among them takes no more input.

        Args:
            reason: A text that is shown, and given to waiters; default: none.

        Raises:
            TypeError: for a reason that is no text.
        """
        reason = checked_reason(reason)
        self._system.parts.portal.call(self._stop_inputs)
        unfinished = [r for r in self._find() if not r.snapshot.state.is_terminal]
        return self._command(partial(cancel_record, self._system, reason=reason), unfinished)

    def _stop_inputs(self) -> None:
        """Take no more input into batches whose unfinished jobs match, and whose next one would."""
        registry = self._system.parts.registry
        for tally in [tally for tally in registry.batches if tally.open_inputs]:
            jobs = [r.snapshot for r in registry if r.snapshot.info.batch == tally.id]
            unfinished = [job for job in jobs if not job.state.is_terminal]
            coming = [replace(job, state=JobState.QUEUED) for job in jobs[-1:]]
            if coming and all(map(self._wanted, unfinished + coming)):
                tally.stop_inputs()

    def pause(self) -> list[JobSnapshot]:
        """Pause all that run."""
        return self._command(self._system.commands.pause)

    def resume(self) -> list[JobSnapshot]:
        """Resume all that are paused or interrupted, and can go on; what was held is held again."""
        return self._command(self._system.commands.resume)

    def discard(self) -> list[JobSnapshot]:
        """End all that are interrupted; their checkpoints are dropped."""
        return self._command(self._system.commands.discard)

    def hold(self) -> list[JobSnapshot]:
        """Hold all that are queued."""
        return self._command(self._system.commands.hold)

    def release(self) -> list[JobSnapshot]:
        """Release all that are held."""
        return self._command(self._system.commands.release)

    def delete(self) -> list[JobSnapshot]:
        """Remove all that have ended, from the registry and from the store."""
        return self._command(self._system.commands.delete)

    def _find(self) -> list[Record]:
        return self._system.parts.portal.look(
            lambda: [r for r in self._system.parts.registry if self._wanted(r.snapshot)]
        )

    def _command(
        self, command: Callable[[Record], object], records: list[Record] | None = None
    ) -> list[JobSnapshot]:
        """Command many jobs, a few hundred in one step."""
        return command_some(self._system, self._find() if records is None else records, command)

    def __repr__(self) -> str:
        return f"<Selection of {len(self._find())} jobs>"


def command_some(
    system: JobSystem, records: list[Record], command: Callable[[Record], object]
) -> list[JobSnapshot]:
    """Command many jobs, a few hundred in one step; return those to which it applied."""
    snapshots: list[JobSnapshot] = []
    for start in range(0, len(records), _AT_ONCE):
        some = records[start : start + _AT_ONCE]
        snapshots += system.parts.portal.move(_command_all, some, command)
    return snapshots


def _command_all(records: list[Record], command: Callable[[Record], object]) -> list[JobSnapshot]:
    commanded: list[JobSnapshot] = []
    for record in records:
        with suppress(IllegalVerb, NotResumable):
            command(record)
            commanded.append(record.snapshot)
    return commanded


def cancel_record(system: JobSystem, record: Record, reason: str | None) -> None:
    """Cancel a job.  In the loop's thread."""
    system.commands.cancel(record, reason)
