"""The sampler: at most ten events a second, the last value always, and no news, no event."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from trio.testing import MockClock


def reports_in(heard: list[ja.Event]) -> list[ja.JobProgressed]:
    """The progress among events."""
    return [event for event in heard if isinstance(event, ja.JobProgressed)]


async def test_a_busy_job_is_sampled_ten_times_a_second(autojump_clock: MockClock) -> None:
    """However often it reports."""
    heard: list[ja.Event] = []

    async def busy() -> None:
        for i in range(10_000):
            ja.progress(i + 1, 10_000)
            await trio.sleep(0.001)

    async with ja.open_jobs() as jobs:
        jobs.on_event(heard.append)
        await jobs.run(busy)
    reports = reports_in(heard)
    assert 90 <= len(reports) <= 102
    assert reports[-1].progress.done == 10_000
    gaps = [late.at - early.at for early, late in pairwise(reports[:-1])]
    assert min(gaps) >= 0.0999


async def test_a_loop_that_does_not_move_makes_no_events(autojump_clock: MockClock) -> None:
    """Looking is not telling; and it is looked at less often."""
    heard: list[ja.Event] = []

    async def stalled() -> None:
        async for _ in ja.track(range(2)):
            await trio.sleep(600)

    async with ja.open_jobs() as jobs:
        jobs.on_event(heard.append)
        await jobs.run(stalled)
    assert len(reports_in(heard)) <= 4


async def test_a_lonely_report_is_told_at_once(autojump_clock: MockClock) -> None:
    """Without waiting for a next one."""
    async with ja.open_jobs() as jobs:

        async def once() -> None:
            await trio.sleep(5)
            ja.progress(3, 4, "three", "rows", bad=1)
            await trio.sleep(100)

        job = jobs.submit(once)
        await trio.sleep(5.01)
        progress = job.snapshot().progress
        assert (progress.done, progress.total, progress.percent) == (3, 4, 75)
        assert (progress.message, progress.unit, progress.counters) == ("three", "rows", {"bad": 1})


async def count_on() -> None:
    """Report twenty times a second."""
    for i in range(400):
        ja.progress(i + 1, 400)
        await trio.sleep(0.05)


async def test_what_nobody_sees_is_sampled_once_a_second(autojump_clock: MockClock) -> None:
    """What comes in sight is at once; another subscription sees all; the last value comes."""
    async with ja.open_jobs() as jobs, jobs.subscribe() as batches, trio.open_nursery() as nursery:
        heard: list[ja.Event] = []

        async def listen() -> None:
            async for batch in batches:
                heard.extend(batch)

        async def reports_a_second() -> list[int]:
            heard.clear()
            await trio.sleep(3)
            each = [sum(one.job_id == job.id for one in reports_in(heard)) for job in (a, b)]
            return [round(number / 3) for number in each]

        nursery.start_soon(listen)
        a, b = jobs.submit(count_on), jobs.submit(count_on)
        assert await reports_a_second() == [10, 10]
        batches.focus([a.id])
        assert await reports_a_second() == [10, 1]
        await trio.sleep(0.5)
        batches.focus([b.id])
        await trio.sleep(0.11)
        assert 0.05 * b.snapshot().progress.done == pytest.approx(trio.current_time(), abs=0.2)
        assert await reports_a_second() == [1, 10]
        forget = jobs.on_event(lambda _: None)
        assert await reports_a_second() == [10, 10]
        forget()
        assert await reports_a_second() == [1, 10]
        batches.focus(())
        await a
        assert a.snapshot().progress.done == 400
        batches.focus(None)
        nursery.cancel_scope.cancel()


async def test_a_look_by_hand_shows_the_last_report_of_a_job_that_nobody_watches(
    autojump_clock: MockClock,
) -> None:
    """Whatever is asked for it, with its speed; a log's lines, a tracked loop and a batch too."""

    async def talk(_item: int) -> None:
        async for i in ja.track(range(100)):
            print(i)  # noqa: T201 - into the job's log
            await trio.sleep(0.05)

    async with ja.open_jobs() as jobs:
        job, batch = jobs.submit(count_on), jobs.map(talk, [1, 2])
        for _ in range(20):
            await trio.sleep(0.23)
            begun = int(trio.current_time() / 0.05) + 1
            for progress in (
                job.snapshot().progress,
                jobs.list()[0].progress,
                jobs.registry.peek(job.id).progress,
            ):
                assert progress.done == pytest.approx(begun, abs=1)
                assert progress.fraction == progress.done / 400
            assert batch.progress.fraction == pytest.approx(begun / 100, abs=0.02)
            talking = batch.jobs[0].snapshot()
            assert talking.progress.done == pytest.approx(begun, abs=2)
            assert talking.log_lines == pytest.approx(begun, abs=1)
        left = 400 - job.snapshot().progress.done
        assert job.snapshot().progress.rate == pytest.approx(20, rel=0.1)
        assert job.snapshot().progress.time_left == pytest.approx(left / 20, rel=0.1)
        assert not job.snapshot().state.is_terminal
        job.cancel()


async def test_a_look_by_hand_runs_no_code_of_a_job_that_nobody_watches(
    autojump_clock: MockClock,
) -> None:
    """What it has reported may be any object: the last sample is shown then."""
    asked: list[str] = []

    class Hostile(float):
        def __add__(self, _other: object) -> float:
            asked.append(threading.current_thread().name)
            raise SystemExit

        def __bool__(self) -> bool:
            asked.append(threading.current_thread().name)
            raise SystemExit

    async def report() -> None:
        ja.progress(1, 10)
        await trio.sleep(5)
        ja.progress(3, 10)
        await trio.sleep(0.01)
        ja.progress(Hostile(7), 10)
        await trio.sleep(30)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(report)
        await trio.sleep(2)
        await trio.sleep_until(5.02)
        for _ in range(3):
            asked.clear()
            assert job.snapshot().progress.done in {1, 3, 7}
            assert asked == []
            await trio.sleep(0.4)
        job.cancel()


async def test_a_loop_that_nobody_sees_is_looked_at_once_a_second(
    autojump_clock: MockClock,
) -> None:
    """It reports nothing by itself; a pause and the end are told as they are."""

    async def steady() -> None:
        async for _ in ja.track(range(200)):
            await trio.sleep(0.05)

    async with ja.open_jobs() as jobs, jobs.subscribe(ja.JobProgressed) as batches:
        batches.focus(())
        job = jobs.submit(steady)
        await trio.sleep(5.03)
        assert 5 <= len(reports_in(list(batches.rest()))) <= 7
        job.pause()
        await trio.sleep(0.1)
        assert (job.state, job.snapshot().progress.done) == ("paused", 101)
        job.resume()
        await job
        assert job.snapshot().progress.done == 200


async def test_speed_and_time_left_leave_pauses_out(autojump_clock: MockClock) -> None:
    """A thousand seconds of pause are no sign of slowness."""
    async with ja.open_jobs() as jobs:

        async def steady() -> None:
            async for _ in ja.track(range(100)):
                await trio.sleep(1)

        job = jobs.submit(steady)
        await trio.sleep(30.5)
        progress = job.snapshot().progress
        assert progress.rate == pytest.approx(1, rel=0.1)
        assert progress.time_left == pytest.approx(70, rel=0.1)
        job.pause()
        await trio.sleep(1000)
        assert (job.state, job.snapshot().progress.time_left) == ("paused", None)
        job.resume()
        await trio.sleep(20)
        assert job.snapshot().progress.rate == pytest.approx(1, rel=0.2)
        job.cancel()


async def test_a_report_within_a_pause_is_told(autojump_clock: MockClock) -> None:
    """A task of the job that does not stand still reports after the last sample before it."""

    async def work() -> None:
        async def speak_late() -> None:
            await trio.sleep(5)
            ja.progress(message="late")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak_late)
            for i in range(100):
                ja.progress(i, 100, "on time")
                await trio.sleep(0.05)
                await ja.current_job().check()

    async with ja.open_jobs() as jobs, jobs.subscribe(ja.JobProgressed):
        job = jobs.submit(work)
        await trio.sleep(2.02)
        job.pause()
        await trio.sleep(2)
        assert (job.state, job.snapshot().progress.message) == ("paused", "on time")
        await trio.sleep(1.2)
        assert (job.state, job.snapshot().progress.message) == ("paused", "late")
        job.resume()
        await job
        assert job.snapshot().progress.done == 99
