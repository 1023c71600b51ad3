"""The known word that a mistyped one was meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def or_nearest(given: object, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: the nearest known one, if one is near.

    Example::

        or_nearest("proces", ("thread", "process"))  # ' (did you mean "process"?)'
    """
    if type(given) is not str:
        return ""
    import difflib  # for a message alone

    meant = difflib.get_close_matches(given[:100], list(known), 1)
    return f' (did you mean "{meant[0]}"?)' if meant else ""
