"""How long finished jobs are kept, and which of them go first."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import attrs

_LOOKED_AT: Final = 1_000


@attrs.frozen
class Retention:
    """What a registry keeps of finished jobs.

    A job that nobody has read stays until ``age``, ``jobs`` or ``result_bytes`` is exceeded, and it
    is counted when it goes.  Of the read ones only the newest are kept.

    Example::

        ja.open_jobs(retention=ja.Retention(age=3600, jobs=100))
    """

    age: float = attrs.field(default=24 * 3600.0)
    """Seconds after its end until a finished job goes, read or not."""
    jobs: int = attrs.field(default=10_000)
    """How many finished jobs are kept, read or not."""
    result_bytes: int = attrs.field(default=256 * 2**20)
    """How much memory their results may take, estimated."""
    read: int = attrs.field(default=100)
    """How many finished jobs that were read are kept for the eye."""

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(Retention):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise ValueError(
                    f"Retention({field.name}=…) is a number of at least 0, not {value!r:.100}"
                )


def size_of(value: object) -> int:
    """Estimate the memory ``value`` takes, in bytes, by looking at no more than a thousand parts.

    Arrays and data frames say it themselves (``nbytes``); containers are looked into, and the
    parts not looked at are taken to be like the others.  No code of the value's class is run other
    than that property.
    """
    size, pending, looked = 0.0, [(value, 1.0)], 0
    while pending and looked < _LOOKED_AT:
        part, weight = pending.pop()
        looked += 1
        size += weight * _own_size(part)
        inside = _parts(part)
        if inside:
            sample = inside[:_LOOKED_AT]
            pending += [(item, weight * len(inside) / len(sample)) for item in sample]
    return int(size)


def _own_size(part: object) -> int:
    try:
        claimed = getattr(part, "nbytes", None)
        if isinstance(claimed, int) and claimed >= 0:
            return claimed
        return sys.getsizeof(part)
    except Exception:  # somebody else's property or __sizeof__
        return 0


def _parts(part: Any) -> Sequence[object]:
    # Exact built-in containers only: going through anything else would run its code.
    if type(part) in {list, tuple}:
        return part  # type: ignore[no-any-return]
    if type(part) in {set, frozenset} and isinstance(part, AbstractSet):
        return list(part)
    if type(part) is dict and isinstance(part, Mapping):
        return [*part.keys(), *part.values()]
    return ()
