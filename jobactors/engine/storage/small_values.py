"""Whether values are so small that their JSON is made in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PARTS: Final = 200
"""Values, those inside of lists and dictionaries too."""
MOST_SIGNS: Final = 10_000
"""Characters of all texts together; a large integer counts as a text."""


def are_small(values: Iterable[object]) -> bool:
    """Return whether values are few and short, and none of a class with code of its own.

    Looks at :data:`MOST_PARTS` of them at most.
    """
    parts, signs = 0, 0
    waiting = list(values)
    while waiting:
        value: Any = waiting.pop()
        parts += 1
        kind = cast("type[object]", type(value))
        # Not `in` a set: a class is hashed by its metaclass, whose code may be a user's.
        if kind is str:
            signs += len(value)
        elif kind is int:
            signs += value.bit_length() // 3
        elif kind is list or kind is dict:
            if parts + len(value) > MOST_PARTS:
                return False
            waiting += value if kind is list else [*value, *value.values()]
        elif not (value is None or kind is bool or kind is float):
            return False
        if parts + len(waiting) > MOST_PARTS or signs > MOST_SIGNS:
            return False
    return True
