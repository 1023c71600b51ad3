"""Threads that a job has started: they report for it, and its requests are not for them."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import tqdm
import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 30.0


def move_tqdm() -> Callable[[], object]:
    update: Callable[[], object] = tqdm.tqdm(total=10).update
    return update


def move_our_tqdm() -> Callable[[], object]:
    return ja.tqdm(total=10).update


def move_progress() -> Callable[[], object]:
    return ja.bind_context(lambda: ja.progress(1, 10))


def move_callback() -> Callable[[], object]:
    ctx = ja.current_job()
    return lambda: ctx.progress_callback(1, 10)


def check() -> Callable[[], object]:
    return ja.current_job().check


def check_bound() -> Callable[[], object]:
    return ja.bind_context(lambda: ja.current_job().check())


def track_bound() -> Callable[[], object]:
    return ja.bind_context(lambda: list(ja.track(range(3))))


def track_bound_generator() -> Callable[[], object]:
    return ja.bind_context(lambda: list(ja.track(i for i in range(3))))


def batches_bound() -> Callable[[], object]:
    return ja.bind_context(lambda: list(ja.batches(range(3), 1)))


POINTS = [
    move_tqdm,
    move_our_tqdm,
    move_progress,
    move_callback,
    check,
    check_bound,
    track_bound,
    track_bound_generator,
    batches_bound,
]


class Meeting:
    """A job that has passed to a thread of its own, and is to be asked something then."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.asked = threading.Event()

    def wait(self) -> None:
        """Say that it has begun, and wait for the request."""
        self.begun.set()
        assert self.asked.wait(PATIENCE)

    async def has_begun(self) -> None:
        """Wait until it has begun."""
        assert await trio.to_thread.run_sync(self.begun.wait, PATIENCE)


@pytest.mark.parametrize("point", POINTS)
async def test_a_cancel_is_not_raised_in_another_thread_and_stays_for_the_jobs_own(
    point: Callable[[], Callable[[], object]],
) -> None:
    meeting = Meeting()
    others: list[object] = []

    def work() -> None:
        move = point()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(move).result()
            meeting.wait()
            others.append(pool.submit(move).exception())
            others.append(pool.submit(move).exception())
        ja.current_job().check()
        raise AssertionError("its own point has let it pass")

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await meeting.has_begun()
        job.cancel("enough")
        meeting.asked.set()
        assert (await job.wait()).state == "cancelled"
        outcome = job.snapshot().outcome
        assert outcome is not None
        assert outcome.error is None
    assert others == [None, None]


@pytest.mark.parametrize("point", POINTS)
async def test_a_pause_holds_the_jobs_own_thread_and_no_other(
    point: Callable[[], Callable[[], object]],
) -> None:
    meeting = Meeting()
    moved = threading.Event()

    def work() -> str:
        move = point()
        with ThreadPoolExecutor(1) as pool:
            meeting.wait()
            pool.submit(move).result(PATIENCE)
            moved.set()
        ja.current_job().check()
        return "done"

    paused = threading.Event()
    async with ja.open_jobs() as jobs:
        jobs.on_event(lambda _: paused.set(), ja.JobPaused)
        await trio.testing.wait_all_tasks_blocked()
        job = jobs.submit(work)
        await meeting.has_begun()
        job.pause()
        meeting.asked.set()
        assert await trio.to_thread.run_sync(moved.wait, PATIENCE)
        assert await trio.to_thread.run_sync(paused.wait, PATIENCE)
        job.resume()
        assert await job == "done"


async def test_a_bar_that_other_threads_move_counts_all_of_it() -> None:
    def work() -> float:
        bar = tqdm.tqdm(total=40)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(40):
                pool.submit(int).add_done_callback(lambda _: bar.update())
        return float(bar.n)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        assert await job == 40
        assert job.snapshot().progress.done == 40


async def test_reports_of_other_threads_do_not_make_a_job_look_as_if_it_could_pause() -> None:
    def work() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ja.bind_context(lambda: ja.progress(1, 10))).result()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await job
        progress = job.snapshot().progress
        assert (progress.done, progress.pausable) == (1, False)


async def test_a_thread_beside_trio_code_is_not_cancelled_either() -> None:
    meeting = Meeting()
    raised: list[object] = []

    async def work() -> None:
        ctx, bar = ja.current_job(), ja.tqdm[Any](total=10)

        def beside() -> None:
            meeting.wait()
            for point in (ctx.check, bar.update):
                try:
                    raised.append(point())
                except BaseException as exc:
                    raised.append(exc)

        thread = threading.Thread(target=beside)
        thread.start()
        try:
            await trio.sleep_forever()
        finally:
            thread.join(PATIENCE)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await meeting.has_begun()
        job.cancel("enough")
        meeting.asked.set()
        assert (await job.wait()).state == "cancelled"
    assert not [exc for exc in raised if isinstance(exc, BaseException)]


async def test_a_worker_thread_that_trio_code_waits_for_is_its_own() -> None:
    begun = threading.Event()

    def loop() -> None:
        for _ in ja.track(iter(int, 1)):
            begun.set()

    async def work() -> None:
        await trio.to_thread.run_sync(loop)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
        job.cancel()
        assert (await job.wait()).state == "cancelled"


def test_a_thread_of_a_block_is_not_the_blocks_own() -> None:
    jobs = ja.start()
    try:
        with pytest.raises(ja.JobCancelled), ja.tracked("import") as block:  # noqa: PT012
            jobs.get(block.id).cancel()
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(block.check).exception() is None
            block.check()
        assert jobs.get(block.id).state == "cancelled"
    finally:
        ja.stop()


def test_a_reader_of_the_inbox_in_another_thread_ends_with_its_job() -> None:
    jobs = ja.start()
    ended = threading.Event()

    def read() -> None:
        try:
            for _ in ja.current_job().inbox:
                pass
        except BaseException:
            ended.set()
            raise

    def work() -> None:
        threading.Thread(target=_quiet(ja.bind_context(read)), daemon=True).start()

    try:
        jobs.submit(work).result(PATIENCE)
        assert ended.wait(PATIENCE)
    finally:
        ja.stop()


def _quiet(function: Callable[[], Any]) -> Callable[[], None]:
    """Keep what a thread dies of from pytest."""

    def call() -> None:
        try:
            function()
        except BaseException:
            return

    return call
