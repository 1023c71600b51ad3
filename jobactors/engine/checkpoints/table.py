"""The table of checkpoints: the rows of work that has not come to its end.

A row is the last checkpoint of one part of a work.  The table holds them by work and part, passes
every change on to the store, and removes the work files that go with a dropped row.

It knows rows, and no jobs: which job a row belongs to is the matter of :mod:`.leases`, which stand
above it.  One question points up, and is a callback: whether a row that has become too old belongs
to a job that has not ended.  The obvious other way, a row that holds its job, would hold the
arguments of every ended job for as long as its checkpoint.

Old rows are looked for when the table is read, and when a lease changes, not by a timer: a row that
nothing has read does no harm.  The time of the oldest row is remembered, so that a look costs one
comparison until then.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from jobactors.engine.records.checkpoint_key import part_of_row, row_part, work_of_row
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.checkpoint import Checkpoint
from jobactors.model.exact import from_json
from jobactors.model.stored_rows import CheckpointRow, DropCheckpoints, PutCheckpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.records.checkpoint_key import Work
    from jobactors.inside.report.checkpoint_buffer import SavedCheckpoint
    from jobactors.model.keep import Keep
    from jobactors.model.stored_rows import Write

    from .work_folders import WorkFolders

_COLUMNS: Final = [
    name for name in Checkpoint.__struct_fields__ if name in CheckpointRow.__struct_fields__
]
_NO_ROWS: Final[Mapping[str, CheckpointRow]] = {}


class CheckpointTable:
    """The checkpoints of one system.  Written by its loop's thread only.

    Args:
        clock: The time.
        work_folders: The work files, which go with the rows.
        store: Takes every change; without a store it does nothing.
        is_in_use: Returns whether a row belongs to a job that has not ended.
        keep: How long a row stays after its saving, by its type; None for the default.
    """

    def __init__(
        self,
        clock: LoopClock,
        work_folders: WorkFolders,
        store: Callable[[Write], None],
        is_in_use: Callable[[CheckpointRow], bool],
        keep: Keep | None,
    ) -> None:
        self._clock = clock
        self._work_folders = work_folders
        self._store = store
        self._is_in_use = is_in_use
        self._keep = keep
        self.by_work: dict[Work, dict[str, CheckpointRow]] = {}
        """By work, then by part.  A work without rows has no entry: in most systems there is none.
        Written here alone."""
        self._about: Counter[tuple[str, str]] = Counter()
        """The number of works of each (type, subject); one without any has no entry."""
        self._look_at = 0.0
        """When the oldest row may be too old, in seconds since the epoch."""

    def load(self, rows: Iterable[CheckpointRow]) -> None:
        """Add the rows of a store that has just been opened; other work files are removed.

        A row whose value cannot be read is left out, and its work files stay.
        """
        known: set[Work] = set()
        for row in rows:
            known.add(work_of_row(row))
            try:
                from_json(row.value)
            except ValueError as exc:
                LOG.warning(
                    "the checkpoint of job %.100r cannot be read, and is left out: %.200s",
                    row.job_id,
                    exc,
                )
            else:
                self._add(row)
        self._work_folders.remove_all_but(known)
        self._look_at = 0.0

    # -- reading

    def has(self, types: Iterable[str], subject: str) -> bool:
        """Whether there is a checkpoint of one of these types about it; from any thread."""
        return bool(self.by_work) and any((kind, subject) in self._about for kind in types)

    def all(self) -> list[Checkpoint]:
        """Return all checkpoints, the oldest first."""
        self.forget_old()
        rows = sorted(self.rows(), key=lambda row: row.created_at)
        return [self._as_checkpoint(row) for row in rows]

    def rows_of(self, job_id: str) -> list[CheckpointRow]:
        """Return the rows that belong to a job."""
        return [row for row in self.rows() if row.job_id == job_id]

    def _as_checkpoint(self, row: CheckpointRow) -> Checkpoint:
        from jobactors.inside.report.item_errors import errors_part, read_errors

        fields: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
        part, parts = part_of_row(row), self.parts_of(work_of_row(row))
        errors = parts.get(errors_part(part))
        count, items = (0, []) if errors is None else read_errors(from_json(errors.value))
        fields |= {"part": part, "value": from_json(row.value)}
        return Checkpoint(**fields, error_count=count, errors=tuple(items))

    def works_about(self, types: Collection[str], subject: str) -> list[Work]:
        """Return the works of these types about a subject of which there are rows."""
        return [work for work in self.by_work if work[0] in types and work[1] == subject]

    def parts_of(self, work: Work) -> Mapping[str, CheckpointRow]:
        """Return the rows of one work by part: the table's own, which the next change changes."""
        return self.by_work.get(work, _NO_ROWS)

    def rows(self) -> list[CheckpointRow]:
        """Return the rows of all work."""
        return [row for parts in self.by_work.values() for row in parts.values()]

    # -- writing

    def put(self, row: CheckpointRow) -> None:
        """Add a row, or replace the one of its part."""
        self._add(row)
        self._look_at = min(self._look_at, self._expiry(row))
        self._store(PutCheckpoint(row))

    def _add(self, row: CheckpointRow) -> None:
        work = work_of_row(row)
        parts = self.by_work.get(work)
        if parts is None:
            parts = self.by_work[work] = {}
            self._about[work[:2]] += 1
        parts[part_of_row(row)] = row

    def move(self, row: CheckpointRow, work: Work, job_id: str) -> None:
        """Give a row, with its work files, to a job; it may be of other work from now on."""
        part, old = part_of_row(row), work_of_row(row)
        kind, subject, place = work
        new = replace(row, type=kind, subject=subject, part=row_part(place, part), job_id=job_id)
        if work != old:
            self._take_out(row)
            self._work_folders.move_part(self.folder(old), self.folder(work), part)
        self.put(new)

    def drop(self, row: CheckpointRow) -> None:
        """Remove a row with its work files."""
        self._take_out(row)
        self.discard_files(self.folder(work_of_row(row)), part_of_row(row))

    def drop_old(self, types: Collection[str] | None, subject: str | None, until: float) -> int:
        """Drop the checkpoints saved by ``until`` that belong to no unfinished job.

        Args:
            types: Only of these types; None for all.
            subject: Only about this; None for all.
            until: In seconds since the epoch.

        Returns:
            The number of checkpoints that were dropped.
        """
        old = [
            row
            for row in self.rows()
            if (types is None or row.type in types)
            and subject in {None, row.subject}
            and row.saved_at <= until
            and not self._is_in_use(row)
        ]
        for row in old:
            self.drop(row)
        return len(old)

    def _take_out(self, row: CheckpointRow) -> None:
        work = work_of_row(row)
        parts = self.by_work.get(work)
        if parts is not None:
            parts.pop(part_of_row(row), None)
            if not parts:
                del self.by_work[work]
                self._about[work[:2]] -= 1
                if not self._about[work[:2]]:
                    del self._about[work[:2]]
        self._store(DropCheckpoints(row.type, row.subject, row.part))

    def folder(self, work: Work) -> Path:
        """Return the folder of the work files of one work; it need not exist."""
        return self._work_folders.folder(*work)

    def folder_words(self, work: Work) -> tuple[str, ...]:
        """Return the base of that folder, and the words after which it is named."""
        return self._work_folders.words(*work)

    def discard_files(self, folder: Path, part: str) -> None:
        """Remove the work files of one part, whether or not there is a row of it."""
        self._work_folders.discard_part(folder, part)

    def forget_old(self) -> None:
        """Drop the rows that are too old, and belong to no unfinished job."""
        now = self._clock.now()
        if now < self._look_at:
            return
        for row in self.rows():
            if self._expiry(row) <= now and not self._is_in_use(row):
                self.drop(row)
        self._look_at = max(min(map(self._expiry, self.rows()), default=now), now + 1.0)

    def _expiry(self, row: CheckpointRow) -> float:
        if self._keep is None:
            from jobactors.model.keep import Keep  # with the first row

            self._keep = Keep()
        return row.saved_at + self._keep._age_of_checkpoint(row.type)


def saved_of(row: CheckpointRow) -> SavedCheckpoint:
    """Return a row as an attempt goes on from it."""
    from jobactors.inside.report.checkpoint_buffer import SavedCheckpoint  # with the first row

    return SavedCheckpoint(row.value, row.items, row.fraction, row.saved_at)


def fraction_of_newest(rows: Iterable[CheckpointRow | SavedCheckpoint]) -> float | None:
    """Return the progress at the newest of a job's checkpoints; None without one."""
    newest = max(rows, key=lambda row: (row.saved_at, row.fraction or 0.0), default=None)
    return None if newest is None else newest.fraction
