"""The retention of ended jobs and checkpoints in a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from .checks import (
    Field,
    ages_by_name,
    ages_in_seconds,
    as_seconds,
    check_length,
    from_zero,
    is_mapping,
    is_number,
    length_from_zero,
    shown,
)
from .field_docs import documented
from .states import TERMINAL

_NO_AGES: Final[Mapping[str, float]] = {}


def _ages(keep: Keep, field: Field, value: Any) -> None:
    del keep, field
    if not is_mapping(value):
        raise TypeError(
            f'Keep(by_state=…) is a mapping, such as {{"failed": 30 * 86400}}, not {shown(value)}'
        )
    for state, age in value.items():
        if state not in TERMINAL:
            ends = ", ".join(sorted(TERMINAL))
            raise ValueError(f"Keep(by_state=…) takes {ends}, not {shown(state)}")
        if not is_number(age) or not age >= 0:
            raise ValueError(
                f"Keep(by_state={{{str(state)!r}: …}}) is a number of at least 0, not {shown(age)}"
            )
        check_length(f"Keep(by_state={{{str(state)!r}: …}})", age)


@documented
@frozen
class Keep:
    """Bounds the ended jobs and checkpoints in a store.

    Unfinished jobs stay, and the jobs that they come after.

    Raises:
        TypeError, ValueError: for what is no number of at least 0, or no name.

    Example::

        ja.open_jobs(store=ja.SqliteStore("jobs.db", keep=ja.Keep(age=30 * 86400)))
    """

    age: float = field(default=7 * 86400.0, converter=as_seconds, validator=length_from_zero)
    """Seconds after its end until a job goes, and after its saving a checkpoint; 604,800 are
    7 days.  A checkpoint of an unfinished job stays."""
    jobs: int = field(default=100_000, validator=from_zero)
    """The number of ended jobs that stay, the newest."""
    events: int = field(default=1_000, validator=from_zero)
    """The number of lines of a job's event log that stay, the newest."""
    by_state: Mapping[str, float] = field(
        hash=False, default=_NO_AGES, converter=ages_in_seconds, validator=_ages
    )
    """Other ages, in seconds, by the state in which a job ended:
    ``{"failed": 30 * 86400, "succeeded": 3600}``."""

    by_type: Mapping[str, float] = field(
        hash=False, default=_NO_AGES, converter=ages_in_seconds, validator=ages_by_name
    )
    """Other ages, in seconds, of jobs of some types and of their checkpoints, however they ended:
    ``{"index": 30 * 86400}``."""

    def _age_of(self, state: str, type: str) -> float:
        """Return the seconds for which a job of a type stays that ended so."""
        age = self.by_type.get(type)
        return self.by_state.get(state, self.age) if age is None else age

    def _age_of_checkpoint(self, type: str) -> float:
        """Return the seconds for which a checkpoint of a job type stays."""
        return self.by_type.get(type, self.age)

    @property
    def _shortest(self) -> float:
        """The least of all ages, in seconds."""
        return min([self.age, *self.by_state.values(), *self.by_type.values()])
