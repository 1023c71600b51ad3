"""Cancelling a sleeping trio job from another thread: how long until the job feels it."""

from __future__ import annotations

import time
from concurrent.futures import Future
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import trio

import jobactors as ja
from tests.bench.bare_loop import BareLoop
from tests.bench.harness import Measure, Numbers, Program, Variant, peer

if TYPE_CHECKING:
    from collections.abc import Callable


async def sleep_and_tell(awake: Future[None], felt: Future[float]) -> None:
    """Sleep until cancelled, and say when that was."""
    awake.set_result(None)
    try:
        await trio.sleep_forever()
    finally:
        felt.set_result(time.perf_counter())


def p50(begin: Callable[[Future[None], Future[float]], Callable[[], object]], n: int) -> Numbers:
    """The median of many, in microseconds; ``begin`` starts a sleeper and says how to cancel it."""
    waits = []
    for _ in range(n):
        awake: Future[None] = Future()
        felt: Future[float] = Future()
        cancel = begin(awake, felt)
        awake.result()
        time.sleep(0.0005)  # until the loop sleeps as well
        start = time.perf_counter()
        cancel()
        waits.append(felt.result() - start)
    return {"p50": median(waits) * 1e6}


def bare(size: int) -> Numbers:
    """A cancel scope, reached through the loop's token."""
    with BareLoop().running() as loop:

        def begin(awake: Future[None], felt: Future[float]) -> Callable[[], object]:
            scope = trio.CancelScope()

            async def task() -> None:
                with scope:
                    await sleep_and_tell(awake, felt)

            loop.token.run_sync_soon(loop.nursery.start_soon, task)
            return partial(loop.token.run_sync_soon, scope.cancel)

        return p50(begin, size)


def jobactors(size: int) -> Numbers:
    """As in a cell."""
    jobs = ja.start()
    return p50(lambda awake, felt: jobs.submit(sleep_and_tell, awake, felt).cancel, size)


def trio_parallel(size: int) -> Numbers:
    """A worker process, which has to be killed; until its task is told."""
    run_sync = peer("trio_parallel").run_sync
    with BareLoop().running() as loop:

        def begin(awake: Future[None], felt: Future[float]) -> Callable[[], object]:
            scope = trio.CancelScope()

            async def task() -> None:
                with scope:
                    await run_sync(abs, 1)  # so that the worker is up
                    awake.set_result(None)
                    await run_sync(time.sleep, 600, kill_on_cancel=True)
                felt.set_result(time.perf_counter())

            loop.token.run_sync_soon(loop.nursery.start_soon, task)
            return partial(loop.token.run_sync_soon, scope.cancel)

        return p50(begin, max(1, size // 50))


PROGRAM = Program(
    title="cancel from another thread",
    measures=(Measure("p50", "µs", at_most=2),),
    variants=(
        Variant("TrioToken + CancelScope", bare),
        Variant("jobactors", jobactors),
        Variant("trio-parallel", trio_parallel, "trio-parallel"),
    ),
    size=1_000,
    smoke_size=2,
)
