"""The errors of names that stand for nothing here: of schedules and of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import JobactorsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class UnknownTemplate(JobactorsError, KeyError):
    """No template has this name (any more)."""

    def __init__(self, name: object, known: Sequence[str] = ()) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"no template {self.name!r} here; {_listed(self.known)}"


class UnknownSchedule(JobactorsError, KeyError):
    """No schedule has this name (any more)."""

    def __init__(self, name: object, known: Sequence[str] = ()) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"no schedule {self.name!r} here; {_listed(self.known)}"


def _listed(known: Sequence[str]) -> str:
    return f"there are: {', '.join(known[:20])}" if known else "there is none yet"
