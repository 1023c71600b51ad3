"""Filters of jobs: one pure predicate out of the conditions that a caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from jobactors.model.identity import type_names
from jobactors.model.nearest import or_nearest
from jobactors.model.options import priority_number
from jobactors.model.states import TERMINAL, UNFINISHED, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.snapshot import JobSnapshot

States = str | Iterable[str]
"""A state or several, as enumeration members or by name, or by the name of a group of states."""

_GROUPS: Final[Mapping[str, frozenset[JobState]]] = {
    "unfinished": UNFINISHED,
    "finished": TERMINAL,
}
"""The names of groups of states."""


def matches(
    state: States | None = None,
    kind: TypeOrFunction | None = None,
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
    types = None if kind is None else type_names(kind)
    wanted_priority = None if priority is None else priority_number(priority)

    def predicate(snapshot: JobSnapshot) -> bool:
        info = snapshot.info
        return (
            (wanted_states is None or snapshot.state in wanted_states)
            and (types is None or info.type in types)
            and (subject is None or info.subject == subject)
            and (tag is None or tag in info.tags)
            and (wanted_priority is None or info.priority == wanted_priority)
        )

    return predicate


def as_states(value: States) -> frozenset[JobState]:
    """Return the states of one name, or of several; a name may be that of a group of states.

    Raises:
        ValueError: for a name that no state and no group has; the message lists those there are.
        TypeError: for what is no name.
    """
    names = (value,) if isinstance(value, str) else value
    try:
        return frozenset[JobState]().union(*map(_named, names))
    except TypeError:
        raise TypeError(f"state= takes a state, or several, not {value!r:.100}") from None


def _named(name: str) -> frozenset[JobState]:
    try:
        return _GROUPS.get(name) or frozenset({JobState(name)})
    except ValueError:
        known = ", ".join((*JobState, *_GROUPS))
        meant = or_nearest(name, (*JobState, *_GROUPS))
        raise ValueError(f"{name!r:.100} is no state{meant}; states are {known}") from None
