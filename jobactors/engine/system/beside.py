"""Run the services of a system beside its jobs, and choose which of their errors counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from jobactors.engine.loop.worker_thread import is_being_cancelled
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.exception_tree import is_group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


# A Ctrl-C is the body's, not a service's: raised here it would only be logged.
@trio.lowlevel.enable_ki_protection
async def serve_beside(service: Callable[[], Awaitable[None]]) -> None:
    """Run a service until it ends; whatever it raises is logged, and the jobs go on."""
    try:
        await service()
    except BaseException:  # of any kind
        if is_being_cancelled():
            raise
        LOG.exception("a service beside the jobs failed and has ended: %r", service)


def first_error(cause: BaseException) -> BaseException:
    """Return the first error in groups of them that is no cancellation."""
    while is_group(cause) and cause.exceptions:
        errors = [exc for exc in cause.exceptions if not isinstance(exc, trio.Cancelled)]
        cause = (errors or cause.exceptions)[0]
    return cause
