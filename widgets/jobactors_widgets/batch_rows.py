"""The batches of one job system as rows, and which of them a receiver has unfolded.

A batch is one row.  Its items are rows as well, but are sent to a receiver only while that has the
batch unfolded: ten thousand of them cost a board no more than one.

All of it is touched by the jobs' own loop only; what a receiver has unfolded is also read in any
thread, and replaced whole for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import jobactors as ja

from .wire import LONGEST_MESSAGE, LONGEST_NAME, WireRow, plain_number, safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from .frame_message import FrameReceiver

_NONE: Final[frozenset[str]] = frozenset()


class FollowedBatches:
    """Notes which batches have changed, and which receivers have them unfolded."""

    def __init__(self) -> None:
        self._changed_in: dict[str, int] = {}
        """The last frame that contains each batch, by its id."""
        self._changed: dict[str, None] = {}
        self._opened: dict[FrameReceiver, frozenset[str]] = {}
        self._opening: dict[FrameReceiver, set[str]] = {}
        self._folding: dict[FrameReceiver, set[str]] = {}

    def __contains__(self, batch_id: object) -> bool:
        return batch_id in self._changed_in

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._changed_in))

    @property
    def have_changed(self) -> bool:
        """Whether any has changed since the last frame."""
        return bool(self._changed)

    @property
    def has_news(self) -> bool:
        """Whether a receiver waits for the items of a batch, or for their removal."""
        return bool(self._opening or self._folding)

    def mark(self, batch_id: str) -> None:
        """Note that a batch has changed."""
        self._changed[batch_id] = None
        self._changed_in.setdefault(batch_id, 0)

    def take_changed(self, frame: int) -> list[str]:
        """Return the batches that have changed, and count them as in this frame."""
        changed, self._changed = list(self._changed), {}
        self._changed_in.update(dict.fromkeys(changed, frame))
        return changed

    def changed_since(self, frame: int) -> list[str]:
        """Return the batches that have changed after a frame."""
        return [batch_id for batch_id, last in self._changed_in.items() if last > frame]

    def forget(self, batch_id: str) -> None:
        """Drop a batch that is no longer there."""
        self._changed_in.pop(batch_id, None)
        for receiver in list(self._opened):
            self._opened[receiver] -= {batch_id}

    # -- unfolding

    def opened_by(self, receiver: FrameReceiver) -> frozenset[str]:
        """Return the batches that a receiver has unfolded.  From any thread."""
        return self._opened.get(receiver, _NONE)

    def is_open(self, batch_id: str) -> bool:
        """Whether any receiver has a batch unfolded."""
        return any(batch_id in opened for opened in self._opened.values())

    def open(self, receiver: FrameReceiver, batch_id: str) -> None:
        """Send a receiver the items of a batch from now on."""
        self._opened[receiver] = self.opened_by(receiver) | {batch_id}
        self._opening.setdefault(receiver, set()).add(batch_id)
        self._folding.get(receiver, set()).discard(batch_id)

    def fold(self, receiver: FrameReceiver, batch_id: str) -> None:
        """Send a receiver no more items of a batch."""
        self._opened[receiver] = self.opened_by(receiver) - {batch_id}
        self._folding.setdefault(receiver, set()).add(batch_id)
        self._opening.get(receiver, set()).discard(batch_id)

    def fold_all(self, receiver: FrameReceiver) -> None:
        """Send a receiver no more items."""
        for batch_id in self.opened_by(receiver):
            self.fold(receiver, batch_id)

    def take_news(self, receiver: FrameReceiver) -> tuple[set[str], set[str]]:
        """Return the batches that a receiver has unfolded and folded since it was last sent any."""
        return self._opening.pop(receiver, set()), self._folding.pop(receiver, set())

    def leave(self, receiver: FrameReceiver) -> None:
        """Forget a receiver."""
        self._opened.pop(receiver, None)
        self.take_news(receiver)


def in_order(
    jobs: ja.Jobs, opened: AbstractSet[str] = _NONE
) -> list[ja.JobSnapshot | ja.BatchSnapshot]:
    """Return all jobs in the order of their submission, a batch where its first job is.

    Args:
        jobs: The job system.
        opened: The batches whose items follow them; those of others are left out.
    """
    batches = {batch.id: batch for batch in jobs.batches()}
    found: list[ja.JobSnapshot | ja.BatchSnapshot] = []
    for snapshot in jobs.list():
        batch = batches.pop(snapshot.info.batch, None)
        if batch is not None:
            found.append(batch)
        if not snapshot.info.batch or snapshot.info.batch in opened:
            found.append(snapshot)
    return [*found, *batches.values()]


def batch_row(batch: ja.BatchSnapshot, now: float, number: int, obstacle: str = "") -> WireRow:
    """Return the row of a batch; the table of :mod:`.wire` explains the keys.

    Args:
        batch: The batch.
        now: Seconds since the epoch.
        number: Its number in the feed.
        obstacle: Why none of it can go on here and now; empty if some can.
    """
    progress = batch.progress
    left = plain_number(progress.time_left, 1)
    row: dict[str, object] = {
        "id": batch.id,
        "number": number,
        "name": safe_text(batch.name, LONGEST_NAME),
        "state": batch.state.value,
        "type": "" if batch.type == batch.name else safe_text(batch.type, LONGEST_NAME),
        "subject": safe_text(batch.subject, LONGEST_NAME),
        "done": progress.done or None,
        "total": batch.total,
        "unit": progress.unit,
        "fraction": plain_number(progress.fraction, 4),
        "rate": plain_number(progress.rate, 4),
        "eta": None if left is None else round(now + left, 1),
        "began": plain_number(batch.started_at, 2),
        "stopped": plain_number(batch.stopped_at, 2),
        "error": "" if batch.error is None else safe_text(str(batch.error), LONGEST_MESSAGE),
        "unread": batch.unread or None,
        "cut_off": batch.cut_off,
        "obstacle": safe_text(obstacle, LONGEST_MESSAGE),
        "counts": {state.value: count for state, count in batch.by_state.items() if count},
    }
    return cast("WireRow", {key: value for key, value in row.items() if value not in (None, "")})
