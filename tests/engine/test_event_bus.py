"""Events: complete and in order for each job, and no subscriber can hurt a job."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.engine.system import callbacks
from jobactors.testing import record_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock


async def steps(n: int) -> None:
    """Be a job with progress, that can pause."""
    async for _ in ja.track(range(n)):
        await trio.sleep(1)


def names(events: list[ja.Event], job: ja.Job[Any]) -> list[str]:
    """The kinds of one job's events, progress left out."""
    kinds = [type(event) for event in events if event.job_id == job.id]
    return [kind.__name__ for kind in kinds if kind is not ja.JobProgressed]


async def test_every_change_is_said_once_and_in_order(autojump_clock: MockClock) -> None:
    """Through a whole life: queued, started, paused, resumed, retried, cancelled, read, removed."""
    events: list[ja.Event] = []
    async with ja.open_jobs() as jobs:
        jobs.on_event(events.append)

        async def eventful() -> None:
            if ja.current_job().attempt == 1:
                raise OSError
            await steps(1000)

        job = jobs.options(hold=True, retry=ja.Retry(base=10)).submit(eventful)
        await trio.sleep(1)
        job.release()
        await trio.sleep(20)
        job.pause()
        await trio.sleep(5)
        job.resume()
        await trio.sleep(5)
        job.update(name="renamed")
        job.cancel()
        with pytest.raises(ja.JobCancelled):
            await job
        jobs.registry.take(job.id)
    told = names(events, job)
    assert told[0] in {"JobQueued", "JobRestated"}
    asked = [name for name in told[1:] if name != "JobWaiting"]
    assert asked == [
        "JobStarted",
        "JobRetried",
        "JobStarted",
        "JobRequested",
        "JobPaused",
        "JobRequested",
        "JobResumed",
        "JobUpdated",
        "JobCancelling",
        "JobFinished",
        "JobRead",
        "JobRemoved",
    ]
    times = [event.at for event in events]
    assert times == sorted(times)


async def test_the_present_state_comes_first(autojump_clock: MockClock) -> None:
    """One ``JobRestated`` a job, then each event exactly once."""
    async with ja.open_jobs() as jobs:
        early = jobs.submit(trio.sleep, 5)
        await trio.sleep(1)
        heard: list[ja.Event] = []
        async with jobs.subscribe() as batches:
            late = jobs.submit(trio.sleep, 1)
            async for batch in batches:
                heard += batch
                if early.state.is_terminal:
                    break
    assert names(heard, early) == ["JobRestated", "JobFinished"]
    assert names(heard, late) == ["JobQueued", "JobStarted", "JobFinished"]
    first = heard[0]
    assert isinstance(first, ja.JobRestated)
    assert first.snapshot.state == "running"


async def test_only_the_kinds_asked_for_are_told(autojump_clock: MockClock) -> None:
    """And nothing else: not the present state, either."""
    heard: list[ja.Event] = []
    async with ja.open_jobs() as jobs:
        jobs.submit(trio.sleep, 1)
        jobs.on_event(heard.append, ja.JobFinished, ja.JobStarted)
        await trio.sleep(5)
        job = jobs.submit(steps, 3)
        await job
    assert names(heard, job) == ["JobStarted", "JobFinished"]
    assert {type(event).__name__ for event in heard} == {"JobStarted", "JobFinished"}


async def test_a_callback_hears_what_happens_right_after_it_was_registered() -> None:
    """Not only from its own first step on."""
    heard: list[ja.Event] = []
    async with ja.open_jobs() as jobs:
        jobs.on_event(heard.append, ja.JobQueued)
        job = jobs.submit(steps, 1)
        await job
    assert names(heard, job) == ["JobQueued"]


class _Unaskable(type):
    """A class that raises when something is compared with it, or is looked for in it."""

    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError

    __hash__ = type.__hash__


NO_KINDS: list[Any] = [
    "JobFinished",
    [ja.JobFinished],
    None,
    int,
    _Unaskable("Odd", (), {}),
]


@pytest.mark.parametrize("kind", NO_KINDS, ids=["text", "list", "None", "int", "odd class"])
async def test_what_is_no_kind_of_events_is_refused_and_the_jobs_go_on(kind: Any) -> None:
    """In the caller's thread: the loop has not met it."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="one argument each"):
            jobs.on_event(print, kind)
        with pytest.raises(TypeError, match="one argument each"):
            jobs.subscribe(kind)
        await jobs.run(steps, 1)


async def test_what_cannot_be_called_is_refused_as_a_callback() -> None:
    """At the call, and not in a log later."""
    number: Any = 3
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="a callback is a function, not 3"):
            jobs.on_event(number)
        with pytest.raises(TypeError, match="a callback is a function, not 3"):
            jobs.on_change(number)


async def test_a_subscription_ends_with_the_system(autojump_clock: MockClock) -> None:
    """After the last event of the last job."""
    heard: list[ja.Event] = []

    async def listen(jobs: ja.Jobs, task_status: trio.TaskStatus[None]) -> None:
        async with jobs.subscribe() as batches:
            task_status.started()
            async for batch in batches:
                heard.extend(batch)

    async with trio.open_nursery() as nursery:
        async with ja.open_jobs() as jobs:
            await nursery.start(listen, jobs)
            job = jobs.submit(trio.sleep, 1)
        assert names(heard, job)[-1] == "JobFinished"


async def test_the_last_progress_comes_before_the_end(autojump_clock: MockClock) -> None:
    """Though the job reports a thousand times in no time at all."""
    heard: list[ja.Event] = []

    async def hasty() -> None:
        for i in range(1, 1001):
            ja.progress(i, 1000)

    async with ja.open_jobs() as jobs:
        jobs.on_event(heard.append)
        await trio.testing.wait_all_tasks_blocked()
        await jobs.run(hasty)
    progress = [event for event in heard if isinstance(event, ja.JobProgressed)]
    finished = next(i for i, event in enumerate(heard) if isinstance(event, ja.JobFinished))
    assert progress[-1].progress.done == 1000
    assert heard.index(progress[-1]) < finished
    assert len(progress) < 5


async def test_a_subscriber_that_raises_is_told_no_more(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged; jobs and other subscribers hear nothing of it."""
    heard: list[ja.Event] = []
    calls: list[ja.Event] = []

    def broken(event: ja.Event) -> None:
        calls.append(event)
        raise SystemExit

    async with ja.open_jobs() as jobs:
        jobs.on_event(broken)
        jobs.on_event(heard.append)
        job = jobs.submit(steps, 3)
        await job
    assert len(calls) == 1
    assert "JobRead" in names(heard, job)  # and perhaps what the end of the block removes
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_an_attached_service_that_fails_is_logged_only(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One that never ends is cancelled with the system."""
    ended: list[str] = []

    async def broken(_: ja.Jobs) -> None:
        raise BaseException("broken")  # noqa: TRY002 - the worst there is

    async def endless(_: ja.Jobs) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cancelled")

    async with ja.open_jobs() as jobs:
        ja.lowlevel.attach(jobs, broken)
        ja.lowlevel.attach(jobs, endless)
        await jobs.run(trio.sleep, 1)
    assert ended == ["cancelled"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_slow_subscriber_gets_the_last_progress_only(autojump_clock: MockClock) -> None:
    """State changes are complete; progress it was too slow for is conflated, and counted."""
    async with ja.open_jobs() as jobs, jobs.subscribe() as batches:
        handles = [jobs.submit(steps, 110) for _ in range(100)]
        for job in handles:
            await job.wait()
        last = jobs.submit(trio.sleep, 0)
        await last
        heard: list[ja.Event] = []
        async for batch in batches:
            heard += batch
            if isinstance(heard[-1], ja.JobRead):
                break
        statistics = batches.statistics()
    for each in handles:
        assert names(heard, each) == ["JobQueued", "JobStarted", "JobFinished"]
        reports = [e for e in heard if isinstance(e, ja.JobProgressed) and e.job_id == each.id]
        assert reports[-1].progress.done == 110
        done = [report.progress.done for report in reports]
        assert done == sorted(done)
    assert statistics.conflated > 0
    assert len(heard) < 10_000
    assert statistics.delivered == len(heard)
    assert (statistics.backlog, statistics.cut_off) == (0, False)


async def test_a_subscriber_that_lags_too_far_is_cut_off(autojump_clock: MockClock) -> None:
    """It gets an error; the jobs were never slowed, and a new subscription works."""
    async with ja.open_jobs() as jobs:
        async with jobs.subscribe(ja.JobUpdated) as batches:
            job = jobs.options(hold=True).submit(trio.sleep, 0)
            for i in range(10_200):
                job.update(name=str(i))
                if i % 100 == 0:
                    await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            assert batches.statistics().cut_off
            with pytest.raises(ja.SubscriberLagged, match="subscribe again"):
                async for _ in batches:
                    pass
        async with jobs.subscribe() as again:
            async for batch in again:
                assert isinstance(batch[0], ja.JobRestated)
                assert batch[0].snapshot.name == "10199"
                break
        job.release()


async def test_unsubscribing_ends_the_calls(autojump_clock: MockClock) -> None:
    """From any thread, any number of times."""
    heard: list[ja.Event] = []

    async def hear(event: ja.Event) -> None:
        heard.append(event)

    async with ja.open_jobs() as jobs:
        stop = jobs.on_event(hear)
        await jobs.run(trio.sleep, 1)
        await trio.testing.wait_all_tasks_blocked()
        stop()
        stop()
        await trio.testing.wait_all_tasks_blocked()
        count = len(heard)
        await jobs.run(trio.sleep, 1)
    stop()
    assert len(heard) == count > 0


async def test_a_plain_callback_runs_in_a_thread_and_an_async_one_in_the_loop() -> None:
    """Wherever they were given."""
    threads: set[int] = set()
    loops: set[int] = set()

    async def in_loop(_: ja.Event) -> None:
        await trio.lowlevel.checkpoint()
        loops.add(threading.get_ident())

    async with ja.open_jobs() as jobs:
        await trio.to_thread.run_sync(jobs.on_event, lambda _: threads.add(threading.get_ident()))
        await trio.to_thread.run_sync(jobs.on_event, in_loop)
        await jobs.run(int, "7")
    assert loops == {threading.get_ident()}
    assert threads
    assert not threads & loops


async def test_a_callback_that_blocks_slows_no_job_and_no_other_callback() -> None:
    """Its events wait for it, in order."""
    go = threading.Event()
    slow: list[ja.Event] = []
    quick: list[ja.Event] = []
    finished = trio.Event()

    def block(event: ja.Event) -> None:
        go.wait()
        slow.append(event)

    async def note(event: ja.Event) -> None:
        quick.append(event)
        if isinstance(event, ja.JobFinished):
            finished.set()

    async with ja.open_jobs() as jobs:
        jobs.on_event(block)
        jobs.on_event(note)
        job = jobs.submit(int, "7")
        assert await job == 7
        await finished.wait()
        assert slow == []
        go.set()
    assert names(slow, job) == names(quick, job)


async def test_a_callback_that_does_not_return_is_left_behind_at_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Within a bound, and loudly."""
    monkeypatch.setattr(callbacks, "LAST_CALLS", 0.05)
    go = threading.Event()

    def never_returns(_: ja.Event) -> None:
        go.wait()

    try:
        async with ja.open_jobs() as jobs:
            jobs.on_event(never_returns)
            await jobs.run(int, "7")
    finally:
        go.set()
    (told,) = caplog.messages
    assert "never_returns was too slow for the last" in told


async def test_the_last_events_reach_a_callback_although_the_clock_leaps(
    autojump_clock: MockClock,
) -> None:
    """The bound at the end is of real time: a test's clock leaps while a thread works."""
    go = threading.Event()
    heard: list[ja.Event] = []

    def slow(event: ja.Event) -> None:
        go.wait()
        heard.append(event)

    async def open_the_gate() -> None:
        await trio.sleep(3600)
        go.set()

    async with trio.open_nursery() as nursery, ja.open_jobs() as jobs:
        jobs.on_event(slow)
        job = jobs.submit(trio.sleep, 1)
        nursery.start_soon(open_the_gate)
    assert names(heard, job) == ["JobQueued", "JobStarted", "JobFinished"]


async def test_a_callback_may_command_jobs_and_stop_itself() -> None:
    """Its thread is no part of the loop: it may even wait."""
    heard: list[ja.Event] = []
    async with ja.open_jobs() as jobs:

        def follow_up(event: ja.Event) -> None:
            heard.append(event)
            stop()
            assert jobs.submit(int, "8").result() == 8

        stop = jobs.on_event(follow_up, ja.JobFinished)
        await jobs.run(int, "7")
        await jobs.run(int, "9")
    assert len(heard) == 1


async def test_the_present_state_is_told_to_who_asks_for_it() -> None:
    """A view folds it; a callback of one kind, or of all, is not told what it did not ask for."""
    heard: dict[str, list[ja.Event]] = {}

    def listener(name: str) -> Callable[[ja.Event], None]:
        return heard.setdefault(name, []).append

    async with ja.open_jobs() as jobs:
        early = jobs.options(hold=True).submit(int, "7")
        jobs.on_event(listener("all"))
        jobs.on_event(listener("present"), present=True)
        jobs.on_event(listener("kind"), ja.JobRestated)
        jobs.on_event(listener("finished"), ja.JobFinished)
        jobs.on_event(listener("both"), ja.JobFinished, present=True)
        async with record_events(jobs) as recorded, jobs.subscribe(present=False) as batches:
            early.release()
            await early
            async for batch in batches:
                assert not any(isinstance(event, ja.JobRestated) for event in batch)
                break
            await trio.testing.wait_all_tasks_blocked()
    assert {name: names(told, early)[0] for name, told in heard.items()} == {
        "all": names(recorded, early)[0],
        "present": "JobRestated",
        "kind": "JobRestated",
        "finished": "JobFinished",
        "both": "JobRestated",
    }
    assert names(recorded, early)[-2:] == ["JobFinished", "JobRead"]
    assert "JobRestated" not in names(recorded, early)


async def test_a_subscription_that_comes_after_the_end_ends_at_once() -> None:
    """It does not wait for events that cannot come."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(int, "7")
    heard: list[ja.Event] = []
    async with jobs.subscribe() as batches:
        async for batch in batches:
            heard += batch
    assert names(heard, job) == ["JobRestated"]


async def test_subscribing_elsewhere_is_refused_with_what_to_use() -> None:
    """In asyncio, and in another trio loop."""

    async def subscribe(jobs: ja.Jobs) -> None:
        with pytest.raises(ja.WrongLoop, match=r"use jobs.on_event\(function\)"):
            async with jobs.subscribe():
                pass

    async with ja.open_jobs() as jobs:
        await trio.to_thread.run_sync(asyncio.run, subscribe(jobs))
        await trio.to_thread.run_sync(trio.run, subscribe, jobs)
