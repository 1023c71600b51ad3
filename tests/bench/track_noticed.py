"""How soon a tracked loop over a sequence notices that it is cancelled or paused."""

from __future__ import annotations

import time
from statistics import median

import trio

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant

ENDLESS = range(10**12)


def count() -> None:
    """Go on until told otherwise."""
    for _ in ja.track(ENDLESS):
        pass


def bare(stops: int) -> Numbers:
    """Threads that look at a flag with every item."""
    return {"cancel": median(bare_stop() for _ in range(stops)) * 1e3}


def bare_stop() -> float:
    """Seconds from setting the flag to the end of the thread."""
    stop: list[bool] = []

    def look() -> float:
        while not stop:
            pass
        return time.perf_counter()

    async def main() -> float:
        async with trio.open_nursery() as nursery:
            seen: list[float] = []

            async def work() -> None:
                seen.append(await trio.to_thread.run_sync(look))

            nursery.start_soon(work)
            await trio.sleep(0.02)
            asked = time.perf_counter()
            stop.append(True)
        return seen[0] - asked

    return trio.run(main)


def jobactors(stops: int) -> Numbers:
    """Jobs over a range, told from the loop."""

    async def main() -> Numbers:
        async with ja.open_jobs() as jobs:
            waits = [await stop(jobs) for _ in range(stops)]
        cancels, pauses = zip(*waits, strict=True)
        return {
            "cancel": median(cancels) * 1e3,
            "pause": median(pauses) * 1e3,
            "longest": max(*cancels, *pauses) * 1e3,
        }

    return trio.run(main)


async def stop(jobs: ja.Jobs) -> tuple[float, float]:
    """Seconds until a cancelled job has ended, and until a paused one stood still."""
    async with jobs.subscribe(ja.JobPaused) as batches:
        job = jobs.submit(count)
        await trio.sleep(0.02)
        asked = time.perf_counter()
        job.pause()
        async for batch in batches:
            if any(isinstance(event, ja.JobPaused) for event in batch):
                break
        paused = time.perf_counter() - asked
        job.resume()
    await trio.sleep(0.02)
    asked = time.perf_counter()
    job.cancel()
    await job.wait()
    return time.perf_counter() - asked, paused


PROGRAM = Program(
    title="a tracked range notices",
    measures=(
        Measure("cancel", "ms", at_most=50, absolute=True),
        Measure("pause", "ms", at_most=50, absolute=True),
        Measure("longest", "ms", at_most=50, absolute=True),
    ),
    variants=(Variant("a flag looked at", bare), Variant("jobactors", jobactors)),
    size=40,
    smoke_size=1,
    rounds=3,
)
