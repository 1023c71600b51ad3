"""A store in memory, for tests and as the plainest example of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from msgspec.structs import replace

from jobactors.engine.ports.store import ValueRefused
from jobactors.model.errors import StoreBusy, StoreFailed
from jobactors.model.keep import Keep
from jobactors.model.stored_rows import (
    AddEvent,
    AddOccurrence,
    DeleteJobs,
    DropCheckpoints,
    DropDocument,
    DropOccurrences,
    JobRow,
    PutCheckpoint,
    PutDocument,
    PutJob,
    SetStatus,
)

from .rows import state_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jobactors.model.states import JobState
    from jobactors.model.stored_rows import (
        CheckpointRow,
        DocumentRow,
        EventRow,
        NamedWrite,
        OccurrenceRow,
        Write,
    )

Part = tuple[str, str, str]
"""A checkpoint's key: type, subject, part."""


class MemoryStore:
    """Holds jobs in this object, with every promise of a store but to outlive the process.

    It may be opened again after it was closed, which is how a test restarts a job system::

        store = ja.MemoryStore()
        async with ja.open_jobs(store=store) as jobs:
            ...
        async with ja.open_jobs(store=store) as jobs:
            jobs.resumable()

    Args:
        keep: The limits for ended jobs and checkpoints; default: ``Keep()``.
    """

    in_loop: ClassVar[bool] = True

    def __init__(self, *, keep: Keep | None = None) -> None:
        self.keep: Keep = keep or Keep()
        """The limits for ended jobs and checkpoints."""
        self._epoch = 0
        self._is_open = False
        self._jobs: dict[str, JobRow] = {}
        self._events: dict[str, list[EventRow]] = {}
        self._checkpoints: dict[Part, CheckpointRow] = {}
        self._documents: dict[tuple[str, str], DocumentRow] = {}
        self._occurrences: dict[tuple[str, float], OccurrenceRow] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore, {len(self._jobs)} jobs>"

    @property
    def name(self) -> str:
        """Always "memory"."""
        return "memory"

    @property
    def work_folder(self) -> Path | None:
        """None: work files go with the process, too."""
        return None

    def open(self, patience: float = 0.0) -> int:  # noqa: ARG002 - no other process could release it
        """Become its owner and return the new owner epoch.

        Raises:
            StoreBusy: if it is open, however patient the caller is: it has no other thread.
        """
        if self._is_open:
            raise StoreBusy(self.name, "another job system in this process")
        self._is_open = True
        self._epoch += 1
        return self._epoch

    def close(self) -> None:
        """Give it up; its contents stay.  A second time does nothing."""
        self._is_open = False

    # -- writing

    def apply(self, writes: Sequence[Write]) -> None:
        """Write all of it, in this order."""
        self._check_open()
        self._refuse_doubles(writes)
        for write in writes:  # all that may fail does so before a change
            if isinstance(write, PutJob):
                state_text(write.row.id, write.row.state, write.row.finished_at)
            elif isinstance(write, SetStatus):
                state_text(write.id, write.state, write.finished_at)
        for write in writes:
            self._apply(write)

    def _refuse_doubles(self, writes: Sequence[Write]) -> None:
        """Refuse occurrences that are there already, or twice in the batch."""
        known = set(self._occurrences)
        doubles: list[int] = []
        for place, write in enumerate(writes):
            if isinstance(write, DropOccurrences):
                known = {key for key in known if key[0] != write.schedule}
            elif isinstance(write, AddOccurrence):
                key = write.row.schedule, write.row.at
                if key in known:
                    doubles.append(place)
                known.add(key)
        if doubles:
            why = "an occurrence of a schedule is stored already"
            raise ValueRefused(self.name, why, "submit each one once", doubles)

    def _apply(self, write: Write) -> None:
        match write:
            case PutJob(row):
                self._jobs[row.id] = row
            case SetStatus():
                self._set_status(write)
            case AddEvent(event):
                self._add_event(event)
            case PutCheckpoint(checkpoint):
                self._put_checkpoint(checkpoint)
            case DropCheckpoints(type, subject, part):
                self._drop_checkpoints(type, subject, part)
            case DeleteJobs(ids):
                self._forget(*ids)
            case _:
                self._apply_named(write)

    def _apply_named(self, write: NamedWrite) -> None:
        match write:
            case PutDocument(document):
                self._documents[document.kind, document.name] = document
            case DropDocument(kind, name):
                self._documents.pop((kind, name), None)
            case AddOccurrence(occurrence):
                self._occurrences[occurrence.schedule, occurrence.at] = occurrence
            case DropOccurrences(schedule):
                for key in [key for key in self._occurrences if key[0] == schedule]:
                    del self._occurrences[key]
            case _:
                assert_never(write)

    def _set_status(self, write: SetStatus) -> None:
        old = self._jobs.get(write.id)
        if old is None:
            return
        self._jobs[write.id] = replace(
            old,
            state=write.state,
            changed_at=write.changed_at,
            finished_at=write.finished_at,
            read=write.read,
            status=write.status,
            result=old.result if write.result is None else write.result,
        )

    def _put_checkpoint(self, row: CheckpointRow) -> None:
        key = (row.type, row.subject, row.part)
        old = self._checkpoints.get(key)
        if old is not None:
            row = replace(row, created_at=old.created_at)
        self._checkpoints[key] = row

    def _add_event(self, event: EventRow) -> None:
        if event.job_id in self._jobs:  # a job that is not stored has no log
            self._events.setdefault(event.job_id, []).append(event)

    def _drop_checkpoints(self, type: str, subject: str, part: str | None) -> None:
        for key in list(self._checkpoints):
            if key[:2] == (type, subject) and part in {None, key[2]}:
                del self._checkpoints[key]

    def _forget(self, *job_ids: str) -> None:
        for job_id in job_ids:
            self._jobs.pop(job_id, None)
            self._events.pop(job_id, None)

    # -- reading

    def unfinished(self) -> list[JobRow]:
        """Return all jobs that have not ended, in the order of submission."""
        self._check_open()
        return [row for row in self._jobs.values() if row.finished_at is None]

    def finished(
        self,
        limit: int = 50,
        *,
        since: float | None = None,
        states: Iterable[JobState] | None = None,
        type: str | None = None,
        subject: str | None = None,
    ) -> list[JobRow]:
        """Return the ended jobs that match all arguments, newest end first."""
        self._check_open()
        wanted = None if states is None else frozenset(states)
        found = [
            row
            for row in self._ended()
            if (since is None or _end(row) >= since)
            and (wanted is None or row.state in wanted)
            and (type is None or row.type == type)
            and (subject is None or row.subject == subject)
        ]
        found.reverse()
        return found[: max(0, limit)]

    def get(self, job_ids: Iterable[str]) -> list[JobRow]:
        """Return the rows of these jobs, each once, in the order of the ids."""
        self._check_open()
        return [self._jobs[job_id] for job_id in dict.fromkeys(job_ids) if job_id in self._jobs]

    def events(self, job_id: str) -> list[EventRow]:
        """Return a job's event log, oldest first."""
        self._check_open()
        return list(self._events.get(job_id, ()))

    def checkpoints(self) -> list[CheckpointRow]:
        """Return all checkpoints, the one saved longest ago first."""
        self._check_open()
        return sorted(self._checkpoints.values(), key=lambda row: row.saved_at)

    def documents(self, kind: str) -> list[DocumentRow]:
        """Return all documents of a kind, in the order in which they came."""
        self._check_open()
        return [row for row in self._documents.values() if row.kind == kind]

    def occurrences(self, schedule: str, limit: int = 50) -> list[OccurrenceRow]:
        """Return the last occurrences of a schedule, the newest first."""
        self._check_open()
        found = [row for row in self._occurrences.values() if row.schedule == schedule]
        found.sort(key=lambda row: row.at, reverse=True)
        return found[: max(0, limit)]

    def _ended(self) -> list[JobRow]:
        """Return all ended jobs, oldest end first."""
        return sorted((row for row in self._jobs.values() if row.finished_at is not None), key=_end)

    # -- forgetting

    def prune(self, now: float, at_most: int = 500) -> int:
        """Forget up to ``at_most`` jobs and checkpoints that ``keep`` lets go."""
        self._check_open()
        jobs = self._outlived_jobs(now)[:at_most]
        self._forget(*jobs)
        checkpoints = self._outlived_checkpoints(now)[: at_most - len(jobs)]
        for key in checkpoints:
            del self._checkpoints[key]
        for schedule, at in [key for key in self._occurrences if key[1] <= now - self.keep.age]:
            del self._occurrences[schedule, at]
        for job_id, log in self._events.items():
            self._events[job_id] = log[max(0, len(log) - int(self.keep.events)) :]
        return len(jobs) + len(checkpoints)

    def _outlived_jobs(self, now: float) -> list[str]:
        needed = {job_id for row in self.unfinished() for job_id in row.after}
        ended = self._ended()
        too_many = len(ended) - self.keep.jobs
        return [
            row.id
            for place, row in enumerate(ended)
            if (place < too_many or _end(row) <= now - self.keep._age_of(row.state, row.type))
            and row.id not in needed
        ]

    def _outlived_checkpoints(self, now: float) -> list[Part]:
        unfinished = {row.id for row in self.unfinished()}
        return [
            (row.type, row.subject, row.part)
            for row in self.checkpoints()
            if row.saved_at <= now - self.keep._age_of_checkpoint(row.type)
            and row.job_id not in unfinished
        ]

    def vacuum(self) -> None:
        """Do nothing: unused memory is free already."""
        self._check_open()

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreFailed(self.name, "it is not open", "open it first")


def _end(row: JobRow) -> float:
    return row.finished_at or 0.0
