"""Events to ten subscribers: what one delivery costs when events come in bursts."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import trio

import jobactors as ja
from tests.bench import fan_out_peers as peers
from tests.bench.harness import Measure, Numbers, Program, Variant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SUBSCRIBERS = 10
BURST = 100
"""Events that come before the subscribers run: when a sample is taken, when jobs end together."""

EVENT = ja.JobRead("job-1", 0.0)


async def publish_all(
    publish: Callable[[ja.Event], object], events: int, breathe: Callable[[], Awaitable[object]]
) -> None:
    """Publish so many events, and let the subscribers run after each burst."""
    for _ in range(events // BURST):
        for _ in range(BURST):
            publish(EVENT)
        await breathe()


def per_delivery(start: float, events: int) -> Numbers:
    """Nanoseconds a delivery."""
    return {"delivery": (time.perf_counter() - start) / events / SUBSCRIBERS * 1e9}


async def shared_log(events: int) -> Numbers:
    """The floor: append to one list, wake every subscriber once, each takes a slice."""
    log: list[ja.Event] = []
    lot = trio.lowlevel.ParkingLot()

    async def subscriber() -> None:
        read = 0
        while read < events:
            if read == len(log):
                await lot.park()
            batch = log[read:]
            read += len(batch)
            for _ in batch:
                pass

    async def breathe() -> None:
        lot.unpark_all()
        await trio.lowlevel.checkpoint()

    start = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(SUBSCRIBERS):
            nursery.start_soon(subscriber)
        await publish_all(log.append, events, breathe)
    return per_delivery(start, events)


async def jobactors(events: int) -> Numbers:
    """The bus of an open system, given events as the engine gives them."""

    async def subscriber(*, task_status: trio.TaskStatus[None]) -> None:
        read = 0
        async with jobs.subscribe() as batches:
            task_status.started()
            async for batch in batches:
                read += len(batch)
                for _ in batch:
                    pass
                if read == events:
                    return

    async with ja.open_jobs() as jobs:
        async with trio.open_nursery() as nursery:
            for _ in range(SUBSCRIBERS):
                await nursery.start(subscriber)
            start = time.perf_counter()
            await publish_all(jobs._system.parts.bus.publish, events, trio.lowlevel.checkpoint)
        return per_delivery(start, events)


def by_peer(deliver: peers.Deliver, events: int) -> Numbers:
    """Let a peer run the same bursts."""
    start = time.perf_counter()
    deliver(EVENT, SUBSCRIBERS, events, BURST)
    return per_delivery(start, events)


PROGRAM = Program(
    title="event fan-out to 10 subscribers",
    measures=(Measure("delivery", "ns", at_most=4),),
    variants=(
        Variant("trio tasks on one shared log", lambda n: trio.run(shared_log, n)),
        Variant("jobactors", lambda n: trio.run(jobactors, n)),
        Variant("reactivex", partial(by_peer, peers.reactivex), "reactivex"),
        Variant("asyncio.Queue", partial(by_peer, peers.asyncio_queues)),
        Variant("blinker", partial(by_peer, peers.blinker), "blinker"),
        Variant("a memory channel each", partial(by_peer, peers.memory_channels)),
    ),
    size=50_000,
    smoke_size=200,
)
