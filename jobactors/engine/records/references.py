"""References to other jobs among a job's arguments.

A user passes a :class:`~jobactors.Job`, or ``ja.handle(job)``.  The submit replaces both by these
references, so that storage, recovery and the running attempt see records, and no public handles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from .record import Edge

if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import Record

Gives = Literal["result", "handle"]


class JobReference(Struct, frozen=True):
    """An argument that stands for another job."""

    record: Record
    """The other job."""
    gives: Gives
    """The value for the function: the job's result, once it has succeeded, or its handle."""


def resolved(
    args: tuple[Any, ...], kwargs: dict[str, Any], handle_for: Callable[[Record], object]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments as the function receives them.

    Args:
        args: Positional arguments.
        kwargs: Named arguments.
        handle_for: Makes the public handle of a job.
    """
    if not args and not kwargs:
        return args, kwargs
    if not any(type(argument) is JobReference for argument in (*args, *kwargs.values())):
        return args, kwargs
    return (
        tuple(_resolve(argument, handle_for) for argument in args),
        {name: _resolve(argument, handle_for) for name, argument in kwargs.items()},
    )


def _resolve(argument: Any, handle_for: Callable[[Record], object]) -> Any:
    if type(argument) is not JobReference:
        return argument
    if argument.gives == "handle":
        return handle_for(argument.record)
    outcome = argument.record.snapshot.outcome
    return None if outcome is None else outcome.value


def edges_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Edge]:
    """Return the dependencies that arguments bring, by job id: each result has to succeed first."""
    return {
        argument.record.id: Edge(argument.record, "succeeded")
        for argument in (*args, *kwargs.values())
        if type(argument) is JobReference and argument.gives == "result"
    }
