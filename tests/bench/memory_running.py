"""What a job costs that runs and has nothing to do: memory of the process, a job."""

from __future__ import annotations

import gc
import itertools
import threading
from typing import Any

import psutil
import trio
import trio.testing

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant, peer


def resident() -> int:
    """Bytes this process has in memory."""
    gc.collect()
    size: int = psutil.Process().memory_info().rss
    return size


def per_job(before: int, size: int) -> Numbers:
    """Kilobytes a job."""
    return {"job": (resident() - before) / size / 1e3}


async def bare(size: int) -> Numbers:
    """The floor: a task with a cancel scope, a nursery and a mailbox."""

    async def actor() -> None:
        _send, receive = trio.open_memory_channel[object](64)
        with trio.CancelScope():
            async with trio.open_nursery():
                await receive.receive()

    before = resident()
    async with trio.open_nursery() as nursery:
        for _ in range(size):
            nursery.start_soon(actor)
        await trio.testing.wait_all_tasks_blocked()
        found = per_job(before, size)
        nursery.cancel_scope.cancel()
    return found


async def jobactors(size: int) -> Numbers:
    """As many jobs, asleep."""
    asleep, all_asleep = itertools.count(1), trio.Event()

    async def sleep() -> None:
        if next(asleep) == size:
            all_asleep.set()
        await trio.sleep_forever()

    async with ja.open_jobs() as jobs:
        before = resident()
        for _ in range(size):
            jobs.submit(sleep)
        await all_asleep.wait()
        await trio.sleep(0.3)  # until the bus and the sampler have nothing more to say
        found = per_job(before, size)
        jobs.select().cancel()
    return found


def threads(size: int) -> Numbers:
    """A thread each, a tenth as many."""
    stop, count = threading.Event(), max(1, size // 10)
    before = resident()
    for _ in range(count):
        threading.Thread(target=stop.wait, daemon=True).start()
    found = per_job(before, count)
    stop.set()
    return found


def pykka(size: int) -> Numbers:
    """An actor each, a tenth as many."""
    library, count = peer("pykka"), max(1, size // 10)
    actor: Any = type("Idle", (library.ThreadingActor,), {})
    before = resident()
    for _ in range(count):
        actor.start()
    found = per_job(before, count)
    library.ActorRegistry.stop_all()
    return found


PROGRAM = Program(
    title="memory of an idle running job",
    measures=(Measure("job", "kB", at_most=1.3),),
    variants=(
        Variant("task + scope + nursery + mailbox", lambda n: trio.run(bare, n)),
        Variant("jobactors", lambda n: trio.run(jobactors, n)),
        Variant("thread", threads),
        Variant("Pykka", pykka, "pykka"),
    ),
    size=10_000,
    smoke_size=20,
    rounds=5,
)
