"""A flag that is set once, and waited for in trio, asyncio and threads."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import asyncio
import math
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from jobactors.inside.signals.latch import Latch

from .conftest import PATIENCE, Child, until

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 300


def waiters(latch: Latch) -> int:
    """How many wait: there is no public way to see that, and no promise without seeing it."""
    return len(latch._callbacks or ())


def wait_in_thread(latch: Latch) -> bool:
    return latch.wait_in_thread(PATIENCE)


def wait_in_trio(latch: Latch) -> bool:
    async def main() -> bool:
        with trio.fail_after(PATIENCE):
            await latch
        return True

    return trio.run(main)


def wait_in_asyncio(latch: Latch) -> bool:
    async def main() -> bool:
        async with asyncio.timeout(PATIENCE):
            await latch
        return True

    return asyncio.run(main())


COLOURS = [wait_in_thread, wait_in_trio, wait_in_asyncio]
each_colour = pytest.mark.parametrize("wait", COLOURS)


@each_colour
def test_a_latch_that_is_set_lets_everybody_pass(wait: Callable[[Latch], bool]) -> None:
    latch = Latch()
    latch.set()
    latch.set()
    assert latch.is_set
    assert wait(latch)
    assert wait(latch)


@each_colour
def test_a_latch_set_in_another_thread_wakes_its_waiter(wait: Callable[[Latch], bool]) -> None:
    latch = Latch()
    assert not latch.is_set
    child = Child(wait, latch)
    until(lambda: waiters(latch) == 1)
    assert not child.ended.is_set()
    latch.set()
    assert child.result()
    assert waiters(latch) == 0


async def test_a_latch_wakes_a_task_of_its_own_loop() -> None:
    latch, order = Latch(), []

    async def wait(name: str) -> None:
        await latch
        order.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "a")
        nursery.start_soon(wait, "b")
        await wait_all_tasks_blocked()
        assert waiters(latch) == 2
        latch.set()
        assert order == [], "a waiter runs when its turn comes, not inside set()"
    assert sorted(order) == ["a", "b"]


async def test_a_task_can_wait_for_a_latch_of_another_trio_run() -> None:
    """An Event of a foreign loop would hang for ever: `experiments/wait_trio2.py`."""
    latch = Latch()
    running = threading.Event()

    def another_run() -> None:
        async def main() -> None:
            running.set()
            await latch
            there.set()

        trio.run(main)

    there = Latch()
    child = Child(another_run)
    await trio.to_thread.run_sync(running.wait, PATIENCE)
    latch.set()
    with trio.fail_after(PATIENCE):
        await there
    child.result()


async def test_all_colours_wait_for_one_latch() -> None:
    latch = Latch()
    children = [Child(wait, latch) for wait in COLOURS * 3]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(latch._wait)
        await trio.to_thread.run_sync(until, lambda: waiters(latch) == 10)
        latch.set()
    assert all(child.result() for child in children)


async def test_waiting_is_a_cancel_point_also_when_it_is_set() -> None:
    latch = Latch()
    latch.set()
    with trio.testing.assert_checkpoints():
        await latch
    with trio.CancelScope() as scope:
        scope.cancel()
        await latch
    assert scope.cancelled_caught


def test_waiting_lets_other_asyncio_tasks_run_also_when_it_is_set() -> None:
    latch = Latch()
    ran: list[int] = []
    latch.set()

    async def main() -> None:
        task = asyncio.create_task(other())
        await latch
        assert ran == [1]
        await task

    async def other() -> None:
        ran.append(1)

    asyncio.run(main())


# -- cancelling a waiter ends its waiting and nothing else


async def test_a_cancelled_trio_task_waits_no_more() -> None:
    latch = Latch()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(latch._wait)
        await wait_all_tasks_blocked()
        assert waiters(latch) == 1
        nursery.cancel_scope.cancel()
    assert waiters(latch) == 0
    latch.set()


async def test_a_latch_set_and_its_waiter_cancelled_in_one_breath() -> None:
    """The wake-up that was on its way finds nobody, in whichever order they come."""
    for set_first in (True, False):
        latch = Latch()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(latch._wait)
            await wait_all_tasks_blocked()
            if set_first:
                Child(latch.set).result()
                nursery.cancel_scope.cancel()
            else:
                nursery.cancel_scope.cancel()
                Child(latch.set).result()
        await wait_all_tasks_blocked()
        assert waiters(latch) == 0


def test_a_cancelled_asyncio_task_waits_no_more() -> None:
    latch = Latch()

    async def main() -> None:
        task = asyncio.ensure_future(latch._wait())
        await asyncio.sleep(0)
        assert waiters(latch) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waiters(latch) == 0
        latch.set()
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_thread_that_gives_up_waits_no_more() -> None:
    latch = Latch()
    assert not latch.wait_in_thread(timeout=0)
    assert waiters(latch) == 0


@pytest.mark.parametrize(("timeout", "is_met"), [(math.inf, True), (0, False), (-3.0, False)])
def test_a_thread_may_wait_for_ever_or_not_at_all(timeout: float, is_met: bool) -> None:
    """Infinity is a length of time, and one that has passed already is none."""
    latch = Latch()
    if is_met:
        threading.Timer(0.01, latch.set).start()
    assert latch.wait_in_thread(timeout) is is_met


def test_a_waiter_whose_loop_is_gone_disturbs_nobody() -> None:
    latch, called = Latch(), []
    loop = asyncio.new_event_loop()
    waiting = latch._wait()
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0))
    assert waiters(latch) == 1
    latch.call_when_set(lambda: called.append(1))
    task.cancel()
    assert latch._callbacks is not None
    wake = latch._callbacks[0]
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    wake()
    latch.set()
    assert called == [1]


# -- callbacks


def test_a_callback_is_called_once_when_the_latch_is_set() -> None:
    latch, called = Latch(), []
    latch.call_when_set(lambda: called.append(1))
    assert called == []
    latch.set()
    latch.set()
    assert called == [1]


def test_a_callback_for_a_set_latch_is_called_at_once() -> None:
    latch, called = Latch(), []
    latch.set()
    latch.call_when_set(lambda: called.append(1))
    assert called


def test_a_callback_that_was_taken_back_is_not_called() -> None:
    latch, called = Latch(), []
    take_back = latch.call_when_set(lambda: called.append(1))
    take_back()
    take_back()
    latch.set()
    assert called == []


def test_a_callback_can_be_taken_back_too_late() -> None:
    latch = Latch()
    take_back = latch.call_when_set(lambda: None)
    latch.set()
    take_back()


# -- many at once


def test_nobody_is_forgotten_who_comes_in_the_very_moment_of_setting() -> None:
    latches = [Latch() for _ in range(ROUNDS)]
    together = threading.Barrier(6, timeout=PATIENCE)

    def in_thread() -> None:
        for latch in latches:
            together.wait()
            assert latch.wait_in_thread(PATIENCE)

    async def in_trio() -> None:
        for latch in latches:
            together.wait()
            with trio.fail_after(PATIENCE):
                await latch

    async def in_asyncio() -> None:
        for latch in latches:
            together.wait()
            async with asyncio.timeout(PATIENCE):
                await latch

    def setting() -> None:
        for latch in latches:
            together.wait()
            latch.set()

    children = [
        Child(in_thread),
        Child(in_thread),
        Child(trio.run, in_trio),
        Child(trio.run, in_trio),
        Child(lambda: asyncio.run(in_asyncio())),
        Child(setting),
    ]
    for child in children:
        child.result()


def test_two_threads_may_set_it_at_once() -> None:
    for _ in range(ROUNDS):
        latch = Latch()
        called: list[int] = []
        for number in range(20):
            latch.call_when_set(partial(called.append, number))
        together = threading.Barrier(2, timeout=PATIENCE)

        def setting(latch: Latch = latch, together: threading.Barrier = together) -> None:
            together.wait()
            latch.set()

        for child in [Child(setting), Child(setting)]:
            child.result()
        assert sorted(called) == list(range(20))


def test_a_callback_added_after_the_setting_is_not_kept() -> None:
    """It is called, and whatever it holds is free: the latch may live on for long."""
    latch = Latch()
    latch.set()
    called = []
    latch.call_when_set(lambda: called.append(1))
    assert called == [1]
    assert waiters(latch) == 0


async def test_a_ctrl_c_right_before_a_task_stands_still_leaves_nothing_that_wakes_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(_abort: object) -> None:
        raise KeyboardInterrupt

    latch = Latch()
    with monkeypatch.context() as patch:
        patch.setattr(trio.lowlevel, "wait_task_rescheduled", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await latch
    latch.set()
    await trio.lowlevel.checkpoint()
    assert not caplog.messages
