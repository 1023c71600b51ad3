"""What a caller gives, checked where it is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard


def check_count(name: str, value: object) -> None:
    """Refuse what is no number of things.

    Raises:
        TypeError, ValueError: if it is no whole number, or negative; the message names it.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {value!r:.100}")
    if value < 0:
        raise ValueError(f"{name} is a whole number of at least 0, not {value}")


def check_seconds(name: str, value: object) -> None:
    """Refuse what is no length of time; infinity is one.

    Raises:
        TypeError, ValueError: if it is no number, not a number, or negative; the message names it.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of seconds, not {value!r:.100}")
    if math.isnan(value) or value < 0:
        raise ValueError(f"{name} is a number of seconds of at least 0, not {value}")


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether this is a mapping, of anything to anything.

    After a plain ``isinstance``, what is in it would be *unknown* to a type checker.
    """
    return isinstance(value, Mapping)
