"""The phase of a chain that is waited for: in a thread, or with a runner of its own."""

from __future__ import annotations

import trio


class RunningPhase:
    """One phase while its chain waits for it.  In the loop's thread only.

    Args:
        scope: The scope in which it is waited for.
    """

    __slots__ = ("awaits_cluster", "scope", "wait_reason")

    def __init__(self, scope: trio.CancelScope) -> None:
        self.scope: trio.CancelScope = scope
        """The scope in which the chain, or the phase's runner, waits for it."""
        self.awaits_cluster: bool = False
        """Whether its runner has handed it on, to a cluster where it has not begun."""
        self.wait_reason: str | None = None
        """Why nothing begins it there, as its runner says; None where no reason is known."""

    def cancel(self, reason: str | None) -> None:
        """Wait for it no more."""
        self.scope.cancel(reason)
