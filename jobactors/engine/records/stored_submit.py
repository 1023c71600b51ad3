"""The part of a submit that a store holds."""

from __future__ import annotations

from msgspec import Struct


class StoredSubmit(Struct, frozen=True, gc=False):
    """A submit as texts, and the reason for which another process cannot resume the job, if any."""

    arguments: str
    """JSON: positional and named arguments, and those among them that stand for jobs."""
    options: str
    """JSON: the options that were given over the job type's own."""
    after: tuple[tuple[str, str], ...] = ()
    """The ids of the jobs it comes after, and the end that each must have come to."""
    source: str = ""
    """A fingerprint of the function's source, to see whether it has changed since."""
    lost: str = ""
    """The reason for which another process cannot resume it; empty if it can."""
