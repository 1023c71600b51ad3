"""References to other jobs among a job's arguments.

A user passes a :class:`~jobactors.Job`, or ``ja.handle(job)``, alone or inside a list, a tuple, a
dictionary or a dataclass.  The submit replaces both by these references, in a copy, so that
storage, recovery and the running attempt see records, and no public handles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from .nested_values import Replacement, holds_any
from .record import Edge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from .record import Record

Gives = Literal["result", "handle"]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class JobReference(Struct, frozen=True):
    """An argument that stands for another job."""

    record: Record
    """The other job."""
    gives: Gives
    """The value for the function: the job's result, once it has succeeded, or its handle."""


class Nested(Struct, frozen=True):
    """An argument with references inside; made by :func:`with_nested`."""

    value: Any
    """The argument, with references in the place of jobs."""
    references: tuple[JobReference, ...]
    """These references."""


_REFERENCE: Final[frozenset[type]] = frozenset({JobReference})
_REFERENCES: Final = frozenset(map(id, (JobReference, Nested)))
"""Classes by identity: those of arguments may not let themselves be hashed."""


def with_references(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    refer: Callable[[Any], Any],
    kinds: AbstractSet[type],
) -> Arguments:
    """Return arguments with references in the place of what ``refer`` has one for.

    Args:
        args: Positional arguments.
        kwargs: Named arguments.
        refer: Returns a reference, or what it was given.
        kinds: The types of what it has one for.

    Raises:
        TypeError, ValueError: for a value to replace where no reference can stand.
    """
    return with_nested(*Replacement(refer, kinds).of((args, kwargs)))


def with_nested(args: Iterable[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """Return arguments that hold references, those inside of others marked as nested."""
    if not holds_any((*args, *kwargs.values()), _REFERENCE):
        return tuple(args), dict(kwargs)
    args = tuple(_nested(argument) for argument in args)
    return args, {name: _nested(argument) for name, argument in kwargs.items()}


def _nested(argument: Any) -> Any:
    found: list[JobReference] = []

    def note(value: Any) -> Any:
        if type(value) is JobReference:
            found.append(value)
        return value

    if type(argument) is JobReference:
        return argument
    Replacement(note, _REFERENCE).of(argument)
    return Nested(argument, tuple(found)) if found else argument


def without_references(
    args: tuple[Any, ...], kwargs: dict[str, Any], instead: Callable[[JobReference], object]
) -> Arguments:
    """Return arguments in which each reference is replaced by ``instead(reference)``."""
    if not has_references(args, kwargs):
        return args, kwargs

    def replace(value: Any) -> Any:
        return instead(value) if type(value) is JobReference else value

    replacement = Replacement(replace, _REFERENCE)

    def plain(argument: Any) -> Any:
        return replacement.of(argument.value) if type(argument) is Nested else replace(argument)

    return tuple(map(plain, args)), {name: plain(value) for name, value in kwargs.items()}


def has_references(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether arguments hold references, alone or nested."""
    return bool(args or kwargs) and not _has_none((*args, *kwargs.values()))


def _has_none(arguments: tuple[Any, ...]) -> bool:
    return _REFERENCES.isdisjoint(map(id, map(type, arguments)))


def resolved(
    args: tuple[Any, ...], kwargs: dict[str, Any], handle_for: Callable[[Record], object]
) -> Arguments:
    """Return the arguments as the function receives them.

    Args:
        args: Positional arguments.
        kwargs: Named arguments.
        handle_for: Makes the public handle of a job.
    """

    def instead(reference: JobReference) -> object:
        if reference.gives == "handle":
            return handle_for(reference.record)
        outcome = reference.record.snapshot.outcome
        return None if outcome is None else outcome.value

    return without_references(args, kwargs, instead)


def edges_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Edge]:
    """Return the dependencies that arguments bring, by job id: each result has to succeed first."""
    return {
        reference.record.id: Edge(reference.record, "succeeded")
        for reference in _references(args, kwargs)
        if reference.gives == "result"
    }


def _references(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[JobReference]:
    for argument in (*args, *kwargs.values()):
        if type(argument) is JobReference:
            yield argument
        elif type(argument) is Nested:
            yield from argument.references
