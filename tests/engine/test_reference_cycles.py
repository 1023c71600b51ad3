"""What a function has held goes with its end; the garbage collector is not waited for."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Generator

PATIENCE = 60


class Large:
    """What a function has as long as it runs."""

    def __init__(self, begun: threading.Event, gone: threading.Event) -> None:
        weakref.finalize(self, gone.set)
        begun.set()


async def in_trio(*events: threading.Event) -> None:
    large = Large(*events)
    await trio.sleep_forever()
    del large


async def in_asyncio(*events: threading.Event) -> None:
    large = Large(*events)
    await asyncio.sleep(1000)
    del large


def in_a_thread(*events: threading.Event) -> None:
    large = Large(*events)
    ja.current_job().wait_cancel_requested().result()
    del large


RUNNERS = [("trio", in_trio), ("asyncio", in_asyncio), ("thread", in_a_thread)]


@pytest.fixture
def no_collector() -> Generator[None]:
    """Switch the collector of reference cycles off."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(("runner", "function"), RUNNERS)
async def test_a_cancelled_function_is_in_no_cycle(runner: Any, function: Any) -> None:
    begun, gone = threading.Event(), threading.Event()
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(function, begun, gone)
        assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
        job.cancel()
        assert await trio.to_thread.run_sync(gone.wait, PATIENCE)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(("runner", "function"), RUNNERS)
async def test_a_function_that_has_timed_out_is_in_no_cycle(runner: Any, function: Any) -> None:
    begun, gone = threading.Event(), threading.Event()
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        await jobs.options(runner=runner, timeout=0.5).submit(function, begun, gone).wait()
        assert not begun.is_set() or await trio.to_thread.run_sync(gone.wait, PATIENCE)
