"""What a run on a worker has reported, taken into its job here: progress, lines, its value."""

from __future__ import annotations

import json
from contextlib import suppress
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from jobactors.inside.signals.control import StopJob
from jobactors.inside.verbs.output_capture import CAPTURE
from jobactors.model.progress import Progress

from .dask_hints import REBUILT
from .dask_packing import unpack_plain
from .process_wire import Kind, unpack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobactors.engine.ports.runner import Attempt
    from jobactors.inside.context.job_context import JobContext


def take_report(
    context: JobContext, kind: Kind, content: bytes, echo: Callable[[str, str], None] | None
) -> None:
    """Take a frame that a run has sent by itself.  In the engine's loop.

    Args:
        context: Its job's.
        kind: SAMPLE, LOG or SAVED.
        content: The frame's content, as ``process_wire`` describes it.
        echo: Writes lines to our own output as well; None where the run has done that.
    """
    if kind is Kind.SAMPLE:
        fields: dict[str, Any] = json.loads(content)
        fields["stages"] = tuple(fields.get("stages", ()))
        context._meter.remote = Progress(**fields)
        context._meter.changed()
    elif kind is Kind.LOG:
        source, _, text = content.decode().partition("\n")
        context.write_log(text, source)
        if CAPTURE.echo and echo is not None:
            echo(text, source)
    elif context._buffer is not None:
        context._buffer.take_in(json.loads(content))


async def show_at(attempt: Attempt, where: str) -> None:
    """Show an attempt at the worker on which it has begun again."""
    with suppress(StopJob):  # it is to end, and is told so at that worker
        await attempt.started(where)


async def rebuilt_value(
    content: bytes, rebuild: Callable[[Callable[[bytes], Any], bytes], Awaitable[Any]]
) -> Any:
    """Return the value of a last word; ``rebuild`` calls what may run users' code in a thread.

    Raises:
        BaseException: what the classes of the value raise.
    """
    with suppress(UnpicklingError):
        return unpack_plain(content)
    try:
        return await rebuild(unpack, content)
    except Exception as exc:
        exc.add_note(REBUILT)
        raise
