"""The floor of several programs: a trio loop in a thread, and nothing more."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


async def nothing() -> None:
    """Be a job that has nothing to do."""


class BareLoop:
    """A trio loop in a thread, to which anybody can give a task: the least there can be."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._end: trio.Event
        self.nursery: trio.Nursery
        self.token: trio.lowlevel.TrioToken
        self.thread = threading.Thread(target=trio.run, args=(self._main,))

    async def _main(self) -> None:
        self.token, self._end = trio.lowlevel.current_trio_token(), trio.Event()
        async with trio.open_nursery() as self.nursery:
            self._opened.set()
            await self._end.wait()

    def submit(self) -> Future[None]:
        """Run a task that does nothing, and tell when it has."""
        future: Future[None] = Future()
        self.token.run_sync_soon(self.nursery.start_soon, self._job, future)
        return future

    async def _job(self, future: Future[None]) -> None:
        await nothing()
        future.set_result(None)

    @contextmanager
    def running(self) -> Iterator[BareLoop]:
        """Run it for a block."""
        self.thread.start()
        self._opened.wait()
        yield self
        self.token.run_sync_soon(self._end.set)
        self.thread.join()
