"""A decimal context of a job's own.

A job sees a copy of its submitter's context variables.  But the one of ``decimal`` holds an object
that is changed in place, and that all copies share: the precision that a job sets would be that of
its submitter, and of every other job from there.
"""

from __future__ import annotations

import sys


def take_own_decimals() -> None:
    """Copy the decimal context, for this context alone, in which code of a job is about to run."""
    decimal = sys.modules.get("decimal")  # not loaded: there is no context yet
    if decimal is not None:
        decimal.setcontext(decimal.getcontext().copy())
