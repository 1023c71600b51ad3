"""The part of a submit that a store holds."""

from __future__ import annotations

from msgspec import Struct


class StoredSubmit(Struct, frozen=True, gc=False):
    """A submit as it is kept: texts, and the reason why they may not be enough."""

    arguments: str
    """JSON: positional and named arguments, and which of them stand for jobs."""
    options: str
    """JSON: the options that were given over the job type's own."""
    after: tuple[tuple[str, str], ...] = ()
    """The ids of the jobs it comes after, and what each must have come to."""
    source: str = ""
    """A fingerprint of the function's source, to see whether it has changed since."""
    lost: str = ""
    """Why it cannot be resumed by another process; empty if it can."""
