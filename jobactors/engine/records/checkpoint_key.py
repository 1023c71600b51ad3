"""The keys of checkpoints: a job's type, its subject, and its part of that work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.verbs.ranges import Range

if TYPE_CHECKING:
    from .record import Record


Work = tuple[str, str]
"""A type and a subject."""
CheckpointKey = tuple[str, str, str]
"""A type, a subject, and a part of that work; empty for all of it."""


def work_of(record: Record) -> Work:
    """Return the type and subject of a job."""
    info = record.snapshot.info
    return info.type, info.subject


def key_of(record: Record) -> CheckpointKey:
    """Return the key of a job's checkpoints: its work, and its part of that."""
    info = record.snapshot.info
    return info.type, info.subject, record.part


def part_of(record: Record) -> str:
    """Return a job's part of its work: the range among its arguments, if there is one."""
    if record.args or record.kwargs:
        for value in (*record.args, *record.kwargs.values()):
            if type(value) is Range:
                return value.part
    return ""
