"""The portal: plain functions run in the loop's thread, from any thread."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.lowlevel
import trio.testing

import jobactors as ja
from jobactors.engine.loop import portal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


async def test_posted_calls_run_in_the_loop_in_order() -> None:
    """From one thread, one after the other, and all in the loop's own."""
    calls: list[tuple[int, int]] = []
    async with ja.open_jobs() as jobs:

        def post() -> None:
            for i in range(100):
                ja.lowlevel.post(jobs, lambda i=i: calls.append((i, threading.get_ident())))
            jobs.list()  # answered after all of these

        await trio.to_thread.run_sync(post)
    assert calls == [(i, threading.get_ident()) for i in range(100)]


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
async def test_a_posted_call_that_raises_hurts_nobody(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """It has no waiter, so it is logged; jobs and loop go on."""

    def raises() -> None:
        raise error

    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        await trio.to_thread.run_sync(ja.lowlevel.post, jobs, raises)
        await trio.testing.wait_all_tasks_blocked()
        assert job.state == "running"
        job.cancel()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert error.__name__ in caplog.text


async def test_an_error_of_a_call_reaches_its_caller() -> None:
    """In another thread as in the loop."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.UnknownJob, match=r"no job 'x' here: jobs.list\(\)"):
            jobs.get("x")
        with pytest.raises(ja.UnknownJob):
            await trio.to_thread.run_sync(jobs.get, "x")


async def test_every_verb_works_from_a_thread() -> None:
    """Submit, look, steer, watch: what a cell does."""
    async with ja.open_jobs(max_running=1) as jobs:

        def use() -> None:
            first = jobs.options(hold=True, name="first").submit(trio.sleep_forever)
            second = jobs.options(key="k", name="second").submit(int, "7")
            assert second.result() == 7
            assert jobs.options(name="third").submit(int, "8").result() == 8
            assert first.update(priority="high").info.priority == 10
            assert [s.name for s in jobs.list()] == ["first", "second", "third"]
            assert jobs.stats().total == 3
            assert repr(jobs) == "<Jobs: 3 jobs: 1 queued · 2 succeeded>"
            jobs.scale(2)
            heard = threading.Event()
            stop = jobs.on_event(lambda _: heard.set(), present=True)
            assert heard.wait(30)
            stop()
            stop()
            assert jobs.registry.take(second.id).id not in jobs.registry
            first.release()
            first.cancel()
            with pytest.raises(ja.JobCancelled):
                first.result()

        await trio.to_thread.run_sync(use)


async def test_a_closed_door_says_so() -> None:
    """From the loop's thread and from others; what there was can still be read."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(int, "7")
    for call in (
        lambda: ja.lowlevel.post(jobs, print),
        lambda: jobs.submit(print),
        lambda: jobs.scale(2),
    ):
        with pytest.raises(ja.JobsClosed):
            call()
        with pytest.raises(ja.JobsClosed):
            await trio.to_thread.run_sync(call)
    for look in (jobs.list, jobs.registry.unread):
        assert [s.id for s in look()] == [job.id]
        assert [s.id for s in await trio.to_thread.run_sync(look)] == [job.id]


async def test_calls_that_gather_are_all_made(caplog: pytest.LogCaptureFixture) -> None:
    """While the loop is busy they wait together, and one that raises holds up no other."""
    made: list[int] = []
    async with ja.open_jobs() as jobs:

        def post() -> None:
            ja.lowlevel.post(jobs, made.append, 1)
            ja.lowlevel.post(jobs, lambda: 1 / 0)
            ja.lowlevel.post(jobs, made.append, 2)

        poster = threading.Thread(target=post)
        poster.start()
        poster.join()  # in the loop's own thread: nothing is made meanwhile
        assert made == []
        await trio.testing.wait_all_tasks_blocked()
    assert made == [1, 2]
    assert "ZeroDivisionError" in caplog.text


async def test_an_interrupt_on_the_way_in_does_not_shut_the_door(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C may strike between calling the loop and having called it; the next call gets in."""

    class Struck:
        def run_sync_soon(self, *_: object) -> None:
            raise KeyboardInterrupt

    made: list[int] = []
    async with ja.open_jobs() as jobs:
        with monkeypatch.context() as patch:
            patch.setattr(jobs._system.parts.portal, "token", Struck())
            with pytest.raises(KeyboardInterrupt):
                await trio.to_thread.run_sync(ja.lowlevel.post, jobs, made.append, 1)
        await trio.to_thread.run_sync(ja.lowlevel.post, jobs, made.append, 2)
        await trio.testing.wait_all_tasks_blocked()
    assert made == [1, 2]


class StruckAt:
    """Raises KeyboardInterrupt at one bytecode of the portal, and lets another thread call before.

    In the thread in which it is set as the trace function.
    """

    def __init__(self, at: int, other: Callable[[], None]) -> None:
        self.left = at
        self._other = other

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        """Trace one step of the interpreter."""
        if frame.f_code.co_filename != portal.__file__:
            return self  # its callees may be ours
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                thread = threading.Thread(target=self._other)
                thread.start()
                thread.join()
                raise KeyboardInterrupt
        return self


async def test_an_interrupt_anywhere_on_the_way_in_loses_no_other_threads_call() -> None:
    """Another thread calls in that very moment, and may trust the one that is struck."""
    made: list[int] = []

    def strike(at: int) -> bool:
        """Call, be struck at a bytecode; return whether there was one."""
        injector = StruckAt(at, lambda: ja.lowlevel.post(jobs, made.append, at))
        sys.settrace(injector)
        try:
            ja.lowlevel.post(jobs, int)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        return injector.left <= 0

    async with ja.open_jobs() as jobs:
        # Python 3.12 traces bytecodes only once a frame has asked for it under an earlier trace.
        assert not await trio.to_thread.run_sync(strike, sys.maxsize)
        struck = 0
        while await trio.to_thread.run_sync(strike, struck + 1):
            struck += 1
            await trio.testing.wait_all_tasks_blocked()
            assert made[-1:] == [struck]
        assert await trio.to_thread.run_sync(jobs.list) == []
    assert struck > 20
    assert made == list(range(1, struck + 1))


def test_nobody_waits_for_ever_for_a_loop_that_has_ended() -> None:
    """Threads that call it while it ends are answered, or raise because it is closed."""
    ended: list[int] = []

    def call(jobs: ja.Jobs, number: int) -> None:
        with suppress(ja.JobsClosed):
            while True:
                jobs.release_dispatch()
        ended.append(number)

    async def main(callers: list[threading.Thread]) -> None:
        async with ja.open_jobs() as jobs:
            callers += [
                threading.Thread(target=call, args=(jobs, n), daemon=True) for n in range(4)
            ]
            for caller in callers:
                caller.start()
            await trio.lowlevel.checkpoint()

    for _ in range(20):
        callers: list[threading.Thread] = []
        trio.run(main, callers)
        for caller in callers:
            caller.join(10)
    assert len(ended) == 80


def test_what_a_loop_should_do_soon_is_dropped_once_it_has_ended() -> None:
    """An engine whose loop has failed settles its jobs all the same."""

    async def made() -> portal.Portal:
        return portal.Portal(lambda _: None, lambda: None)

    trio.run(made).soon(pytest.fail)
