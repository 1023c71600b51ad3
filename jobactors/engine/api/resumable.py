"""Work that can go on: interrupted jobs, and ended ones that left a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from jobactors.engine.storage.submit_codec import part_from
from jobactors.engine.system.job_system import JobSystem
from jobactors.inside.verbs.ranges import PART
from jobactors.model.checkpoint import how_far_and_when
from jobactors.model.errors import NotResumable
from jobactors.model.field_docs import documented
from jobactors.model.states import JobState

from .job import Job

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record
    from jobactors.model.checkpoint import Checkpoint


@documented
class Resumable(Struct, frozen=True, eq=False, gc=False):  # in no circle, and often many
    """One piece of work that can go on.  Got from ``jobs.resumable()``."""

    job_id: str
    """The job that came to rest, or ended before its work was done."""
    type: str
    """The job type, or the function's name."""
    subject: str
    """Its subject; may be empty."""
    part: str
    """Its part, such as "2/3" of :func:`~jobactors.ranges`; empty for all of it."""
    name: str
    """The name that is shown."""
    state: JobState
    """"interrupted", or what the job ended as."""
    fraction: float | None
    """Its progress at its last checkpoint, or when it stopped if it has none; None where it is
    unknown."""
    items: float
    """Items done at its last checkpoint; 0 without one."""
    at: float
    """The time of its stop, or of its last checkpoint, in seconds since the epoch."""
    has_checkpoint: bool
    """Whether it goes on from a checkpoint; otherwise resuming begins anew."""
    obstacle: str
    """The reason for which it cannot be resumed here and now; empty if it can."""
    changed: bool
    """Whether the job type's source has changed since it was submitted."""
    _system: JobSystem

    def in_words(self) -> str:
        """Return its state for a person: "interrupted at 45 %, 2 h ago"."""
        age = self._system.core.clock.now() - self.at
        if self.fraction is None and not self.items:
            return f"{self.state}, {how_far_and_when(0.0, 0, age).partition(', ')[2]}"
        begins_anew = "" if self.has_checkpoint else ", without a checkpoint"
        return f"{self.state} at {how_far_and_when(self.fraction, self.items, age)}{begins_anew}"

    def resume(self) -> Job[Any]:
        """Go on: the interrupted job itself, or a new one that continues the ended one.

        Raises:
            NotResumable: if it cannot; :attr:`obstacle` has the reason.
        """
        job = self._job()
        if self.state is JobState.INTERRUPTED:
            job.resume()
            return job
        return job.restart(from_checkpoint=True)

    def start_fresh(self) -> Job[Any]:
        """Do the work again from its beginning, as a new job; its checkpoint is dropped.

        Raises:
            NotResumable: if it cannot be started here; :attr:`obstacle` has the reason.
        """
        return self._job().restart(from_checkpoint=False)

    def discard(self) -> None:
        """Give the work up: its checkpoint and work files are dropped."""
        if self.state is JobState.INTERRUPTED:
            self._job().discard()
        else:
            self._system.parts.portal.move(self._system.parts.leases.drop_of, self.job_id)

    def _job(self) -> Job[Any]:
        return Job(self._system, self._system.parts.portal.call(self._find))

    def _find(self) -> Record:
        """Return the job's record, or raise NotResumable if its work is gone or was continued."""
        system = self._system
        record = system.core.ended.find_anywhere(self.job_id)
        if record is None:
            raise NotResumable(self.job_id, self.obstacle or "it has been deleted")
        state = record.snapshot.state
        if state is JobState.INTERRUPTED:
            return record
        if state.is_terminal and system.parts.checkpoints.rows_of(self.job_id):
            return record
        raise NotResumable(
            self.job_id,
            "its work was taken up by another job, or dropped: jobs.latest("
            f"{self.type!r}, {self.subject!r}) is the job that was submitted last",
        )

    def __str__(self) -> str:
        about = "".join(f" {word}" for word in (self.subject, self.part) if word)
        more = f" ({self.obstacle})" if self.obstacle else ""
        return f"{self.name}{about}: {self.in_words()}{more}"


def find_resumable(system: JobSystem) -> list[Resumable]:
    """Return the work that can go on, newest first.  In the loop's thread."""
    newest: dict[str, Checkpoint] = {}
    for checkpoint in system.parts.checkpoints.all():
        known = newest.get(checkpoint.job_id)
        if known is None or _age(known) <= _age(checkpoint):
            newest[checkpoint.job_id] = checkpoint
    found = [
        _resumable(system, record, newest.pop(record.id, None))
        for record in system.parts.registry
        if record.snapshot.state is JobState.INTERRUPTED
    ]
    for job_id, checkpoint in newest.items():
        record = system.core.ended.find_anywhere(job_id)
        if record is None:
            found.append(_left_behind(system, checkpoint))
        elif record.snapshot.state in {JobState.FAILED, JobState.CANCELLED}:
            found.append(_resumable(system, record, checkpoint))
    return sorted(found, key=lambda work: -work.at)


def _age(checkpoint: Checkpoint) -> tuple[float, float]:
    return checkpoint.saved_at, checkpoint.fraction or 0.0


def _resumable(system: JobSystem, record: Record, checkpoint: Checkpoint | None) -> Resumable:
    snapshot = record.snapshot
    fraction = snapshot.progress.fraction
    if checkpoint is not None:  # it goes on from there, however far it was when it stopped
        begun = None if fraction is None or checkpoint.items else 0.0
        fraction = begun if checkpoint.fraction is None else checkpoint.fraction
    return Resumable(
        job_id=record.id,
        type=snapshot.type,
        subject=snapshot.subject,
        part=record.part or _stored_part(record),
        name=snapshot.name,
        state=snapshot.state,
        fraction=fraction,
        items=0 if checkpoint is None else checkpoint.items,
        at=snapshot.changed_at,
        has_checkpoint=checkpoint is not None,
        obstacle=system.recovery.obstacle(record),
        changed=system.recovery.has_changed(record),
        _system=system,
    )


def _stored_part(record: Record) -> str:
    """Return the part of a job that came from a store, and has no arguments yet."""
    return "" if record.submit is None else part_from(record.submit.arguments)


def _range_of(part: str) -> str:
    root = part.partition(":")[0]
    return root if PART.fullmatch(root) else ""  # the checkpoint of a phase has the phase's name


def _left_behind(system: JobSystem, checkpoint: Checkpoint) -> Resumable:
    """Describe a checkpoint without a job: a submit of the same type and subject finds it."""
    return Resumable(
        job_id=checkpoint.job_id,
        type=checkpoint.type,
        subject=checkpoint.subject,
        part=_range_of(checkpoint.part),
        name=checkpoint.type,
        state=JobState.CANCELLED,
        fraction=checkpoint.fraction,
        items=checkpoint.items,
        at=checkpoint.saved_at,
        has_checkpoint=True,
        obstacle='its job is no longer known: submit it again with on_checkpoint="resume"',
        changed=False,
        _system=system,
    )
