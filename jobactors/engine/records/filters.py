"""Filters of jobs: one pure predicate out of the conditions that a caller gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.options import priority_number
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.model.snapshot import JobSnapshot


def matches(
    state: str | JobState | None = None,
    type_name: str | None = None,
    subject: str | None = None,
    tag: str | None = None,
    priority: str | int | None = None,
) -> Callable[[JobSnapshot], bool]:
    """Return a predicate that is true for jobs that match all that is not None.

    Raises:
        ValueError: for a state or priority that does not exist.
    """
    wanted_state = None if state is None else as_state(state)
    wanted_priority = None if priority is None else priority_number(priority)

    def predicate(snapshot: JobSnapshot) -> bool:
        info = snapshot.info
        return (
            (wanted_state is None or snapshot.state is wanted_state)
            and (type_name is None or info.type == type_name)
            and (subject is None or info.subject == subject)
            and (tag is None or tag in info.tags)
            and (wanted_priority is None or info.priority == wanted_priority)
        )

    return predicate


def as_state(value: str) -> JobState:
    """Return the state of that name.

    Raises:
        ValueError: if there is none; the message lists those there are.
    """
    try:
        return JobState(value)
    except ValueError:
        raise ValueError(f"{value!r:.100} is no state; states are {', '.join(JobState)}") from None
