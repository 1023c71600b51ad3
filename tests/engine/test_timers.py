"""Timers: plain functions called at their time, by one sleeping task."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from jobactors.engine.loop.clock import LoopClock
from jobactors.engine.loop.timers import Timers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from trio.testing import MockClock


@asynccontextmanager
async def open_timers() -> AsyncIterator[tuple[Timers, LoopClock]]:
    """Serve timers for a block."""
    clock = LoopClock()
    timers = Timers(clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        yield timers, clock
        nursery.cancel_scope.cancel()


async def test_timers_fire_in_the_order_of_their_time(autojump_clock: MockClock) -> None:
    """However they were set; equal times in the order of setting."""
    fired: list[tuple[str, float]] = []
    async with open_timers() as (timers, clock):
        start = clock.now()

        def fire(name: str) -> None:
            fired.append((name, clock.now() - start))

        for name, after in [("c", 3), ("a", 1), ("b", 2), ("past", -5), ("b2", 2)]:
            timers.set(start + after, lambda name=name: fire(name))  # type: ignore[misc]
        await trio.sleep(10)
    assert [name for name, _ in fired] == ["past", "a", "b", "b2", "c"]
    assert [at for _, at in fired] == pytest.approx([0, 1, 2, 2, 3], abs=0.001)


async def test_an_earlier_timer_is_not_late(autojump_clock: MockClock) -> None:
    """Set while the task sleeps for a later one, or by a timer itself."""
    fired: list[str] = []
    async with open_timers() as (timers, clock):

        def chain() -> None:
            fired.append("first")
            timers.set(clock.now() + 1, lambda: fired.append("second"))

        timers.set(clock.now() + 100, lambda: fired.append("late"))
        await trio.sleep(1)
        timers.set(clock.now() + 1, chain)
        await trio.sleep(5)
        assert fired == ["first", "second"]


async def test_a_new_timer_wakes_nothing_before_it_is_due(mock_clock: MockClock) -> None:
    """Each cancel sets one: a task that woke up for it might go before the cancelled job."""
    steps = list[str]()
    clock = LoopClock()

    def step(call: Callable[[], None]) -> None:
        steps.append("step")
        call()

    timers = Timers(clock, step)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        await wait_all_tasks_blocked()
        steps.clear()
        timers.set(clock.now() + 5, lambda: steps.append("call"))
        await wait_all_tasks_blocked()
        assert steps == []
        mock_clock.jump(5)
        await wait_all_tasks_blocked()
        assert steps == ["step", "call"]
        nursery.cancel_scope.cancel()


async def test_a_cancelled_timer_does_not_fire(autojump_clock: MockClock) -> None:
    """Also when it is the only one."""
    fired: list[str] = []
    async with open_timers() as (timers, clock):
        timers.set(clock.now() + 1, lambda: fired.append("x")).cancel()
        await trio.sleep(2)
    assert fired == []


def divide() -> None:
    """Raise."""
    raise ZeroDivisionError


async def test_a_call_that_raises_ends_the_task_that_makes_it(autojump_clock: MockClock) -> None:
    """It is a move of the engine, which cannot go on with half of it."""
    with pytest.RaisesGroup(ZeroDivisionError):
        async with open_timers() as (timers, clock):
            timers.set(clock.now() + 1, divide)
            await trio.sleep(2)
