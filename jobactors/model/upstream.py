"""The base of what the option ``after`` takes; the options are below the job handles."""

from __future__ import annotations

from .checks import shown


class Upstream:
    """The base of what a job can come after: a job's handle, and ``ja.after(job)``."""

    __slots__ = ()


def check_upstream(value: object) -> None:
    """Raise unless a job can come after this.

    Raises:
        TypeError: the message states what to give instead.
    """
    if issubclass(type(value), Upstream):
        return
    instead = "; jobs.get(id) returns the job of an id" if type(value) is str else ""
    raise TypeError(
        f"after= takes jobs, or ja.after(job, when=…), not {type(value).__name__}: "
        f"{shown(value)}{instead}"
    )
