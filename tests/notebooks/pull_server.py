"""The stand-in's server in a test's own trio loop, and a gate that stops it where a test wants."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
from model_pulls import ModelFolder
from ollama_stand_in import listen, ollama_app, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from model_pulls import Pace


class Gate:
    """Stops a server before a step, once, until it is opened; counts the bytes that pass.

    It is a pace, as `at_rate(…)` is.
    """

    def __init__(self, step: str = "", after: int = 0) -> None:
        """Stop before a step whose name begins so, once so many bytes have passed; "" is none."""
        self.reached = trio.Event()
        self.opened = trio.Event()
        self.left = trio.Event()
        """Set when it holds nothing more: it was opened, or what it held was given up."""
        self.bytes = 0
        self._step = step
        self._after = after

    async def __call__(self, step: str, size: int) -> None:
        """Let a step pass, or hold it."""
        await trio.lowlevel.checkpoint()
        if self._step and step.startswith(self._step) and self.bytes >= self._after:
            self.reached.set()
            try:
                await self.opened.wait()
            finally:
                self.left.set()
        self.bytes += size


@asynccontextmanager
async def served(folder: Path, registry: str, pace: Pace) -> AsyncIterator[str]:
    """Serve a folder of models in this loop; gives the address."""
    async with trio.open_nursery() as nursery:
        models = ModelFolder(folder, registry, nursery, pace)
        listener, url = listen()
        nursery.start_soon(serve, ollama_app(models), listener)
        yield url
        nursery.cancel_scope.cancel()
