"""The table: what is kept of work that has not come to its end, for whoever goes on with it.

Checkpoints are kept by (type, subject, part).  A *place* on the table is one (type, subject), or,
for a range, one part of it, and belongs to one unfinished job at a time: the first that is
submitted.  A second one works *apart*: what it saves serves only its own later attempts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from jobactors.engine.records.arguments import same_arguments
from jobactors.engine.records.checkpoint_key import key_of, part_of, work_of
from jobactors.engine.records.record import Unshared
from jobactors.inside.report.checkpoint_buffer import SavedCheckpoint
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.checkpoint import Checkpoint, how_far_and_when
from jobactors.model.errors import CheckpointFound, IllegalVerb
from jobactors.model.exact import from_json
from jobactors.model.states import JobState
from jobactors.model.stored_rows import CheckpointRow, DropCheckpoints, PutCheckpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.records.checkpoint_key import Work
    from jobactors.engine.records.record import Record
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer, Saved
    from jobactors.model.options import OnCheckpoint
    from jobactors.model.stored_rows import Write

    from .work_folders import WorkFolders

AGE: Final = 7 * 86400.0
"""Seconds after its saving until a checkpoint is forgotten."""

_NONE: Final = frozenset[str]()


class CheckpointTable:
    """All kept checkpoints of one system.  Written by its loop's thread only."""

    def __init__(
        self,
        clock: LoopClock,
        work_folders: WorkFolders,
        find: Callable[[str], Record | None],
        store: Callable[[Write], None],
    ) -> None:
        self._store = store
        """Told of every change, for a store."""
        self.find_record = find
        """Finds an earlier job, to compare its arguments; whatever it does not find differs."""
        self.age = AGE
        """Seconds after its saving until a checkpoint goes, unless its job is unfinished."""
        self._clock = clock
        self._work_folders = work_folders
        self._rows: dict[Work, dict[str, CheckpointRow]] = {}
        self._owners: dict[tuple[str, str, str], Record] = {}
        self._warned: set[Work] = set()
        self._look_at = 0.0

    # -- looking

    def load(self, rows: Iterable[CheckpointRow]) -> None:
        """Put back what a store has kept."""
        for row in rows:
            self._rows.setdefault((row.type, row.subject), {})[row.part] = row
        self._work_folders.keep_only(self._rows)
        self._look_at = 0.0

    def all(self) -> list[Checkpoint]:
        """Return everything that is kept, the oldest first."""
        self.forget_old()
        rows = [row for parts in self._rows.values() for row in parts.values()]
        return [_as_seen(row) for row in sorted(rows, key=lambda row: row.created_at)]

    def find(self, type: str, subject: str = "") -> list[Checkpoint]:
        """Return what is kept of one (type, subject), a checkpoint a part."""
        self.forget_old()
        return [_as_seen(row) for row in self._rows.get((type, subject), {}).values()]

    def rows_of(self, type: str, subject: str) -> dict[str, CheckpointRow]:
        """Return what is kept of one (type, subject) as a store keeps it, by part."""
        return dict(self._rows.get((type, subject), {}))

    def has(self, type: str, subject: str) -> bool:
        """Whether anything is kept of it; from any thread."""
        return (type, subject) in self._rows

    # -- whose place it is

    def name_part(self, record: Record) -> None:
        """Find out which part of its work a job is that came from a store."""
        record.part = part_of(record)

    def check(self, record: Record) -> None:
        """Find out, before it is accepted, whether a job may begin.

        Raises:
            CheckpointFound: if something is kept, and nobody has said what to do with it.
        """
        if not self._rows or record.options.checkpoint_every is None:
            return
        self.forget_old()
        record.part = part_of(record)
        if not self._is_free(record):
            return
        rows = self._within(record)
        if rows and self._choice(record, rows) == "ask":
            raise CheckpointFound(*work_of(record), self._in_words(rows))

    def take_lease(self, record: Record) -> set[str]:
        """Give a new job its place, with what is kept there if it goes on from that.

        Returns:
            The jobs whose checkpoints it has taken over, or dropped.
        """
        earlier = set[str]()
        if record.options.checkpoint_every is None or record.unshared is not None:
            return earlier
        record.part = part_of(record)
        if not self._rows:
            self._owners.setdefault(key_of(record), record)
            return earlier
        if not self._is_free(record):
            return earlier
        for row in self._within(record):
            choice = self._choice(record, [row])
            if choice == "ask":
                return earlier  # kept in this very moment: it stays for who says what to do
            earlier.add(row.job_id)
            if choice == "fresh":
                self._drop(row)
            else:
                self._put(replace(row, job_id=record.id))
        self._owners[key_of(record)] = record
        return earlier

    def begin(self, record: Record) -> dict[str, SavedCheckpoint]:
        """An attempt begins: return what it goes on from."""
        if record.unshared is None and self._owners.get(key_of(record)) is not record:
            self._return_to(record)
        if not self._rows and record.unshared is None:
            return {}
        rows = self._within(record) if record.unshared is None else record.unshared.rows.values()
        return {row.part: SavedCheckpoint(row.value, row.items) for row in rows}

    def _return_to(self, record: Record) -> None:
        """Let a job that had no place, or lost it by its rest, have it if it takes nobody's."""
        if self._is_free(record) and all(r.job_id == record.id for r in self._within(record)):
            self._owners[key_of(record)] = record
        else:
            record.unshared = Unshared(record.id)

    def folder(self, record: Record) -> Path:
        """Return where the work files of a job are."""
        if record.unshared is not None:
            return self._work_folders.passing_folder(record.unshared.job_id)
        return self._work_folders.folder(*work_of(record))

    def release(self, record: Record, *, succeeded: bool) -> None:
        """A job has ended, or rests: others may have its place; after success nothing is kept."""
        buffer, record.buffer = record.buffer, None
        apart = record.unshared
        if apart is not None:
            apart.has_files |= buffer is not None and bool(buffer.files)
            if succeeded:
                if apart.has_files:
                    self._work_folders.discard(self.folder(record))
                record.unshared = None
            return
        if succeeded and (buffer is not None or self._rows):
            self._finish(record, buffer)
        place = key_of(record)
        if self._owners.get(place) is record:
            del self._owners[place]
        if self._rows:
            self.forget_old()

    def _finish(self, record: Record, buffer: CheckpointBuffer | None) -> None:
        """Forget what a job had saved, but for the ranges that wait to be merged."""
        files, lasting = _NONE, _NONE
        if buffer is not None:
            files, lasting = buffer.files, buffer.lasting
        rows = {row.part for row in self._within(record) if row.job_id == record.id}
        for part in (files | rows) - lasting:
            self._forget_part(record, part, self._row_of(record, part))

    def _is_free(self, record: Record) -> bool:
        """Whether no other unfinished job has this place, or a checkpoint in it."""
        if self._owners.get(key_of(record), record) is not record:
            return False
        return not any(self._owned_by_other(row, record) for row in self._within(record))

    def _owned_by_other(self, row: CheckpointRow, record: Record) -> bool:
        return self.worker_at(row) not in {None, record}

    def _owner(self, type: str, subject: str, part: str) -> Record | None:
        own = self._owners.get((type, subject, part.partition(":")[0]))
        return self._owners.get((type, subject, "")) if own is None else own

    def _within(self, record: Record) -> list[CheckpointRow]:
        """The rows of a job's place: all of its work but what other jobs have places for."""
        kept = self._rows.get(work_of(record))
        if not kept:
            return []
        root = record.part
        if root:
            return [row for part, row in kept.items() if part.partition(":")[0] == root]
        owners, work = self._owners, work_of(record)
        return [
            row
            for part, row in kept.items()
            if owners.get((*work, part.partition(":")[0]), record) is record
        ]

    def _choice(self, record: Record, rows: list[CheckpointRow]) -> str:
        chosen = record.options.on_checkpoint
        if chosen is not None:
            return chosen
        return "resume" if all(self._is_same_work(row, record) for row in rows) else "ask"

    def _is_same_work(self, row: CheckpointRow, record: Record) -> bool:
        if row.job_id == record.id:
            return True
        earlier = self.find_record(row.job_id)
        return earlier is not None and same_arguments(earlier, record)

    def _in_words(self, rows: list[CheckpointRow]) -> str:
        newest = max(rows, key=lambda row: row.saved_at)
        return how_far_and_when(newest.fraction, newest.items, self._clock.now() - newest.saved_at)

    def choice_for(self, ended: Record, from_checkpoint: bool) -> OnCheckpoint | None:
        """Return what a restart does about what is kept; None: as any submit does."""
        rows = self._rows.get(work_of(ended), {}).values()
        is_its_own = ended.unshared is not None or any(row.job_id == ended.id for row in rows)
        if from_checkpoint:
            return "resume" if is_its_own else None
        return "fresh" if is_its_own else "ask"  # a later job's is not dropped in passing

    # -- writing

    def write(self, record: Record, attempt: int, news: Iterable[tuple[str, Saved]]) -> None:
        """Keep what an attempt has saved."""
        now = self._clock.now()
        for part, saved in news:
            kept = self._row_of(record, part)
            if saved.dropped:
                self._forget_part(record, part, kept)
                continue
            row = CheckpointRow(
                *work_of(record),
                part,
                record.id,
                attempt,
                saved.text,
                saved.items,
                saved.fraction,
                now if kept is None else kept.created_at,
                now,
            )
            if record.unshared is not None:
                self._warn(record)
                record.unshared.rows[part] = row
            elif self._owner(*work_of(record), part) is record:
                self._put(row)

    def _row_of(self, record: Record, part: str) -> CheckpointRow | None:
        if record.unshared is not None:
            return record.unshared.rows.get(part)
        return self._rows.get(work_of(record), {}).get(part)

    def _forget_part(self, record: Record, part: str, row: CheckpointRow | None) -> None:
        if record.unshared is not None:
            record.unshared.rows.pop(part, None)
        elif row is not None and row.job_id == record.id:
            self._drop(row)
            return
        self._work_folders.discard_part(self.folder(record), part)

    def _put(self, row: CheckpointRow) -> None:
        self._rows.setdefault((row.type, row.subject), {})[row.part] = row
        self._store(PutCheckpoint(row))

    def _drop(self, row: CheckpointRow) -> None:
        work = (row.type, row.subject)
        parts = self._rows.get(work, {})
        parts.pop(row.part, None)
        if not parts:
            self._rows.pop(work, None)
        self._store(DropCheckpoints(*work, row.part))
        self._work_folders.discard_part(self._work_folders.folder(*work), row.part)

    def _warn(self, record: Record) -> None:
        work = work_of(record)
        if work in self._warned:
            return
        self._warned.add(work)
        LOG.warning(
            "job %s saves checkpoints beside another job of type %r about %r: only its own later "
            "attempts will find them; give each job a subject of its own",
            record.id,
            *work,
        )

    # -- forgetting

    def drop(self, type: str, subject: str = "", part: str | None = None) -> None:
        """Forget what is kept of a (type, subject), or of one part of it, with its work files.

        Raises:
            IllegalVerb: if it belongs to a job at work; nothing is dropped then.
        """
        self._drop_all([row for p, row in self.rows_of(type, subject).items() if part in {None, p}])

    def drop_of(self, job_id: str) -> None:
        """Forget what one job has left, and nothing that other parts of the same work have.

        Raises:
            IllegalVerb: if it is at work.
        """
        self._drop_all([row for row in self._all_rows() if row.job_id == job_id])

    def _drop_all(self, rows: list[CheckpointRow]) -> None:
        for row in rows:
            worker = self.worker_at(row)
            if worker is not None:
                state = worker.snapshot.state
                raise IllegalVerb(worker.id, state, "drop the checkpoint of", "cancel it first")
        for row in rows:
            self._drop(row)

    def worker_at(self, row: CheckpointRow) -> Record | None:
        """Return the job to which a checkpoint belongs, if it is queued or at work."""
        owner = self._owner(row.type, row.subject, row.part)
        return owner if owner is not None and owner.id == row.job_id else None

    def forget_old(self) -> None:
        """Forget what nobody has gone on with for so long."""
        now = self._clock.now()
        if now < self._look_at:
            return
        rows = [row for parts in self._rows.values() for row in parts.values()]
        for row in rows:
            if row.saved_at + self.age <= now and self._is_at_rest(row):
                self._drop(row)
        oldest = min((row.saved_at for row in self._all_rows()), default=now)
        self._look_at = max(oldest + self.age, now + 1.0)

    def _is_at_rest(self, row: CheckpointRow) -> bool:
        if self.worker_at(row) is not None:
            return False
        record = self.find_record(row.job_id)
        return record is None or record.snapshot.state is not JobState.INTERRUPTED

    def _all_rows(self) -> Iterator[CheckpointRow]:
        for parts in self._rows.values():
            yield from parts.values()


def _as_seen(row: CheckpointRow) -> Checkpoint:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Checkpoint.__struct_fields__}
    return Checkpoint(**{**fields, "value": from_json(row.value)})
