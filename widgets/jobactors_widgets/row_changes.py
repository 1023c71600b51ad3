"""The changes of one frame: which part of which row, before it is encoded for a receiver."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from .frame_message import FrameMessage
from .wire import moved, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    import jobactors as ja

    from .schedule_rows import ScheduleRow
    from .wire import ProgressWords, WireRow


MOST_GONE: Final = 10_000
"""Removed rows that are remembered; a receiver that missed more is sent all rows."""


class Extent(IntEnum):
    """States which part of a row has changed."""

    NOTHING = 0
    NUMBERS = 1
    WORDS = 2
    ALL = 3


class FollowedJob:
    """Holds a job and the part of its row that changed since the last frame."""

    __slots__ = (
        "batch",
        "changed_in",
        "extent",
        "id",
        "job",
        "lines",
        "number",
        "progress",
        "sampled",
    )

    def __init__(self, job: ja.Job[Any], number: int) -> None:
        self.job = job  # a handle can be read when the system has ended
        self.number = number
        snapshot = job.snapshot()
        self.id = snapshot.id
        self.batch = snapshot.info.batch
        self.progress = snapshot.progress  # of its last event, as are its lines of log
        self.lines = snapshot.log_lines
        self.sampled: float | None = None  # when its progress was sampled, once that is known
        self.extent = Extent.NOTHING
        self.changed_in = 0  # the last frame that contains it

    def read(self) -> None:
        """Read the numbers anew, after an event that may have changed them without naming them."""
        snapshot = self.job.snapshot()
        self.progress, self.lines = snapshot.progress, snapshot.log_lines


class RemovedRows:
    """Remembers removed rows, for receivers that have missed frames.

    Args:
        first: The frame since which all changes are known.
    """

    def __init__(self, first: int) -> None:
        self.known_since = first
        """The frame since which all removals are known."""
        self._frames: dict[str, tuple[int, str]] = {}  # id -> the frame of its removal, its batch

    def note(self, removed: dict[str, str], frame: int) -> None:
        """Note rows, with their batches, that are removed in a frame."""
        for row_id, batch in removed.items():
            self._frames[row_id] = (frame, batch)
        while len(self._frames) > MOST_GONE:
            self.known_since, _ = self._frames.pop(next(iter(self._frames)))

    def since(self, has: int) -> dict[str, str]:
        """Return the rows that were removed after a frame, with their batches."""
        return {i: batch for i, (frame, batch) in self._frames.items() if frame > has}


@dataclass
class RowChange:
    """The part of a frame that is about one row."""

    batch: str = ""
    """The batch of which it is an item; empty for none."""
    row: WireRow | None = None
    number: int = 0
    words: ProgressWords | None = None


NumbersByBatch = dict[str, dict[str, bytes]]
"""The new numbers of rows by batch, then by id; the batch is empty for none.

Most changes are of this kind, and a receiver shows either all or none of a batch's items: so it
takes them without a look at each.
"""


@dataclass
class Changes:
    """Holds all changes since the last frame: of rows, by id, and of the notice."""

    rows: dict[str, RowChange] = field(default_factory=dict[str, RowChange])
    moved: NumbersByBatch = field(default_factory=dict[str, dict[str, bytes]])
    removed: dict[str, str] = field(default_factory=dict[str, str])
    """The batch of each removed row, by its id; empty for none."""
    notice: str | None = None
    schedules: list[ScheduleRow] | None = None

    def __bool__(self) -> bool:
        news = self.notice is not None or self.schedules is not None
        return bool(self.rows or self.moved or self.removed) or news

    def frame(self, number: int, after: int) -> FrameMessage | None:
        """Return the frame that has these changes, which builds on another; None for none."""
        if not self:
            return None
        rows = self.rows.values()
        return FrameMessage(
            number,
            after,
            rows=[change.row for change in rows if change.row is not None],
            said=[(change.number, change.words) for change in rows if change.words is not None],
            moved=b"".join(chain.from_iterable(group.values() for group in self.moved.values())),
            gone=list(self.removed),
            notice=self.notice,
            schedules=self.schedules,
        )

    def shown_by(
        self, job_id: str | None, batch_id: str | None, opened: AbstractSet[str]
    ) -> Changes:
        """Return the changes of what a receiver shows.

        Args:
            job_id: The one job that it shows, whose row remains when the job is removed.
            batch_id: The one batch that it shows, with its items where it is unfolded.
            opened: The batches that it has unfolded; the items of others are left out.
        """
        if job_id is not None:
            mine = self.rows.get(job_id)
            groups = {b: {job_id: g[job_id]} for b, g in self.moved.items() if job_id in g}
            return Changes({} if mine is None else {job_id: mine}, groups)

        def is_shown(row_id: str, batch: str) -> bool:
            if batch_id is not None and batch_id not in {row_id, batch}:
                return False
            return not batch or batch in opened

        rows = {i: change for i, change in self.rows.items() if is_shown(i, change.batch)}
        groups = {b: group for b, group in self.moved.items() if is_shown("", b)}
        removed = {i: batch for i, batch in self.removed.items() if is_shown(i, batch)}
        if batch_id is not None:
            return Changes(rows, groups, removed)
        return Changes(rows, groups, removed, self.notice, self.schedules)


def changes_of(changed: Iterable[FollowedJob], now: float) -> tuple[Changes, list[FollowedJob]]:
    """Return the changes of jobs that only progressed, and the jobs that need their whole rows."""
    changes, rest = Changes(), list[FollowedJob]()
    groups = changes.moved
    for known in changed:
        extent, progress = known.extent, known.progress
        if extent is Extent.ALL:
            rest.append(known)
            continue
        age = 0.0 if known.sampled is None else now - known.sampled
        numbers = moved(known.number, progress, known.lines, age)
        words = words_of(progress) if extent is Extent.WORDS else None
        if numbers is None or (extent is Extent.WORDS and words is None):
            rest.append(known)
            continue
        if words is not None:
            changes.rows[known.id] = RowChange(known.batch, None, known.number, words)
        if (group := groups.get(known.batch)) is None:
            group = groups[known.batch] = {}
        group[known.id] = numbers
    return changes, rest
