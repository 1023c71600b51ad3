"""What passes from the feed to a panel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .wire import JobRow, ProgressWords


@dataclass
class FrameMessage:
    """What a panel is sent at once."""

    number: int
    after: int
    """What it needs before: who does not have this frame, or a later one, has missed something."""
    rows: list[JobRow] = field(default_factory=list[JobRow])
    """Jobs that are new, or that changed in more than their progress."""
    said: list[tuple[int, ProgressWords]] = field(default_factory=list[tuple[int, ProgressWords]])
    """New words of jobs that get on, by the rows' numbers."""
    moved: bytes = b""
    """New numbers of jobs that get on: :func:`~.wire.moved`, one after the other."""
    gone: list[str] = field(default_factory=list[str])
    """Ids of the jobs that were let go."""
    full: bool = False
    """Whether ``rows`` are all there are."""
    ended: bool = False
    """Whether the job system has stopped."""
    notice: str | None = None
    """What everybody should know of the store; empty if all is well, None where that is no news."""

    @property
    def content(self) -> dict[str, object]:
        """The frame as a message; without what it has nothing of."""
        told: dict[str, object] = {
            "rows": self.rows,
            "said": self.said,
            "gone": self.gone,
            "full": self.full,
            "ended": self.ended,
        }
        kept = {key: value for key, value in told.items() if value or key == "rows"}
        if self.notice is not None:
            kept["notice"] = self.notice
        return {"kind": "frame", "frame": self.number, "after": self.after, **kept}

    @property
    def buffers(self) -> list[bytes]:
        """The binary part of the message."""
        return [self.moved] if self.moved else []


class FrameReceiver(Protocol):
    """What the feed needs of a panel.  Its methods are called on the jobs' loop."""

    job_id: str | None
    """The one job it shows; None for all."""

    def present_rows(self) -> list[JobRow]:
        """Return every row as it is now."""
        ...

    def show(self, frame: FrameMessage) -> None:
        """Send what changed."""
        ...

    def end(self, frame: FrameMessage) -> None:
        """Send the last frame; its rows are all there are, and stay."""
        ...
