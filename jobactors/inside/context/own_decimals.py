"""A decimal context of a job's own.

A job sees a copy of its submitter's context variables.  But the one of ``decimal`` holds an object
that is changed in place, and that all copies share: the precision that a job sets would be that of
its submitter, and of every other job from there.

Where the submitter has never used ``decimal``, the variable is not set, and a job that asks for its
context gets a new one without our doing.  Where it has, as any program that has loaded pandas, the
jobs that were submitted since it last changed its context share one copy while they wait: a copy is
five objects for the garbage collector.  Nothing computes with that one: what runs code of a job, or
one of its hooks, takes a copy of its own first.
"""

from __future__ import annotations

import decimal  # msgspec has loaded it already
import threading
from contextvars import Context, ContextVar
from typing import Any, Final


def take_own_decimals() -> None:
    """Copy the decimal context, for this context alone, in which code of a job is about to run."""
    if _VARIABLE is None or _VARIABLE.get(None) is not None:
        decimal.setcontext(decimal.getcontext().copy())


def hold_decimals(variables: dict[ContextVar[Any], Any]) -> None:
    """Put a copy in the place of the present decimal context, among the present variables.

    What the submitter changes later is not seen by its job.
    """
    if _VARIABLE is not None and _VARIABLE in variables:
        variables[_VARIABLE] = _as_now()


def _as_now() -> decimal.Context:
    """Return a copy of the present decimal context; the last one, if nothing has changed since."""
    present, held = decimal.getcontext(), _HELD.latest
    if held is None or not _are_equal(present, held):
        held = _HELD.latest = present.copy()
    return held


def _are_equal(one: decimal.Context, other: decimal.Context) -> bool:
    return (
        one.prec == other.prec
        and one.rounding == other.rounding
        and one.flags == other.flags
        and one.traps == other.traps
        and one.Emin == other.Emin
        and one.Emax == other.Emax
        and one.capitals == other.capitals
        and one.clamp == other.clamp
    )


def _variable() -> ContextVar[Any] | None:
    """Return the variable of ``decimal``; None where Python was built to hold it elsewhere."""
    unused = Context()
    unused.run(decimal.getcontext)
    return next(iter(unused), None)


_VARIABLE: Final = _variable()


class _Held(threading.local):
    """The last copy that a thread has made for its submits."""

    latest: decimal.Context | None = None


_HELD: Final = _Held()
