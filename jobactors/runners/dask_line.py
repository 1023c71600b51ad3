"""The line in which attempts go to a cluster: in the order of their starts, as Dask takes them.

Calls that run users' code when they are packed are packed in threads, many at once, and the last
may be ready first.  So one that is ready waits for those before it; but a call that takes long, or
hangs, holds the others back for a moment only, and then goes when it is ready.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from .dask_client import Order

PATIENCE: Final = 0.2
"""Seconds for which the first in the line may hold the others back."""


class SubmitLine:
    """The attempts of one loop that are being packed, and those that wait for them.

    Args:
        submit: Submits an order, with its listener.
        spawn: Starts a task in the loop.
    """

    def __init__(
        self,
        submit: Callable[[Order, Any], object],
        spawn: Callable[[Callable[[], Awaitable[object]]], None],
    ) -> None:
        self._submit = submit
        self._spawn = spawn
        self._places: dict[str, tuple[Order, Any] | None] = {}
        """By the keys of their tasks, in order; None while a call is being packed."""
        self._is_watched = False

    def join(self, key: str) -> None:
        """Take a place for a call that is going to be packed."""
        self._places.setdefault(key, None)
        if not self._is_watched:
            self._is_watched = True
            self._spawn(self._watch)

    @contextmanager
    def place(self, key: str) -> Iterator[None]:
        """Hold a place while its call is packed and submitted; it is free again after an error."""
        self.join(key)
        try:
            yield
        except BaseException:
            self.leave(key)
            raise

    def submit(self, order: Order, listener: Any) -> None:
        """Submit an order as soon as all before it have gone."""
        if self._places:
            self._places[order.key] = order, listener
            self._advance()
        else:
            self._submit(order, listener)

    def leave(self, key: str) -> None:
        """Give a place up, with the order if that waits there."""
        if key in self._places:
            del self._places[key]
            self._advance()

    def _advance(self) -> None:
        while self._places:
            key, ready = next(iter(self._places.items()))
            if ready is None:
                break
            del self._places[key]
            self._submit(*ready)

    async def _watch(self) -> None:
        """Let those behind go before a call that takes long to pack."""
        while self._places:
            first = next(iter(self._places))
            await trio.sleep(PATIENCE)
            if self._places and next(iter(self._places)) == first:
                self.leave(first)
        self._is_watched = False
