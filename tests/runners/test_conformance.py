"""The public conformance suite on our own runners, and on one of somebody else's making."""

from __future__ import annotations

import threading
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import trio

import jobactors as ja
from jobactors.testing import RunnerConformance


class TestTrio(RunnerConformance):
    """Tasks in the jobs' own loop."""

    functions = "trio"
    abandons = False  # a trio task that hears of no cancel cannot be left behind

    def make_runner(self) -> str:
        """By its name."""
        return "trio"


class TestThread(RunnerConformance):
    """Worker threads."""

    def make_runner(self) -> str:
        """By its name."""
        return "thread"


class TestAsyncio(RunnerConformance):
    """Tasks in the private asyncio loop."""

    functions = "asyncio"

    def make_runner(self) -> str:
        """By its name."""
        return "asyncio"


class TestProcess(RunnerConformance):
    """A process for each attempt."""

    shares_memory = False
    patience = 120.0

    def make_runner(self) -> str:
        """By its name."""
        return "process"


class LineOfThreads:
    """Starts a thread of its own for each attempt, once the line before it is short enough."""

    name = "line of threads"
    takes_slot = True
    can_abandon = True
    waits_elsewhere = True

    def __init__(self) -> None:
        self._line = trio.CapacityLimiter(8)

    async def run(self, attempt: ja.Attempt) -> Any:
        """Wait in line, start, and wait for the thread, whatever happens to the job."""
        async with self._line:
            await attempt.started()
            thread = _Thread(attempt)
            thread.start()
            with trio.CancelScope(shield=True), attempt.abandon():
                await thread.ended.wait()
        if not thread.ended.is_set():
            raise ja.Abandoned
        if thread.error is not None:
            raise thread.error
        return thread.value


class _Thread(threading.Thread):
    """Calls an attempt's function with its job as the current one."""

    def __init__(self, attempt: ja.Attempt) -> None:
        super().__init__(daemon=True)
        self.ended = trio.Event()
        self.value: Any = None
        self.error: BaseException | None = None
        self._attempt = attempt
        self._context = copy_context()
        self._token = trio.lowlevel.current_trio_token()

    def run(self) -> None:
        """Call it."""
        attempt = self._attempt
        try:
            call = attempt.function
            self.value = self._context.run(call, *attempt.args, **attempt.kwargs)
        except BaseException as exc:
            self.error = exc
        with suppress(trio.RunFinishedError):  # left behind, it outlives the loop
            self._token.run_sync_soon(self.ended.set)


class TestLineOfThreads(RunnerConformance):
    """A runner that waits elsewhere, from the public names alone."""

    def make_runner(self) -> LineOfThreads:
        """Make one for each row."""
        return LineOfThreads()
