"""What a phase's code knows of its chain: the results before it, or in another process none."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class PhaseResults(Protocol):
    """Knows the results of the phases before the one that asks."""

    def result_of(self, name: str) -> Any:
        """Return what the last phase called ``name`` before the present one has returned."""
        ...


CHAIN_RUN: Final[ContextVar[PhaseResults | None]] = ContextVar("jobactors_chain", default=None)
"""The run whose phase this code is."""


class ResultsElsewhere:
    """Stands for the run of a chain in another process, and has none of its results."""

    def result_of(self, name: str) -> Any:
        """Refuse.

        Raises:
            LookupError: always; the message has the cure.
        """
        raise LookupError(
            f"the result of {name!r} is not here: this phase runs in another process than its "
            f'chain.  Pass it as an argument, ja.result_of("{name}") in ja.phase(…)'
        )


class PhaseCall:
    """Calls a phase's function in its own process; its arguments were filled in before.

    Args:
        function: The function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function: Callable[..., Any] = function
        """The function."""

    def __call__(self, /, **arguments: Any) -> Any:
        """Call it."""
        token = CHAIN_RUN.set(ResultsElsewhere())
        try:
            return self.function(**arguments)
        finally:
            CHAIN_RUN.reset(token)

    def __repr__(self) -> str:
        return repr(self.function)
