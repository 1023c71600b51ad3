"""One outgoing frame: the changes that :mod:`.change_feed` sends to a panel in one message."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from .schedule_rows import ScheduleRow
from .wire import ProgressWords, WireRow


@dataclass
class FrameMessage:
    """Holds the changes of jobs since another frame, and encodes them as one message."""

    number: int
    after: int
    """The frame it builds on: a receiver without it, or a later one, has missed some."""
    rows: list[WireRow] = field(default_factory=list[WireRow])
    """Jobs that are new, or that changed in more than their progress."""
    said: list[tuple[int, ProgressWords]] = field(default_factory=list[tuple[int, ProgressWords]])
    """New words of jobs that progressed, by the rows' numbers."""
    moved: bytes = b""
    """New numbers of jobs that progressed: :func:`~.wire.moved`, one after the other."""
    gone: list[str] = field(default_factory=list[str])
    """Ids of the jobs and batches that were removed."""
    folded: list[str] = field(default_factory=list[str])
    """Ids of the batches whose items are sent no more."""
    full: bool = False
    """Whether ``rows`` are all there are."""
    ended: bool = False
    """Whether the job system has stopped."""
    burst: int | None = None
    """The number of jobs that have ended since there was nothing to do; None for one job's."""
    notice: str | None = None
    """A warning about the store; empty if all is well, None if it has not changed."""
    schedules: list[ScheduleRow] | None = None
    """All schedules; None if they have not changed."""

    @property
    def content(self) -> dict[str, object]:
        """The frame as a message, without empty parts.

        It holds the instant at which it is sent: the browser sets the kernel's clock by it.
        """
        parts: dict[str, object] = {
            "rows": self.rows,
            "said": self.said,
            "gone": self.gone,
            "folded": self.folded,
            "full": self.full,
            "ended": self.ended,
        }
        filled = {key: value for key, value in parts.items() if value or key == "rows"}
        if self.burst:
            filled["burst"] = self.burst
        if self.notice is not None:
            filled["notice"] = self.notice
        if self.schedules is not None:
            filled["schedules"] = self.schedules
        numbers = {"frame": self.number, "after": self.after, "now": round(time.time(), 3)}
        return {"kind": "frame", **numbers, **filled}

    @property
    def buffers(self) -> list[bytes]:
        """The binary part of the message."""
        return [self.moved] if self.moved else []


class FrameReceiver(Protocol):
    """Shows frames: a panel or the sidebar.  The feed calls its methods on the jobs' loop."""

    job_id: str | None
    """The one job it shows; None for more."""
    batch_id: str | None
    """The one batch it shows, if it is not for all jobs."""

    def present_rows(self) -> list[WireRow]:
        """Return every row as it is now."""
        ...

    def show(self, frame: FrameMessage) -> None:
        """Send the changes."""
        ...

    def end(self, frame: FrameMessage) -> None:
        """Send the last frame; its rows are all there are, and remain."""
        ...
