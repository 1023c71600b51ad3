"""The result of a chain, and of each of its phases."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from .field_docs import documented


@documented
class ItemError(Struct, frozen=True):
    """An error of one item that did not stop the others."""

    item: str
    """The item, as text."""
    error: str
    """The error's type and message."""

    def __str__(self) -> str:
        return f"{self.item}: {self.error}"


@documented
class PhaseResult(Struct, frozen=True):
    """The result of one phase."""

    name: str
    """The phase's name; the second of one name is "Index (2)"."""
    status: Literal["completed", "failed", "cancelled", "skipped"]
    """"skipped": it was not begun, because an earlier one did not complete."""
    value: Any = None
    """Its return value; None if that was in an earlier process and could not be stored."""
    kept_from_before: bool = False
    """Whether it was completed by an earlier attempt or job, and not run again."""
    errors: tuple[ItemError, ...] = ()
    """The errors of single items that it has collected."""


@documented
class ChainResult(Struct, frozen=True):
    """The result of a chain."""

    status: Literal["succeeded", "failed", "cancelled"]
    """The state of its job."""
    message: str
    """One sentence for a person."""
    phases: tuple[PhaseResult, ...]
    """All phases, in order."""
    resumed: bool = False
    """Whether it went on from a checkpoint."""
    stopped_at: str | None = None
    """The phase in which it stopped; None if it came to its end."""
    reason: str | None = None
    """The error, or the reason of the cancel, that stopped it; None if it came to its end."""
    notes: tuple[str, ...] = ()
    """Further facts, such as a phase that had to be run again."""

    @property
    def success(self) -> bool:
        """Whether every phase is completed."""
        return self.status == "succeeded"

    @property
    def completed(self) -> tuple[str, ...]:
        """The names of the completed phases."""
        return self._named("completed")

    @property
    def skipped(self) -> tuple[str, ...]:
        """The names of the phases that were not begun."""
        return self._named("skipped")

    @property
    def results(self) -> dict[str, Any]:
        """The return values of the completed phases, by name."""
        return {phase.name: phase.value for phase in self.phases if phase.status == "completed"}

    @property
    def errors(self) -> tuple[ItemError, ...]:
        """The errors of single items, of all phases."""
        return tuple(error for phase in self.phases for error in phase.errors)

    def _named(self, status: str) -> tuple[str, ...]:
        return tuple(phase.name for phase in self.phases if phase.status == status)

    def __repr__(self) -> str:
        # Values stay out: they may be huge, and hold what must not stand in a log.
        return f"<ChainResult {self.status}: {self.message}>"
