"""The leases on checkpoints: the one unfinished job that may go on from a row, and write it.

The key of a lease is (type, subject, place, part), where the place separates chains, see
:mod:`~jobactors.engine.records.checkpoint_key`, and the part is that of a range, or empty for the
whole of the work.  A lease on the whole of it covers every row that no other lease covers, those of
a chain's phases included; a row's part is ``"2/3"`` or ``"2/3:phase"``, so what stands before the
colon decides.

A second job with the same key is neither refused nor queued: it runs *unshared*.  Its rows are in
its own record, serve only its own later attempts, and never reach the store.  What else was
considered:

- *Refusing it* makes two submits of a function without a subject an error, although most of them
  save nothing.
- *One row for both*, the last writer winning, lets each go on from the other's position.
- *A lease by job id* finds nothing when the same work is submitted again, which is what checkpoints
  are for.

A lease is given at the submit, and not at the first save: the row that the job goes on from must
belong to it before another submit looks.  It is given back when the job ends or comes to rest, and
taken again when an attempt begins; if another job has it by then, the attempt runs unshared.

A row of an earlier name of the job's type, or of a chain without a place, as earlier versions wrote
it, moves to the job's own work when that takes it over.

Every field is written by the loop's thread: here, and ``record.part``, ``record.place``,
``record.unshared`` and ``record.buffer`` of the records that pass through.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.engine.records.checkpoint_key import (
    is_chain,
    key_of,
    part_of_row,
    row_part,
    set_key,
    types_of,
    work_of,
    work_of_row,
    works_of,
)
from jobactors.engine.records.record import Unshared
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.report.work_files import folder_for
from jobactors.model.checkpoint import how_far_and_when
from jobactors.model.checkpoint_errors import CheckpointFound
from jobactors.model.errors import IllegalVerb
from jobactors.model.states import JobState
from jobactors.model.stored_rows import CheckpointRow

from .table import saved_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.records.checkpoint_key import CheckpointKey, Work
    from jobactors.engine.records.record import Record
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer, Saved, SavedCheckpoint
    from jobactors.model.options import OnCheckpoint

    from .table import CheckpointTable
    from .work_folders import WorkFolders

_NO_PARTS: Final = frozenset[str]()


class TakenOver(Struct, frozen=True):
    """The rows of earlier jobs that a new job has found."""

    jobs: frozenset[str] = frozenset()
    """The ids of the jobs whose rows it has taken over, or dropped."""
    goes_on_from: str | None = None
    """The job from whose checkpoint it goes on; of several, the one that saved last."""


_NOTHING: Final = TakenOver()


class CheckpointLeases:
    """The owner of each checkpoint key in one system.  In its loop's thread only.

    Args:
        table: The rows.
        work_folders: The folders of unshared jobs.
        clock: The time.
        find_record: Returns an earlier job by its id, to compare arguments; None if there is none
            whose arguments are known.
    """

    def __init__(
        self,
        table: CheckpointTable,
        work_folders: WorkFolders,
        clock: LoopClock,
        find_record: Callable[[str], Record | None],
    ) -> None:
        self._table = table
        self._work_folders = work_folders
        self._clock = clock
        self._find_record = find_record
        self._owners: dict[CheckpointKey, Record] = {}
        self._warned: set[Work] = set()
        """The works of which it was logged that two jobs save checkpoints of them."""

    # -- before and at the submit

    def check(self, record: Record) -> None:
        """Raise, before a job is accepted, if it is open what to do with an earlier checkpoint.

        Raises:
            CheckpointFound: if there is one of another function or of other arguments, and no
                ``on_checkpoint``.
        """
        if not self._table.by_work or record.options.checkpoint_every is None:
            return
        self._table.forget_old()
        set_key(record)
        if not self._is_free(record):
            return
        rows = self._rows_under(record)
        if rows and self._choice(record, rows) == "ask":
            info, why = record.snapshot.info, self._difference(record, rows)
            raise CheckpointFound(info.type, info.subject, self._describe(rows), why)

    def take_lease(self, record: Record) -> TakenOver:
        """Give a new job the lease on its key, and the rows under it if it goes on from them."""
        if record.options.checkpoint_every is None:
            return _NOTHING
        if record.unshared is not None:  # a restart: its rows came with it
            rows = list(record.unshared.rows.values())
            return TakenOver(goes_on_from=_newest(rows)) if rows else _NOTHING
        set_key(record)
        if not self._table.by_work:
            self._owners.setdefault(key_of(record), record)
            return _NOTHING
        if not self._is_free(record):
            return _NOTHING
        rows = self._rows_under(record)
        choice = self._choice(record, rows) if rows else ""
        if choice == "ask":
            return _NOTHING  # saved since the check: it stays for a job that names its choice
        self._owners[key_of(record)] = record
        if not rows:
            return _NOTHING
        goes_on_from = _newest(rows) if choice == "resume" else None  # before they are moved
        if choice == "fresh":
            for row in rows:
                self._table.drop(row)
        else:
            self._adopt(record, rows)
        return TakenOver(frozenset(row.job_id for row in rows), goes_on_from)

    def _adopt(self, record: Record, rows: Iterable[CheckpointRow]) -> None:
        for row in rows:
            self._table.move(row, work_of(record), record.id)

    def choice_for(self, ended: Record, from_checkpoint: bool) -> OnCheckpoint | None:
        """Return the ``on_checkpoint`` of a restart; None for the one of any submit.

        Args:
            ended: The job that is started again.
            from_checkpoint: Whether it is to go on from its last checkpoint.
        """
        is_its_own = ended.unshared is not None or bool(self._table.rows_of(ended.id))
        if from_checkpoint:
            return "resume" if is_its_own else None
        return "fresh" if is_its_own else "ask"  # a later job's is not dropped in passing

    # -- during an attempt

    def begin(self, record: Record) -> dict[str, SavedCheckpoint]:
        """Return the checkpoints from which a new attempt goes on, by part."""
        if record.unshared is None and self._owners.get(key_of(record)) is not record:
            self._take_again(record)
        unshared = record.unshared
        rows = self._rows_under(record) if unshared is None else unshared.rows.values()
        return {part_of_row(row): saved_of(row) for row in rows} if rows else {}

    def _take_again(self, record: Record) -> None:
        """Give a job without a lease its key again, unless that would take another job's row."""
        if not self._table.by_work:
            if self._owners.setdefault(key_of(record), record) is not record:
                record.unshared = Unshared(record.id)
            return
        rows, work = self._rows_under(record), work_of(record)
        if self._is_free(record) and all(row.job_id == record.id for row in rows):
            self._owners[key_of(record)] = record
            self._adopt(record, [row for row in rows if work_of_row(row) != work])
        else:
            record.unshared = Unshared(record.id)

    def folder_words(self, record: Record) -> tuple[str, ...]:
        """Return the base of the folder of a job's work files, and the words that name it."""
        if record.unshared is not None:
            return self._work_folders.temporary_words(record.unshared.job_id)
        return self._table.folder_words(work_of(record))

    def folder(self, record: Record) -> Path:
        """Return that folder."""
        return Path(folder_for(*self.folder_words(record)))

    def write(self, record: Record, attempt: int, news: Iterable[tuple[str, Saved]]) -> None:
        """Put the checkpoints that an attempt has saved into the table, or into its record."""
        now = self._clock.now()
        kind, subject, place = work = work_of(record)
        for part, saved in news:
            before = self._rows_of(record).get(part)
            if saved.dropped:
                self._forget_part(record, part, before)
                continue
            row = CheckpointRow(
                kind,
                subject,
                row_part(place, part),
                record.id,
                attempt,
                saved.text,
                saved.items,
                saved.fraction,
                now if before is None else before.created_at,
                now,
            )
            if record.unshared is not None:
                self._warn(record)
                record.unshared.rows[part] = row
            elif self._owner(work, part) is record:
                self._table.put(row)

    def _rows_of(self, record: Record) -> Mapping[str, CheckpointRow]:
        if record.unshared is not None:
            return record.unshared.rows
        return self._table.parts_of(work_of(record))

    def _forget_part(self, record: Record, part: str, row: CheckpointRow | None) -> None:
        if record.unshared is not None:
            record.unshared.rows.pop(part, None)
        elif row is not None and row.job_id == record.id:
            self._table.drop(row)
            return
        self._table.discard_files(self.folder(record), part)

    def _warn(self, record: Record) -> None:
        work = work_of(record)
        if work in self._warned:
            return
        self._warned.add(work)
        LOG.warning(
            "job %s saves checkpoints beside another job of type %r about %r: only its own later "
            "attempts will find them; give each job a subject of its own",
            record.id,
            *work[:2],
        )

    # -- at the end, or at rest

    def release(self, record: Record, *, succeeded: bool) -> None:
        """Take a job's lease back; after success its checkpoints are dropped.

        Args:
            record: A job that has ended, or has come to rest.
            succeeded: Whether its work is done.
        """
        buffer, record.buffer = record.buffer, None
        unshared = record.unshared
        if unshared is not None:
            unshared.has_files |= buffer is not None and bool(buffer.files)
            if succeeded and unshared.has_files:
                self._work_folders.discard(self.folder(record))
            if succeeded:
                record.unshared = None
            return
        if succeeded and (buffer is not None or self._table.by_work):
            self._drop_finished(record, buffer)
        key = key_of(record)
        if self._owners.get(key) is record:
            del self._owners[key]
        if self._table.by_work:
            self._table.forget_old()

    def _drop_finished(self, record: Record, buffer: CheckpointBuffer | None) -> None:
        """Drop the rows and files of a job, but for the ranges that wait to be merged."""
        files, lasting = _NO_PARTS, _NO_PARTS
        if buffer is not None:
            files, lasting = buffer.files, buffer.lasting
        rows = {part_of_row(row) for row in self._rows_under(record) if row.job_id == record.id}
        for part in (files | rows) - lasting:
            self._forget_part(record, part, self._rows_of(record).get(part))

    # -- dropping, by users

    def drop(self, rows: Sequence[CheckpointRow]) -> None:
        """Drop rows with their work files.

        Raises:
            IllegalVerb: if one belongs to a job at work; nothing is dropped then.
        """
        for row in rows:
            worker = self.worker_at(row)
            if worker is not None:
                state = worker.snapshot.state
                raise IllegalVerb(worker.id, state, "drop the checkpoint of", "cancel it first")
        for row in rows:
            self._table.drop(row)

    def drop_of(self, job_id: str) -> None:
        """Drop the checkpoints of one job, and none of other parts of the same work.

        Raises:
            IllegalVerb: if the job is at work.
        """
        self.drop(self._table.rows_of(job_id))

    # -- ownership

    def worker_at(self, row: CheckpointRow) -> Record | None:
        """Return the job to which a row belongs, if it is queued or at work."""
        owner = self._owner(work_of_row(row), part_of_row(row))
        return owner if owner is not None and owner.id == row.job_id else None

    def is_in_use(self, row: CheckpointRow) -> bool:
        """Whether a row belongs to an unfinished job: queued, at work, or interrupted."""
        if self.worker_at(row) is not None:
            return True
        record = self._find_record(row.job_id)
        return record is not None and record.snapshot.state is JobState.INTERRUPTED

    def _is_free(self, record: Record) -> bool:
        """Whether no other unfinished job has the lease on this key, or a row under it."""
        for work in works_of(record):
            if self._owners.get((*work, record.part), record) is not record:
                return False
        return all(self.worker_at(row) in {None, record} for row in self._rows_under(record))

    def _owner(self, work: Work, part: str) -> Record | None:
        own = self._owners.get((*work, _root(part)))
        return self._owners.get((*work, "")) if own is None else own

    def _rows_under(self, record: Record) -> list[CheckpointRow]:
        """Return the rows under a job's key: all of its work, but what other leases cover."""
        if not self._table.by_work:
            return []
        rows = [row for work in works_of(record) for row in self._table.parts_of(work).values()]
        if record.place and is_chain(record):
            rows += self._rows_without_place(record)
        return [row for row in rows if self._covers(record, row)] if rows else rows

    def _covers(self, record: Record, row: CheckpointRow) -> bool:
        root = _root(part_of_row(row))
        if record.part:
            return root == record.part
        return self._owners.get((*work_of_row(row), root), record) is record

    def _rows_without_place(self, record: Record) -> list[CheckpointRow]:
        """Return the rows of a chain that an earlier version, which knew no places, has written."""
        found: list[CheckpointRow] = []
        subject = record.snapshot.info.subject
        for name in types_of(record):
            for row in self._table.parts_of((name, subject, "")).values():
                earlier = self._find_record(row.job_id)
                if earlier is not None and earlier.place == record.place and is_chain(earlier):
                    found.append(row)
        return found

    def _choice(self, record: Record, rows: Sequence[CheckpointRow]) -> str:
        chosen = record.options.on_checkpoint
        if chosen is not None:
            return chosen
        return "ask" if self._difference(record, rows) else "resume"

    def _difference(self, record: Record, rows: Sequence[CheckpointRow]) -> str:
        """Return what keeps a job from going on from rows unasked; empty if nothing does."""
        from .same_work import difference  # where an earlier job has left something

        found = (difference(row, self._find_record(row.job_id), record) for row in rows)
        return next(filter(None, found), "")

    def _describe(self, rows: Sequence[CheckpointRow]) -> str:
        newest = max(rows, key=lambda row: row.saved_at)
        return how_far_and_when(newest.fraction, newest.items, self._clock.now() - newest.saved_at)


def _newest(rows: Iterable[CheckpointRow]) -> str:
    """Return the job that has saved last."""
    return max(rows, key=lambda row: row.saved_at).job_id


def _root(part: str) -> str:
    """Return the range of a row's part, without the phase: the part of its key."""
    return part.partition(":")[0]
