"""What a system costs while nothing happens: wake-ups and processor time."""

from __future__ import annotations

import time

import psutil
import trio

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant

JOBS = 100


async def watched(seconds: float) -> Numbers:
    """Sleep, and count what this process did meanwhile."""
    process = psutil.Process()
    await trio.sleep(0.5)  # what follows a start
    switches, cpu = process.num_ctx_switches().voluntary, time.process_time()
    await trio.sleep(seconds)
    return {
        "wake-ups": (process.num_ctx_switches().voluntary - switches) / seconds,
        "processor": (time.process_time() - cpu) / seconds * 1e3,
    }


async def bare(tenths: int) -> Numbers:
    """The floor: tasks that sleep."""
    async with trio.open_nursery() as nursery:
        for _ in range(JOBS):
            nursery.start_soon(trio.sleep_forever)
        found = await watched(tenths / 10)
        nursery.cancel_scope.cancel()
    return found


async def jobactors(tenths: int) -> Numbers:
    """Jobs that sleep and once said something, a queued one, a finished one, and a subscriber."""

    async def sleep() -> None:
        ja.progress(1, 2)
        await trio.sleep_forever()

    async with ja.open_jobs(max_running=JOBS) as jobs:
        jobs.on_event(lambda _: None)
        await jobs.run(trio.sleep, 0)
        for _ in range(JOBS + 1):
            jobs.submit(sleep)
        found = await watched(tenths / 10)
        jobs.select().cancel()
    return found


PROGRAM = Program(
    title="100 sleeping jobs",
    measures=(
        Measure("wake-ups", "a second", at_most=2, absolute=True),
        Measure("processor", "ms a second", at_most=1, absolute=True),
    ),
    variants=(
        Variant("tasks that sleep", lambda n: trio.run(bare, n)),
        Variant("jobactors", lambda n: trio.run(jobactors, n)),
    ),
    size=50,
    smoke_size=1,
    rounds=3,
)
