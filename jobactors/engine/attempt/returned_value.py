"""The ending of an attempt whose function has returned, and the warning if that means a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.report.returned_failure import failure_text, says_failure
from jobactors.model.outcome import Returned, is_success

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext

_WARNED: Final[set[str]] = set()
"""Warnings that were logged.  Further jobs have them in their own logs alone."""


def returned(value: object, context: JobContext, *, told: bool) -> Returned:
    """Return the ending by a return, and log a warning if it counts as success and is none.

    Args:
        value: The function's value.
        context: The context of its job, which gets the warning in its log.
        told: Whether the function was told of a request to end.
    """
    ending = Returned(value, told=told)
    if type(value) is dict and says_failure(cast("object", value)) and is_success(ending):
        text = failure_text(f"a job of type {context.type!r}")
        if text in _WARNED:
            context.write_log(f"WARNING: {text}\n", "WARNING")
        else:
            _WARNED.add(text)
            LOG.warning("%s", text)  # which is in the job's log as well
    return ending
