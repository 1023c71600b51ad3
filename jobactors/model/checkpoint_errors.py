"""Errors about the checkpoints that unfinished work has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import JobactorsError

if TYPE_CHECKING:
    from collections.abc import Iterable


class RangesUnfinished(JobactorsError):
    """Parts of some work cannot be merged; ``parts`` are those that are missing, if any are known.

    The message states whether they are not done, have left no file, or nothing of them is stored.
    """

    def __init__(
        self,
        work: str,
        parts: Iterable[str],
        why: str = (
            "{} not done; submit the same ranges again, and those that are done end at once"
        ),
    ) -> None:
        self.parts: tuple[str, ...] = tuple(parts)
        super().__init__(
            f"the parts of {work} cannot be merged: {why.format(', '.join(self.parts))}"
        )


class CheckpointFound(JobactorsError):
    """A checkpoint of this (type, subject) is stored, and the submit decided nothing about it.

    It is of another function, of other arguments, of a job that is no longer known, or the submit
    wants to be asked.  Pass ``on_checkpoint="resume"`` to go on from it, ``on_checkpoint="fresh"``
    to drop it.
    """

    def __init__(self, type: str, subject: str, found: str, why: str = "") -> None:
        about = f"{type} about {subject!r}" if subject else type
        what = f"; {why}" if why else ""
        super().__init__(
            f"an earlier {about} left a checkpoint ({found}{what}): submit with "
            'on_checkpoint="resume" to go on from it, or on_checkpoint="fresh" to drop it'
        )
