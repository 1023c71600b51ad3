"""The requests of an attempt on a Dask cluster, as they go to the run that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .process_wire import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.signals.control import Control, Gate


class SentRequests:
    """What the run was asked for.  In the engine's loop.

    Args:
        tell: Sends a command to the run.
    """

    __slots__ = ("_gate", "_has_asked_to_end", "_pauses", "_tell")

    def __init__(self, tell: Callable[[Kind, bytes], None]) -> None:
        self._tell = tell
        self._gate: Gate | None = None
        self._pauses = 0
        self._has_asked_to_end = False

    def pass_on(self, control: Control) -> None:
        """Tell the run what has changed."""
        gate = control.gate
        if control.cancel_requested.is_set:
            if not self._has_asked_to_end:
                self._has_asked_to_end = True
                reason = control.reason or ""
                self._tell(Kind.CANCEL, reason.encode("utf-8", "surrogatepass"))
        elif gate is not self._gate:
            self._gate = gate
            if gate is None:
                self._tell(Kind.RESUME, b"")
            else:
                self._pauses += 1
                self._tell(Kind.PAUSE, str(self._pauses).encode())

    def forget(self) -> None:
        """Tell all of it once more: another run counts."""
        self._has_asked_to_end, self._gate = False, None

    def reached(self, content: bytes) -> None:
        """Take note that the run stands still, if it does for the last pause."""
        if self._gate is not None and int(content) == self._pauses:
            self._gate.reached()
