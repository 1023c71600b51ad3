"""Filters of jobs: one pure predicate out of the conditions that a caller gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from jobactors.model.job_type import job_type_of
from jobactors.model.options import priority_number
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from jobactors.model.snapshot import JobSnapshot

States = str | Iterable[str]
"""A state or several, as enumeration members or by name."""
TypeOrFunction = str | Callable[..., Any]
"""The name of a job type, or a function."""


def matches(
    state: States | None = None,
    type_name: TypeOrFunction | None = None,
    subject: str | None = None,
    tag: str | None = None,
    priority: str | int | None = None,
) -> Callable[[JobSnapshot], bool]:
    """Return a predicate that is true for jobs that match all that is not None.

    Raises:
        ValueError: for a state or priority that does not exist.
        TypeError: for a type that is neither a name nor a function.
    """
    wanted_states = None if state is None else as_states(state)
    wanted_type = None if type_name is None else as_type_name(type_name)
    wanted_priority = None if priority is None else priority_number(priority)

    def predicate(snapshot: JobSnapshot) -> bool:
        info = snapshot.info
        return (
            (wanted_states is None or snapshot.state in wanted_states)
            and (wanted_type is None or info.type == wanted_type)
            and (subject is None or info.subject == subject)
            and (tag is None or tag in info.tags)
            and (wanted_priority is None or info.priority == wanted_priority)
        )

    return predicate


def as_states(value: States) -> frozenset[JobState]:
    """Return the states of one name, or of several.

    Raises:
        ValueError: for a name that no state has; the message lists those there are.
        TypeError: for what is no name.
    """
    names = (value,) if isinstance(value, str) else value
    try:
        return frozenset(map(_as_state, names))
    except TypeError:
        raise TypeError(f"state= takes a state, or several, not {value!r:.100}") from None


def _as_state(value: str) -> JobState:
    try:
        return JobState(value)
    except ValueError:
        raise ValueError(f"{value!r:.100} is no state; states are {', '.join(JobState)}") from None


def as_type_name(value: TypeOrFunction) -> str:
    """Return the name of a job type, or the one under which a function's jobs are known.

    Raises:
        TypeError: for what is neither.
    """
    if isinstance(value, str):
        return value
    if not callable(value):
        raise TypeError(f"type= takes the name of a job type, or a function, not {value!r:.100}")
    kind = job_type_of(value)
    return name_of_function(value) if kind is None else kind.name


def name_of_function(function: Callable[..., Any]) -> str:
    """Return the type of a job whose function is not registered."""
    target: Any = function
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    name = getattr(target, "__name__", None) or type(target).__name__
    return "lambda" if name == "<lambda>" else str(name)
