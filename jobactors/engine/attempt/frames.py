"""The frames of attempts: which job's is on a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .actor import Actor

if TYPE_CHECKING:
    from types import FrameType


def job_of_frame(frame: FrameType) -> str | None:
    """Return the id of the job whose attempt runs in ``frame``; None in any other function."""
    if frame.f_code is not Actor.run.__code__:
        return None
    actor: Actor = frame.f_locals["self"]
    return actor.record.id
