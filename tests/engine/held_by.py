"""What a thread holds at this moment, and would hold for ever if the program ended now."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator


def held_by(thread: threading.Thread) -> Iterator[Any]:
    """Everything that the variables of a thread refer to, and what is in their closures."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        for value in frame.f_locals.values():
            yield getattr(value, "__self__", value)
        frame = frame.f_back
