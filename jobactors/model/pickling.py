"""The way of errors through pickle, and so into another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def rebuild(kind: type[E], args: tuple[object, ...], attributes: Mapping[str, object]) -> E:
    """Make an error anew from its parts, without its constructor.

    By default pickle passes the text of an error to its class, which takes a job's id, or a number
    of seconds.
    """
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
