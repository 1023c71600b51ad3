"""The way of a batch into the store: in the store's thread, or in the loop's where that is quicker.

Written by the loop's thread; the store's thread reads the batch that it was handed.
"""

from __future__ import annotations

from functools import partial
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING

from jobactors.engine.loop.serial_thread import InlineCalls, SerialThread

from .commit_place import CommitPlace

if TYPE_CHECKING:
    from jobactors.engine.loop.serial_thread import SerialCall, SerialCalls
    from jobactors.engine.ports.store import QuickStore, Store

    from .write_batch import WriteBatch


class BatchWriter:
    """Writes batches into one store, each by one call.  In the loop's thread only.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: SerialCalls = InlineCalls() if store.in_loop else SerialThread()
        """Makes all calls of the store."""
        # By its name: stores that others have written need not have it.
        quick: QuickStore | None = getattr(store, "quick", None)
        self._quick = None if store.in_loop else quick
        self._place = CommitPlace()
        self.is_writing: bool = False
        """Whether a batch is being written in this very thread."""

    def write(self, batch: WriteBatch, ahead: SerialCall[bool] | None, *, here: bool) -> bool:
        """Write a batch, or have it written by a call that is the batch's.

        Args:
            batch: The batch.
            ahead: The call of the batch before it, if that is still to be made.
            here: Whether it may be written in this thread.

        Returns:
            Whether its call has been made.
        """
        if here and ahead is None and self._write_here(batch):
            return True
        batch.call = self.calls.send(partial(self._write, batch, ahead))
        return self._store.in_loop

    def _write_here(self, batch: WriteBatch) -> bool:
        quick, place = self._quick, self._place
        if quick is None or not (place.is_loop(batch.changes) and batch.is_small):
            return False
        self.is_writing = True
        start = perf_counter()
        try:
            call = self.calls.make_here(partial(batch.write_now, quick))
        finally:
            self.is_writing = False
        if call is None:  # the thread is busy
            return False
        written = call.answer()
        place.note_in_loop(perf_counter() - start if written else inf)
        if written:
            batch.call = call
        return written

    def _write(self, batch: WriteBatch, ahead: SerialCall[bool] | None) -> bool:
        """Write a batch, in the serial thread; it fails if the batch ahead of it has failed."""
        if ahead is not None:
            ahead.answer()
        start = perf_counter()
        batch.write_into(self._store)
        batch.seconds = perf_counter() - start
        return True

    def check(self, batch: WriteBatch) -> None:
        """Raise if a batch, whose call has been made, could not be written.

        Raises:
            StoreError: the reason; or whatever the store has raised.
        """
        batch.call.answer()
        if batch.seconds is not None:
            self._place.note_in_thread(batch.changes, batch.seconds)
