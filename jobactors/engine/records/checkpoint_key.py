"""The keys of checkpoints: a job's type, its subject, its place, and its part of that work.

The *place* separates work of one type and subject that has nothing in common:

- of a chain it is its name, or else the names of its phases: two chains are two works;
- of a lambda it is a mark of that very object, which no other one shares;
- of everything else it is empty.

A row has the place in front of its part, between two separators, so that a file of an earlier
version needs no change: a row without a separator has no place.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from jobactors.model.identity import innermost, is_lambda
from jobactors.model.job_type import CHAIN_TYPE, job_type_of
from jobactors.model.loaded import loaded_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobactors.model.stored_rows import CheckpointRow

    from .record import Record


Work = tuple[str, str, str]
"""A type, a subject, and a place; the place is empty for nearly all work."""
CheckpointKey = tuple[str, str, str, str]
"""A type, a subject, a place, and a part of that work; empty for all of it."""

_SEPARATOR: Final = "\x1f"
_LAMBDA_TYPE: Final = "lambda"


def work_of(record: Record) -> Work:
    """Return the type, by its present name, the subject and the place of a job."""
    return (record.works or works_of(record))[0]


def works_of(record: Record) -> tuple[Work, ...]:
    """Return the works whose rows a job may find: those of all names of its type."""
    if record.works:
        return record.works
    info = record.snapshot.info
    return tuple([(name, info.subject, record.place) for name in types_of(record)])


def types_of(record: Record) -> tuple[str, ...]:
    """Return the names of a job's type, the one of today first."""
    kind = job_type_of(record.function)
    return (record.snapshot.info.type,) if kind is None else (kind.name, *kind.aliases)


def key_of(record: Record) -> CheckpointKey:
    """Return the key of a job's checkpoints: its work, and its part of that."""
    return record.checkpoint_key or (*work_of(record), record.part)


def set_key(record: Record) -> None:
    """Set a job's works and its part, once its function and its arguments are known."""
    record.part = part_among(record.args, record.kwargs)
    kind, info = job_type_of(record.function), record.snapshot.info
    if kind is not None:
        record.place = _place_of_chain(record) if kind.name == CHAIN_TYPE else ""
    elif info.type == _LAMBDA_TYPE and is_lambda(record.function):
        record.place = _place_of_lambda(cast("Callable[..., Any]", innermost(record.function)))
    names = (info.type,) if kind is None else (kind.name, *kind.aliases)
    record.works = _works(names, info.subject, record.place)
    record.checkpoint_key = _key(record.works[0], record.part)


# Of a hundred thousand jobs of one function, each would hold 200 bytes that say the same.
@lru_cache
def _works(names: tuple[str, ...], subject: str, place: str) -> tuple[Work, ...]:
    return tuple([(name, subject, place) for name in names])


@lru_cache
def _key(work: Work, part: str) -> CheckpointKey:
    return (*work, part)


def part_among(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return the part of its work that a job has by its arguments; empty for all of it."""
    if not (args or kwargs):
        return ""
    kind = loaded_class("jobactors.inside.verbs.ranges", "Range")
    for value in (*args, *kwargs.values()):
        if type(value) is kind:
            part: str = value.part
            return part
    return ""


def is_chain(record: Record) -> bool:
    """Whether a job is a chain."""
    kind = job_type_of(record.function)
    return kind is not None and kind.name == CHAIN_TYPE


def _place_of_chain(record: Record) -> str:
    from .chain_phases import keys_of_phases  # for chains alone

    name = record.kwargs.get("name")
    place = name if isinstance(name, str) and name else " → ".join(keys_of_phases(record))
    return place.replace(_SEPARATOR, " ")


# Written by the loops' threads; the marks of two systems need not differ.
_lambdas: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()


def _place_of_lambda(function: Callable[..., Any]) -> str:
    return _lambdas.setdefault(function, f"lambda {secrets.token_hex(6)}")


# -- rows


def row_part(place: str, part: str) -> str:
    """Return what a row has for its part."""
    return f"{_SEPARATOR}{place}{_SEPARATOR}{part}" if place else part


def work_of_row(row: CheckpointRow) -> Work:
    """Return the work that a row is of."""
    return row.type, row.subject, _place_and_part(row)[0]


def part_of_row(row: CheckpointRow) -> str:
    """Return the part of the work that a row is of, as the job's own code knows it."""
    return _place_and_part(row)[1]


def _place_and_part(row: CheckpointRow) -> tuple[str, str]:
    if not row.part.startswith(_SEPARATOR):
        return "", row.part
    place, found, part = row.part[1:].partition(_SEPARATOR)
    return (place, part) if found else ("", row.part)
