"""The retention of finished jobs, and the size of their results."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from attrs import field, frozen

from .checks import from_zero
from .field_docs import documented

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOKED_AT: Final = 1_000
_LARGEST: Final = 2**60
"""Bytes: what claims more is not believed."""
_FROM_EACH: Final = 32
_GOLDEN_RATIO: Final = 0.6180339887498949
_T = TypeVar("_T")


@documented
@frozen
class Retention:
    """The bounds within which a registry holds finished jobs.

    A job that was not read stays until ``age``, ``jobs`` or ``result_bytes`` is exceeded, and it is
    counted when it goes.  Of the read ones only the newest stay.

    Raises:
        ValueError: for what is no number of at least 0; ``math.inf`` is one.

    Example::

        ja.open_jobs(retention=ja.Retention(age=3600, jobs=100))
    """

    age: float = field(default=24 * 3600.0, validator=from_zero)
    """Seconds after its end until a finished job goes, read or not; 86,400 are a day."""
    jobs: int = field(default=10_000, validator=from_zero)
    """The number of finished jobs that stay, read or not."""
    result_bytes: int = field(default=256 * 2**20, validator=from_zero)
    """Bytes of memory that their results may take, estimated; 2**28 are 256 MiB."""
    read: int = field(default=100, validator=from_zero)
    """The number of finished and read jobs that stay to be looked at."""


def size_of(value: object) -> int:
    """Estimate the memory ``value`` takes, in bytes, by looking at no more than a thousand parts.

    Arrays and data frames state it themselves (``nbytes``); containers are looked into, and the
    parts not looked at are taken to be like the others.  No code of the value's class is run other
    than that property.
    """
    if not _is_container(type(value)):
        return _own_size(value)
    size, room = 0.0, _LOOKED_AT
    level: list[tuple[object, float]] = [(value, 1.0)]
    while level and room > 1:
        room //= 2  # each level of nesting gets half of what is left, spread over all of it
        taken = _spread(level, room)
        share = len(level) / len(taken)
        level = []
        for part, worth in taken:
            weight = worth * share
            size += weight * _own_size(part)
            sample, count = _parts(part, max(_FROM_EACH, room // len(taken)))
            level += [(item, weight * count / len(sample)) for item in sample]
    return int(size)


def _spread(items: Sequence[_T], at_most: int) -> Sequence[_T]:
    """Choose items from all over, in no rhythm that theirs could follow."""
    if len(items) <= at_most:
        return items
    return [items[int(len(items) * (n * _GOLDEN_RATIO % 1))] for n in range(at_most)]


def _is_container(kind: type[object]) -> bool:
    # Not `in` a set: a class is hashed by its metaclass, whose code may be a user's.
    return kind is list or kind is dict or kind is tuple or kind is set or kind is frozenset


def _own_size(part: object) -> int:
    try:
        claimed = getattr(part, "nbytes", None)
        if isinstance(claimed, int) and 0 <= claimed <= _LARGEST:
            return int(claimed)
        return min(sys.getsizeof(part), _LARGEST)
    except BaseException:  # the value's own property or __sizeof__ may raise anything
        return 0


def _parts(part: Any, at_most: int) -> tuple[Sequence[object], int]:
    """Return some of the items of a container, and their number."""
    # Exact built-in containers only: going through anything else would run its code.
    kind = cast("type[object]", type(part))
    try:
        if kind is list or kind is tuple:
            return _spread(part, at_most), len(part)
        if kind is set or kind is frozenset:
            return list(islice(part, at_most)), len(part)
        if kind is dict:
            held = cast("dict[object, object]", part)
            keys, values = islice(held.keys(), at_most), islice(held.values(), at_most)
            return [*keys, *values], 2 * len(held)
    except (IndexError, RuntimeError):  # changed meanwhile, by a thread that the job has left
        return [], 0
    return [], 0
