"""A decimal context of a job's own.

A job sees a copy of its submitter's context variables.  But the one of ``decimal`` holds an object
that is changed in place, and that all copies share: the precision that a job sets would be that of
its submitter, and of every other job from there.

Where the submitter has never used ``decimal``, the variable is not set, and a job that asks for its
context gets a new one without our doing.  That is nearly every submit, so it is asked first: a copy
is five objects for the garbage collector.
"""

from __future__ import annotations

import decimal  # msgspec has loaded it already
from contextvars import Context, ContextVar
from typing import Any, Final


def take_own_decimals() -> None:
    """Copy the decimal context, for this context alone, in which code of a job is about to run."""
    if _VARIABLE is None or _VARIABLE.get(None) is not None:
        decimal.setcontext(decimal.getcontext().copy())


def shares_decimals(context: Context) -> bool:
    """Whether a copy of context variables holds the decimal context of those it was copied from."""
    return _VARIABLE is None or _VARIABLE in context


def _variable() -> ContextVar[Any] | None:
    """Return the variable of ``decimal``; None where Python was built to hold it elsewhere."""
    unused = Context()
    unused.run(decimal.getcontext)
    return next(iter(unused), None)


_VARIABLE: Final = _variable()
