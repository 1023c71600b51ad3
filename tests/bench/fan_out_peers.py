"""The same events through other libraries, each in the way it is meant to be used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import trio

from tests.bench.harness import peer

Deliver = Callable[[object, int, int, int], None]
"""Deliver an event to so many subscribers so many times, in bursts of so many."""


def reactivex(event: object, subscribers: int, events: int, _burst: int) -> None:
    """A subject calls its observers at once."""
    subject = peer("reactivex").Subject()
    for _ in range(subscribers):
        subject.subscribe(lambda _event: None)
    for _ in range(events):
        subject.on_next(event)


def blinker(event: object, subscribers: int, events: int, _burst: int) -> None:
    """A signal calls its receivers at once."""
    signal = peer("blinker").Signal()
    receivers = [lambda *_, **__: None for _ in range(subscribers)]
    for receiver in receivers:
        signal.connect(receiver)
    for _ in range(events):
        signal.send(None, event=event)


def asyncio_queues(event: object, subscribers: int, events: int, burst: int) -> None:
    """A queue for each subscriber."""

    async def subscriber(queue: asyncio.Queue[object]) -> None:
        for _ in range(events):
            await queue.get()

    async def main() -> None:
        queues: list[asyncio.Queue[object]] = [asyncio.Queue() for _ in range(subscribers)]
        async with asyncio.TaskGroup() as group:
            for queue in queues:
                group.create_task(subscriber(queue))
            for _ in range(events // burst):
                for _ in range(burst):
                    for queue in queues:
                        queue.put_nowait(event)
                await asyncio.sleep(0)

    asyncio.run(main())


def memory_channels(event: object, subscribers: int, events: int, burst: int) -> None:
    """A trio channel for each subscriber, and ``async for`` an event."""

    async def subscriber(receive: trio.MemoryReceiveChannel[object]) -> None:
        async for _ in receive:
            pass

    async def main() -> None:
        channels = [trio.open_memory_channel[object](2 * burst) for _ in range(subscribers)]
        async with trio.open_nursery() as nursery:
            for _, receive in channels:
                nursery.start_soon(subscriber, receive)
            for _ in range(events):
                for send, _ in channels:
                    await send.send(event)
            for send, _ in channels:
                send.close()

    trio.run(main)
