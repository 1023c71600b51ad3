"""The current job, as its own code sees it."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import jobactors as ja
from jobactors.inside.signals.control import StopJob
from jobactors.model.outcome import Partial, Returned, judge
from jobactors.model.states import JobState

from .conftest import PATIENCE, Child, make_job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.inside.context.job_context import JobContext

# -- which job this is


def test_code_of_a_job_finds_its_job(job: JobContext) -> None:
    assert ja.current_job() is job
    assert repr(job) == "<JobContext job-1 attempt 1>"


def test_outside_a_job_there_is_a_stand_in_that_is_never_cancelled() -> None:
    stand_in = ja.current_job()
    assert (stand_in.id, stand_in.attempt, stand_in.cancel_requested) == ("", 0, False)
    assert repr(stand_in) == "<JobContext detached>"
    stand_in.check()
    stand_in.progress_callback(1, 2)
    assert not stand_in.cancel_checker()
    with pytest.raises(TimeoutError):
        stand_in.wait_cancel_requested().result(timeout=0)


def test_what_one_stand_in_is_told_the_next_does_not_know() -> None:
    ja.current_job().progress_callback(5, 10)
    ja.current_job()._control.cancel("why")
    assert not ja.current_job().cancel_requested
    assert ja.current_job()._meter.read().total is None


async def test_tasks_and_threads_a_job_starts_belong_to_it(job: JobContext) -> None:
    found: list[JobContext] = []

    async def task() -> None:
        found.append(ja.current_job())
        found.append(await trio.to_thread.run_sync(ja.current_job))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
    assert found == [job, job]


def test_a_thread_pool_belongs_to_no_job_unless_it_is_bound(job: JobContext) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(ja.current_job).result().id == ""
        bound = ja.bind_context(lambda n: (ja.current_job(), n))
        assert list(pool.map(bound, range(4))) == [(job, n) for n in range(4)]
        assert pool.submit(ja.current_job).result().id == "", "the pool's thread stays as it was"


def test_a_bound_function_leaves_the_thread_as_it_was_also_when_it_raises(
    job: JobContext,
) -> None:
    def parse(text: str, *, base: int) -> int:
        assert ja.current_job() is job
        return int(text, base)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ja.bind_context(parse), "ff", base=16).result() == 255
        with pytest.raises(ValueError, match="invalid literal"):
            pool.submit(ja.bind_context(parse), "x", base=10).result()
        assert pool.submit(ja.current_job).result().id == ""


def test_a_function_bound_outside_a_job_belongs_to_none(home_job: JobContext) -> None:
    plain = threading.Thread  # a thread of its own begins with an empty context
    bound: list[JobContext] = []
    thread = plain(target=lambda: bound.append(ja.bind_context(ja.current_job)()))
    thread.start()
    thread.join(PATIENCE)
    assert bound[0] is not home_job
    assert bound[0].id == ""


# -- progress


def test_progress_is_what_was_said_last(job: JobContext) -> None:
    ja.progress(1, 10, "reading", "rows", broken=1, skipped=0)
    ja.progress(2, broken=3)
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.fraction) == (2, 10, 0.2)
    assert (progress.message, progress.unit) == ("reading", "rows")
    assert progress.counters == {"broken": 3, "skipped": 0}


@pytest.mark.parametrize("total", [0, -1])
def test_a_total_of_0_takes_a_known_one_back(job: JobContext, total: float) -> None:
    """And -1 is what libraries say that do not know theirs."""
    ja.progress(1, 10)
    ja.progress(2, total)
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.fraction) == (2, None, None)


def test_an_empty_message_takes_the_last_one_back(job: JobContext) -> None:
    ja.progress(1, message="reading")
    ja.progress(2, message="")
    assert job._meter.read().message == ""


def test_a_job_that_reports_can_be_paused(job: JobContext) -> None:
    assert not job._meter.read().pausable
    ja.progress(1)
    assert job._meter.read().pausable


def test_a_hot_loop_wakes_the_sampler_once_a_sample() -> None:
    wakes: list[int] = []
    job = make_job(wake=lambda: wakes.append(1))
    for done in range(1_000):
        job.progress_callback(done, 1_000)
    assert len(wakes) == 1
    assert job._meter.read().done == 999


def test_progress_outside_a_job_does_nothing() -> None:
    ja.progress(1, 10, "reading", "rows", broken=1)


def test_progress_is_a_point_where_a_thread_is_cancelled(job: JobContext) -> None:
    job._control.cancel("enough")
    with pytest.raises(StopJob, match="enough"):
        ja.progress(1, 2)
    ja.progress(2, 2)
    assert job._meter.read().percent == 100


# -- check


def test_check_raises_once_after_a_cancel(job: JobContext) -> None:
    job.check()
    job._control.cancel("enough")
    with pytest.raises(StopJob):
        job.check()
    job.check()


def test_check_stands_still_during_a_pause(job: JobContext) -> None:
    reached = threading.Event()
    job._control.pause(reached.set)
    child = Child(job.check)
    assert reached.wait(PATIENCE)
    assert not child.ended.is_set()
    job._control.resume()
    child.result()


def test_a_job_that_checks_can_be_paused(job: JobContext) -> None:
    job.check()
    assert job._meter.read().pausable


async def test_check_is_awaited_in_trio_and_is_a_cancel_point(home_job: JobContext) -> None:
    with trio.testing.assert_checkpoints():
        await ja.current_job().check()
    with trio.CancelScope() as scope:
        home_job._control.cancel(None)
        scope.cancel()
        await home_job.check()
    assert scope.cancelled_caught


async def test_an_awaited_check_stands_still_during_a_pause_and_the_loop_does_not(
    home_job: JobContext,
) -> None:
    reached, went_on = trio.Event(), trio.Event()
    home_job._control.pause(reached.set)

    async def work() -> None:
        await home_job.check()
        went_on.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await wait_all_tasks_blocked()
        assert reached.is_set()
        assert not went_on.is_set()
        home_job._control.resume()
    assert went_on.is_set()


async def test_an_unawaited_check_in_trio_neither_blocks_nor_raises(home_job: JobContext) -> None:
    home_job._control.pause(lambda: None)
    home_job.check()
    home_job._control.cancel(None)
    home_job.check()


# -- cancel


def test_a_cancel_can_be_polled_without_an_exception(job: JobContext) -> None:
    assert not job.cancel_requested
    assert not job.cancel_checker()
    job._control.cancel("enough")
    assert job.cancel_requested
    assert job.cancel_checker()


def test_a_thread_can_wait_for_a_cancel(job: JobContext) -> None:
    child = Child(job.wait_cancel_requested().result, PATIENCE)
    job._control.cancel("enough")
    assert child.result() == "enough"
    assert job.wait_cancel_requested().result() == "enough"


def test_waiting_for_a_cancel_that_does_not_come_times_out(job: JobContext) -> None:
    with pytest.raises(TimeoutError, match="no cancel was requested within 0 s"):
        job.wait_cancel_requested().result(timeout=0)


async def test_a_task_can_wait_for_a_cancel(home_job: JobContext) -> None:
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            assert await home_job.wait_cancel_requested() == "enough"
            seen.set()

        seen = trio.Event()
        nursery.start_soon(watch)
        await wait_all_tasks_blocked()
        assert not seen.is_set()
        home_job._control.cancel("enough")
    assert seen.is_set()


async def test_blocking_for_a_cancel_in_the_loop_names_what_to_await(
    home_job: JobContext,
) -> None:
    """It would block the very loop that has to tell it."""
    with pytest.raises(ja.WrongThread, match=r"await ctx.wait_cancel_requested\(\)"):
        home_job.wait_cancel_requested().result(timeout=0)


def test_cancelled_keeps_the_partial_result() -> None:
    mark: object = ja.cancelled([1])
    assert mark == Partial([1])
    outcome = judge(Returned(ja.cancelled([1])), None, None)
    assert (outcome.state, outcome.value) == (JobState.CANCELLED, [1])
    assert judge(Returned(ja.cancelled()), None, None).value is None


def test_a_shield_puts_the_cancel_off_to_the_next_point_after_it(job: JobContext) -> None:
    with ja.shield():
        job._control.cancel(None)
        assert job.cancel_requested, "who polls is not deceived"
        ja.progress(1)
        job.check()
    with pytest.raises(StopJob):
        ja.progress(2)


def test_a_shield_ends_with_its_block_also_by_an_exception(job: JobContext) -> None:
    with pytest.raises(ValueError, match="boom"), ja.shield():
        raise ValueError("boom")
    job._control.cancel(None)
    with pytest.raises(StopJob):
        job.check()


def test_outside_a_job_a_shield_does_nothing() -> None:
    with ja.shield():
        ja.progress(1)


def test_a_message_alone_leaves_the_numbers_as_they_are(job: JobContext) -> None:
    ja.progress(message="starting")
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.message) == (0, None, "starting")
    ja.progress(3, 4)
    ja.progress(message="saving")
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.message) == (3, 4, "saving")
    ja.progress(total=8, rows=2)
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.counters) == (3, 8, {"rows": 2})


@pytest.mark.parametrize(
    "items", [range(3), iter([1, 2, 3])], ids=lambda items: type(items).__name__
)
def test_a_message_in_a_tracked_loop_leaves_its_count(
    job: JobContext, items: Iterable[int]
) -> None:
    for number, _ in enumerate(ja.track(items)):
        before = job._meter.read()
        ja.progress(message=f"row {number}")
        after = job._meter.read()
        assert (after.done, after.message) == (before.done, f"row {number}")
    assert job._meter.read().done == 3


# -- for libraries


def test_the_progress_callback_takes_what_libraries_pass(job: JobContext) -> None:
    job.progress_callback(5)
    assert job._meter.read().done == 5
    job.progress_callback(6, 10)
    job.progress_callback(7, 10, "further", speed=3)
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.message) == (7, 10, "")
    job.progress_callback(message="written")
    assert job._meter.read() == progress


def test_the_progress_callback_works_in_a_thread_without_a_context(job: JobContext) -> None:
    thread = threading.Thread(target=job.progress_callback, args=(3, 4))
    thread.start()
    thread.join(PATIENCE)
    assert job._meter.read().done == 3


def test_the_progress_callback_is_a_point_where_a_thread_is_cancelled(job: JobContext) -> None:
    job._control.cancel(None)
    with pytest.raises(StopJob):
        job.progress_callback(1, 2)
