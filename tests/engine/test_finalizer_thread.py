"""The finalizers of users' objects run in a thread of their own, whoever has held them last."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.engine.loop import finalizer_thread
from jobactors.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

PATIENCE = 60
LARGE = 20_000


class Thing:
    """Records the thread in which its finalizer runs."""

    def __init__(self, seen: list[str], gone: threading.Event) -> None:
        self.seen = seen
        self.gone = gone
        self.content = bytes(LARGE)

    def __del__(self) -> None:
        self.seen.append(threading.current_thread().name)
        self.gone.set()


class Held(Exception):
    """An error that holds a thing."""

    def __init__(self, thing: Thing) -> None:
        super().__init__("on purpose")
        self.thing = thing


VARIABLE: contextvars.ContextVar[Any] = contextvars.ContextVar("VARIABLE", default=None)


def nothing(*_: Any) -> None:
    pass


async def pass_by(_: object) -> None:
    await trio.lowlevel.checkpoint()


async def wait_until_cancelled(_: object = None) -> None:
    await trio.sleep_forever()


async def push_out(jobs: ja.Jobs) -> None:
    """Have retention drop all jobs that have ended before."""
    await jobs.submit(nothing).wait()
    await jobs.submit(nothing).wait()


# -- what a job has held, as its last reference


async def a_result(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    await jobs.submit(make).wait()
    await push_out(jobs)


async def a_result_that_was_read(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    await jobs.submit(make)
    await push_out(jobs)


async def a_result_of_which_a_handle_goes(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    job = jobs.submit(make)
    await job.wait()
    await push_out(jobs)
    del job


async def an_argument(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    await jobs.submit(nothing, make()).wait()
    await push_out(jobs)


async def an_argument_that_is_there_for_a_restart(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    job = jobs.submit(pass_by, make())
    await job
    assert job.arguments == ((), {})


async def an_argument_of_a_job_that_never_starts(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    jobs.options(hold=True).submit(nothing, make()).cancel()
    await push_out(jobs)


async def a_closure(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    def close_over(thing: Thing) -> Callable[[], int]:
        return lambda: len(thing.content)

    await jobs.submit(close_over(make())).wait()
    await push_out(jobs)


async def a_hook(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    await jobs.options(on_done=partial(nothing, make())).submit(nothing).wait()
    await push_out(jobs)


async def a_hook_that_was_replaced(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    job = jobs.options(hold=True, on_done=partial(nothing, make())).submit(nothing)
    job.update(on_done=None)
    job.cancel()


async def a_done_callback(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    job = jobs.submit(nothing)
    job.add_done_callback(partial(nothing, make()))
    del job
    await push_out(jobs)


async def metadata(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    await jobs.options(metadata={"thing": make()}).submit(nothing).wait()
    await push_out(jobs)


async def an_exception(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    def fail() -> None:
        raise Held(make())

    await jobs.submit(fail).wait()
    await push_out(jobs)


async def an_exception_of_an_attempt_before(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    def fail_once() -> None:
        if ja.current_job().attempt == 1:
            raise Held(make())

    await jobs.options(retry=ja.Retry(max=2, base=0)).submit(fail_once)


async def a_variable_of_a_function_that_has_raised(
    jobs: ja.Jobs, make: Callable[[], Thing]
) -> None:
    def fail() -> None:
        thing = make()
        raise ValueError(len(thing.content))

    await jobs.submit(fail).wait()


async def a_variable_of_a_function_that_was_cancelled(
    jobs: ja.Jobs, make: Callable[[], Thing]
) -> None:
    def work() -> None:
        thing = make()
        at_work.set()
        while True:
            ja.current_job().check()
            assert thing.content

    at_work = threading.Event()
    job = jobs.submit(work)
    await trio.to_thread.run_sync(at_work.wait)
    job.cancel()
    await job.wait()


async def a_variable_of_an_asyncio_function_that_has_raised(
    jobs: ja.Jobs, make: Callable[[], Thing]
) -> None:
    async def fail() -> None:
        thing = make()
        await asyncio.sleep(0)
        raise ValueError(len(thing.content))

    await jobs.options(runner="asyncio").submit(fail).wait()


async def a_result_of_a_job_that_has_timed_out(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    begun = list[bool]()

    def work() -> Thing:
        begun.append(True)
        while not ja.current_job().cancel_requested:
            pass
        return make()

    while not begun:  # the time may be over before the thread begins
        snapshot = await jobs.options(timeout=0.01).submit(work).wait()
        assert snapshot.state == "failed"


async def an_unread_message(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    job = jobs.submit(wait_until_cancelled)
    job.tell(make())
    job.cancel()
    await job.wait()


async def an_unanswered_question(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    job = jobs.submit(wait_until_cancelled)
    job.ask(make())
    job.cancel()
    await job.wait()


async def a_variable_of_the_submitters_context(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    async def submit() -> None:
        VARIABLE.set(make())
        job = jobs.submit(trio.lowlevel.checkpoint)
        VARIABLE.set(None)
        await job.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit)


async def a_variable_of_the_jobs_own_context(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    def work() -> None:
        VARIABLE.set(make())

    await jobs.submit(work).wait()


async def an_event(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    """A callback is behind: the events that it has still to hear hold the result."""

    def hear(_: ja.Event) -> None:
        heard.set()
        go_on.wait()

    heard, go_on = threading.Event(), threading.Event()
    jobs.on_event(hear)
    job = jobs.submit(make)
    await trio.to_thread.run_sync(heard.wait)
    await job.wait()
    del job
    await push_out(jobs)
    go_on.set()


async def an_event_that_nothing_wants(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    async with jobs.subscribe(ja.JobPaused):
        await a_result(jobs, make)


async def the_input_of_a_batch(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    def things() -> Iterator[int]:
        thing = make()
        yield 1
        yield len(thing.content)

    batch = jobs.options(hold=True).map(nothing, things(), intake=1)
    while not batch.jobs:
        await trio.lowlevel.checkpoint()
    batch.cancel()


async def a_list_of_inputs(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    await jobs.map(nothing, [make()])
    await push_out(jobs)


async def the_work_of_a_schedule(jobs: ja.Jobs, make: Callable[[], Thing]) -> None:
    jobs.schedule("hourly", ja.every(hours=1)).submit(nothing, make()).remove()


HOLDERS = [
    a_result,
    a_result_that_was_read,
    a_result_of_which_a_handle_goes,
    an_argument,
    an_argument_that_is_there_for_a_restart,
    an_argument_of_a_job_that_never_starts,
    a_closure,
    a_hook,
    a_hook_that_was_replaced,
    a_done_callback,
    metadata,
    an_exception,
    an_exception_of_an_attempt_before,
    a_variable_of_a_function_that_has_raised,
    a_variable_of_a_function_that_was_cancelled,
    a_variable_of_an_asyncio_function_that_has_raised,
    a_result_of_a_job_that_has_timed_out,
    an_unread_message,
    an_unanswered_question,
    a_variable_of_the_submitters_context,
    a_variable_of_the_jobs_own_context,
    an_event,
    an_event_that_nothing_wants,
    the_input_of_a_batch,
    a_list_of_inputs,
    the_work_of_a_schedule,
]


@pytest.mark.parametrize("hold", HOLDERS, ids=lambda hold: hold.__name__)
async def test_no_finalizer_runs_in_the_loop(
    hold: Callable[[ja.Jobs, Callable[[], Thing]], Awaitable[None]],
) -> None:
    seen, gone = list[str](), threading.Event()
    limits = ja.Retention(jobs=1, read=0)
    loop = threading.current_thread().name
    async with ja.open_jobs(retention=limits, unread_failures="ignore") as jobs:
        await hold(jobs, partial(Thing, seen, gone))
        assert await trio.to_thread.run_sync(gone.wait, PATIENCE), "it was never let go"
    assert seen != [loop]
    assert len(seen) == 1


@pytest.mark.parametrize("pause", [0, finalizer_thread.PAUSE])
async def test_what_goes_while_the_thread_pauses_follows_by_itself(
    pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else happens in the loop that could hand it over; without a pause, no less."""
    monkeypatch.setattr(finalizer_thread, "PAUSE", pause)
    async with ja.open_jobs(retention=ja.Retention(jobs=1, read=0)) as jobs:
        for _ in range(20):
            gone = threading.Event()
            await a_list_of_inputs(jobs, partial(Thing, [], gone))
            assert await trio.to_thread.run_sync(gone.wait, PATIENCE)


async def test_what_waits_for_a_finalizer_that_blocks_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop goes on meanwhile; the end of the block does not wait for it."""
    go_on, begun = threading.Event(), threading.Event()

    class Blocks:
        def __del__(self) -> None:
            begun.set()
            go_on.wait()

    seen, gone = list[str](), threading.Event()
    async with ja.open_jobs(retention=ja.Retention(jobs=1, read=0)) as jobs:
        await jobs.run(Blocks)
        await push_out(jobs)
        assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
        monkeypatch.setattr(finalizer_thread, "MOST_WAITING", 0)
        await a_result(jobs, partial(Thing, seen, gone))
        assert seen == [threading.current_thread().name]
    go_on.set()


def test_what_goes_at_the_interpreters_end_needs_no_name_of_a_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ja.start() as jobs:
        jobs.options(metadata={"page": 1}).submit(nothing, Thing([], threading.Event())).result()
    held = [jobs]
    del jobs
    for module in (finalizer_thread, record):  # as the interpreter does before the last objects go
        for name in [each for each in vars(module) if not each.startswith("__")]:
            monkeypatch.setattr(module, name, None)
    raised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)
    held.clear()
    gc.collect()
    assert raised == []
