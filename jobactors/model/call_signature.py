"""The signature of a function, where it has one.

A builtin may have none.  That of an object or a class of the user's is found by asking it and its
metaclass, whose code may raise anything; then nothing is known of its parameters either, and a call
that does not fit fails as a job.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def call_signature(function: Callable[..., object]) -> inspect.Signature | None:
    """Return the signature of a function; None for one whose parameters cannot be read."""
    try:
        return inspect.signature(function)
    except Exception:  # see the module's head
        return None
