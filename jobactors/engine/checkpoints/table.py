"""The table of checkpoints: the rows of work that has not come to its end.

A row is the last checkpoint of one part of a (type, subject).  The table holds them by work and
part, passes every change on to the store, and removes the work files that go with a dropped row.

It knows rows, and no jobs: which job a row belongs to is the matter of :mod:`.leases`, which stand
above it.  One question points up, and is a callback: whether a row that has become too old belongs
to a job that has not ended.  The obvious other way, a row that holds its job, would hold the
arguments of every ended job for as long as its checkpoint.

Old rows are looked for when the table is read, and when a lease changes, not by a timer: a row that
nothing has read does no harm.  The time of the oldest row is remembered, so that a look costs one
comparison until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobactors.model.checkpoint import Checkpoint
from jobactors.model.exact import from_json
from jobactors.model.stored_rows import CheckpointRow, DropCheckpoints, PutCheckpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.records.checkpoint_key import Work
    from jobactors.model.stored_rows import Write

    from .work_folders import WorkFolders

AGE: Final = 7 * 86400.0
"""Seconds after its saving until a checkpoint is dropped, unless its job is unfinished."""

_NO_ROWS: Final[Mapping[str, CheckpointRow]] = {}


class CheckpointTable:
    """The checkpoints of one system.  Written by its loop's thread only.

    Args:
        clock: The time.
        work_folders: The work files, which go with the rows.
        store: Takes every change; without a store it does nothing.
        is_in_use: Returns whether a row belongs to a job that has not ended.
    """

    def __init__(
        self,
        clock: LoopClock,
        work_folders: WorkFolders,
        store: Callable[[Write], None],
        is_in_use: Callable[[CheckpointRow], bool],
    ) -> None:
        self._clock = clock
        self._work_folders = work_folders
        self._store = store
        self._is_in_use = is_in_use
        self._rows: dict[Work, dict[str, CheckpointRow]] = {}
        """By work, then by part.  A work without rows has no entry, see :meth:`has`."""
        self._look_at = 0.0
        """When the oldest row may be too old, in seconds since the epoch."""

    def load(self, rows: Iterable[CheckpointRow]) -> None:
        """Add the rows of a store that has just been opened; other work files are removed."""
        for row in rows:
            self._rows.setdefault((row.type, row.subject), {})[row.part] = row
        self._work_folders.remove_all_but(self._rows)
        self._look_at = 0.0

    # -- reading

    @property
    def is_empty(self) -> bool:
        """Whether there is no checkpoint at all, which is so in most systems."""
        return not self._rows

    def has(self, type: str, subject: str) -> bool:
        """Whether there is a checkpoint of a (type, subject); from any thread."""
        return (type, subject) in self._rows

    def all(self) -> list[Checkpoint]:
        """Return all checkpoints, the oldest first."""
        self.forget_old()
        return [_as_checkpoint(row) for row in sorted(self.rows(), key=lambda row: row.created_at)]

    def find(self, type: str, subject: str = "") -> list[Checkpoint]:
        """Return the checkpoints of one (type, subject), one a part."""
        self.forget_old()
        return [_as_checkpoint(row) for row in self.parts_of((type, subject)).values()]

    def rows_of(self, type: str, subject: str) -> dict[str, CheckpointRow]:
        """Return a copy of the rows of one (type, subject), by part."""
        return dict(self.parts_of((type, subject)))

    def parts_of(self, work: Work) -> Mapping[str, CheckpointRow]:
        """Return the rows of one work by part: the table's own, which the next change changes."""
        return self._rows.get(work, _NO_ROWS)

    def rows(self) -> list[CheckpointRow]:
        """Return the rows of all work."""
        return [row for parts in self._rows.values() for row in parts.values()]

    # -- writing

    def put(self, row: CheckpointRow) -> None:
        """Add a row, or replace the one of its part."""
        self._rows.setdefault((row.type, row.subject), {})[row.part] = row
        self._store(PutCheckpoint(row))

    def drop(self, row: CheckpointRow) -> None:
        """Remove a row with its work files."""
        work = (row.type, row.subject)
        parts = self._rows.get(work, {})
        parts.pop(row.part, None)
        if not parts:
            self._rows.pop(work, None)
        self._store(DropCheckpoints(*work, row.part))
        self.discard_files(self.folder(work), row.part)

    def folder(self, work: Work) -> Path:
        """Return the folder of the work files of one work; it need not exist."""
        return self._work_folders.folder(*work)

    def discard_files(self, folder: Path, part: str) -> None:
        """Remove the work files of one part, whether or not there is a row of it."""
        self._work_folders.discard_part(folder, part)

    def forget_old(self) -> None:
        """Drop the rows older than :data:`AGE` that belong to no unfinished job."""
        now = self._clock.now()
        if now < self._look_at:
            return
        for row in self.rows():
            if row.saved_at + AGE <= now and not self._is_in_use(row):
                self.drop(row)
        oldest = min((row.saved_at for row in self.rows()), default=now)
        self._look_at = max(oldest + AGE, now + 1.0)


def _as_checkpoint(row: CheckpointRow) -> Checkpoint:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Checkpoint.__struct_fields__}
    return Checkpoint(**{**fields, "value": from_json(row.value)})
