"""The warning about a return value that describes a failure."""

from __future__ import annotations

from typing import Final, cast

_LARGEST: Final = 100
"""Keys of a dictionary that is looked at."""


def says_failure(value: object) -> bool:
    """Whether a result is a dictionary with ``"success": False``, as many libraries return it.

    Only what is plainly so is looked at: no code of the value's or its keys' classes runs.
    """
    if type(value) is not dict:
        return False
    known = cast("dict[object, object]", value)
    return len(known) <= _LARGEST and any(
        type(key) is str and key == "success" and found is False for key, found in known.items()
    )


def failure_text(who: str) -> str:
    """Return the warning."""
    return (
        f"{who} has returned a dictionary with 'success': False, and counts as succeeded: raise an "
        "exception for a failure, and return ja.cancelled(partial) where it was told to stop"
    )
