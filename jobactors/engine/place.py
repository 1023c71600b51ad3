"""Which place a job has on the shelf of checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.ranges import Range

if TYPE_CHECKING:
    from .record import Record

Work = tuple[str, str]
"""A type and a subject."""


def work_of(record: Record) -> Work:
    """The type and subject of a job."""
    info = record.snapshot.info
    return info.type, info.subject


def place_of(record: Record) -> tuple[str, str, str]:
    """Its place on the shelf: its work, and which part of that."""
    info = record.snapshot.info
    return info.type, info.subject, record.part


def part_of(record: Record) -> str:
    """The part that a job is of its work: the range among its arguments, if there is one."""
    if record.args or record.kwargs:
        for value in (*record.args, *record.kwargs.values()):
            if type(value) is Range:
                return value.part
    return ""
