"""The removal of old rows from a store, a few at a time, between the batches of changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import StoreError

if TYPE_CHECKING:
    from jobactors.engine.loop.serial_thread import SerialCalls
    from jobactors.engine.ports.store import Store

PRUNE_AFTER: Final = 1_000
"""Ended jobs after which old ones are removed from the store."""


class Pruner:
    """Removes what a store's own limits let go.  In the loop's thread, but for the removal itself.

    Args:
        store: The store.
        calls: The thread that makes its calls.
    """

    def __init__(self, store: Store, calls: SerialCalls) -> None:
        self._store = store
        self._calls = calls
        self.ended: int = 0
        """The jobs that have ended since old ones were removed."""

    @property
    def is_due(self) -> bool:
        """Whether so many jobs have ended that old ones are removed."""
        return self.ended >= PRUNE_AFTER

    def prune(self, now: float) -> None:
        """Remove old rows soon."""
        self.ended = 0
        self._calls.send(partial(self._prune, now))

    def _prune(self, now: float) -> None:
        """Remove some old rows, in the serial thread, and the next ones after its other calls."""
        try:
            if self._store.prune(now):
                self._calls.send(partial(self._prune, now))
        except StoreError as exc:
            LOG.warning("old jobs could not be removed: %s", exc)
