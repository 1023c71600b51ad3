"""Checkpoints: when they are written, and which job owns them and goes on from them."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

WEEK = 7 * 86400.0


class Broken(Exception):
    """The error of a job of these tests."""


async def count(stop: int, fail_at: int | None = None) -> list[int]:
    """Count to ``stop`` from the checkpoint; fail at a number, in its first attempt only."""
    job = ja.current_job()
    first = job.checkpoint or 0
    for i in range(first, stop):
        if i == fail_at and job.checkpoint is None:
            raise Broken
        ja.save_checkpoint(i + 1)
        ja.progress(i + 1, stop)
        await trio.lowlevel.checkpoint()
    return list(range(first, stop))


async def save_and_wait(value: int, seconds: float = 10_000) -> int | None:
    """Save something at once, and work on."""
    before: int | None = ja.current_job().checkpoint
    ja.save_checkpoint(value)
    await trio.sleep(seconds)
    return before


def values(jobs: ja.Jobs, *which: str) -> list[Any]:
    return [kept.value for kept in jobs.checkpoints(*which)]


async def end(job: ja.Job[Any]) -> ja.JobSnapshot:
    """Wait for its end and read it, so that no failure is left unread."""
    await job.wait()
    job.exception()
    return job.snapshot()


# -- when it is written


async def test_a_first_save_is_written_within_five_seconds(autojump_clock: MockClock) -> None:
    """However late in the attempt it comes: until then nothing of it would survive."""

    async def work() -> None:
        await trio.sleep(100)
        ja.save_checkpoint(3)
        await trio.sleep_forever()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await trio.sleep(104)
        assert jobs.checkpoints() == []
        await trio.sleep(2)
        assert values(jobs) == [3]
        job.cancel()


@pytest.mark.parametrize("is_range", [True, False])
async def test_a_job_with_a_work_file_is_first_written_as_soon(
    is_range: bool, autojump_clock: MockClock
) -> None:
    """The row that its file has from the beginning, with no item in it, is none of its saves."""

    async def write_range(part: ja.Range) -> None:
        with part.open() as out:
            async for i in part.track():
                out.write(f"{i}\n")
                await trio.sleep(1)

    async def write_file(_: object) -> None:
        file = ja.current_job().work_file("items")
        for i in range(100):
            file.write_text(f"{i}\n")
            ja.save_checkpoint(i)
            await trio.sleep(1)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(write_range if is_range else write_file, ja.ranges(100, 1)[0])
        await trio.sleep(1)
        assert [kept.items for kept in jobs.checkpoints()] == [0]
        await trio.sleep(6)
        (first,) = jobs.checkpoints()
        assert 4 <= first.items <= 6
        await trio.sleep(55)
        assert jobs.checkpoints() == [first]
        await trio.sleep(5)
        assert 60 <= jobs.checkpoints()[0].items <= 67
        job.cancel()


async def test_a_later_save_is_written_sixty_seconds_after_the_last_writing(
    autojump_clock: MockClock,
) -> None:
    async def work() -> None:
        for minute in range(10):
            for second in range(60):
                ja.save_checkpoint(minute * 60 + second)
                await trio.sleep(1)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await trio.sleep(90.5)
        (first,) = values(jobs)
        assert 60 <= first <= 66
        await trio.sleep(40)
        (second,) = values(jobs)
        assert 120 <= second <= 126
        job.cancel()


async def test_so_many_items_are_written_at_once(autojump_clock: MockClock) -> None:
    async def work() -> None:
        ja.save_checkpoint("few", items=1_999)
        await trio.sleep(1)
        ja.save_checkpoint("enough")
        await trio.sleep_forever()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await trio.sleep(0.5)
        assert values(jobs) == []
        await trio.sleep(1)
        assert values(jobs) == ["enough"]
        assert jobs.checkpoints()[0].items == 2_000
        job.cancel()


async def test_both_limits_are_options(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        hasty = jobs.options(subject="a", checkpoint_every=ja.Every(seconds=2))
        busy = jobs.options(subject="b", checkpoint_every=ja.Every(items=1))
        hasty.submit(save_and_wait, 1, 5)
        busy.submit(save_and_wait, 2, 5)
        await trio.sleep(1)
        assert values(jobs) == [2]
        await trio.sleep(2)
        assert sorted(values(jobs)) == [1, 2]


async def test_a_fast_job_opts_out(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.options(checkpoint_every=None).submit(count, 10, fail_at=5)
        await end(job)
        assert jobs.checkpoints() == []
        again = jobs.options(checkpoint_every=None).submit(count, 10)
        assert await again == list(range(10))


async def test_a_failure_writes_the_last_save() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.options(subject="wiki").submit(count, 10, fail_at=5)
        await end(job)
        (kept,) = jobs.checkpoints("count", "wiki")
        assert (kept.value, kept.items, kept.part, kept.job_id) == (5, 5, "", job.id)
        assert kept.percent in {40, 50}
        assert repr(kept) == (
            f"<Checkpoint of 'count' 'wiki' at {kept.percent} %, 5 items, job {job.id}>"
        )


async def test_a_cancel_writes_at_once_and_again_at_the_end(autojump_clock: MockClock) -> None:
    """A job that is stuck may never come to its end."""

    async def work() -> None:
        ja.save_checkpoint("working")
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(5)
            ja.save_checkpoint("tidied up")

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await trio.sleep(1)
        job.cancel()
        await trio.sleep(1)
        assert values(jobs) == ["working"]
        await job.wait()
        assert values(jobs) == ["tidied up"]


async def test_a_pause_writes(autojump_clock: MockClock) -> None:
    async def work() -> None:
        async for i in ja.track(range(100)):
            ja.save_checkpoint(i)
            await trio.sleep(1)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await trio.sleep(2.5)
        job.pause()
        await trio.sleep(5)
        assert job.state == "paused"
        assert values(jobs) == [2]
        job.cancel()


async def test_the_end_of_the_system_writes(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        jobs.submit(save_and_wait, 3)
        await trio.sleep(1)
        await jobs.close()
    assert values(jobs) == [3]


async def test_a_timeout_writes(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        await end(jobs.options(timeout=5).submit(save_and_wait, 3))
        assert values(jobs) == [3]


async def test_success_drops_it(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(save_and_wait, 3, 100)
        await trio.sleep(90)
        assert values(jobs) == [3]
        await job
        assert jobs.checkpoints() == []


async def test_a_partial_result_is_no_success() -> None:
    async def work() -> Any:
        ja.save_checkpoint(3)
        return ja.cancelled("some")

    async with ja.open_jobs() as jobs:
        assert (await jobs.submit(work).wait()).state == "cancelled"
        assert values(jobs) == [3]


async def test_a_late_save_of_an_ended_attempt_changes_nothing(autojump_clock: MockClock) -> None:
    saved = threading.Event()
    go = threading.Event()

    def leave_a_thread() -> None:
        def late() -> None:
            go.wait()
            ja.save_checkpoint("late", items=5_000)
            saved.set()

        threading.Thread(target=ja.bind_context(late), daemon=True).start()
        ja.save_checkpoint("in time")
        raise Broken

    async with ja.open_jobs() as jobs:
        await end(jobs.submit(leave_a_thread))
        go.set()
        await trio.to_thread.run_sync(saved.wait)
        await trio.testing.wait_all_tasks_blocked()
        assert values(jobs) == ["in time"]


# -- who goes on from it


@pytest.mark.parametrize("again", [ja.Retry(max=2), None], ids=["a retry", "a snooze"])
async def test_a_later_attempt_goes_on_from_its_own(
    again: ja.Retry | None, autojump_clock: MockClock
) -> None:
    async def work() -> list[int]:
        if again is None and ja.current_job().attempt == 1:
            ja.save_checkpoint(7)
            raise ja.Snooze(5)
        return await count(10, fail_at=7)

    async with ja.open_jobs() as jobs:
        assert await jobs.options(retry=again).submit(work) == [7, 8, 9]
        assert jobs.checkpoints() == []


async def test_a_restart_goes_on_from_it() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(count, 10, fail_at=5)
        await end(job)
        assert await job.restart() == [5, 6, 7, 8, 9]
        assert jobs.checkpoints() == []


async def test_a_restart_can_begin_anew() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(count, 10, fail_at=5)
        await end(job)
        again = job.restart(from_checkpoint=False)
        assert jobs.checkpoints() == []
        await end(again)
        assert again.state == "failed", "it came to the same number by itself"
        assert [kept.job_id for kept in jobs.checkpoints()] == [again.id]


async def test_a_restart_takes_nobody_elses() -> None:
    async with ja.open_jobs() as jobs:
        first = jobs.submit(count, 10, fail_at=5)
        await end(first)
        other = jobs.options(on_checkpoint="fresh").submit(count, 20, fail_at=3)
        await end(other)
        with pytest.raises(ja.CheckpointFound):
            first.restart()
        with pytest.raises(ja.CheckpointFound):
            first.restart(from_checkpoint=False)
        assert values(jobs) == [3]


async def test_beginning_anew_does_not_go_on_from_a_later_jobs_checkpoint() -> None:
    """Nor is that dropped: the option has to ask for it."""
    async with ja.open_jobs() as jobs:
        first = jobs.submit(count, 10, fail_at=5)
        await end(first)
        await end(jobs.options(on_checkpoint="fresh").submit(count, 10, fail_at=5))
        with pytest.raises(ja.CheckpointFound):
            first.restart(from_checkpoint=False)
        assert len(jobs.checkpoints()) == 1


async def test_a_new_submit_with_equal_arguments_goes_on_from_it() -> None:
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(count, 10, fail_at=5))
        assert await jobs.submit(count, stop=10, fail_at=5) == [5, 6, 7, 8, 9]


async def test_a_new_submit_with_other_arguments_has_to_say_what_to_do(
    autojump_clock: MockClock,
) -> None:
    async with ja.open_jobs() as jobs:
        wiki = jobs.options(subject="wiki")
        await end(wiki.submit(count, 10, fail_at=5))
        await trio.sleep(7300)
        with pytest.raises(ja.CheckpointFound, match=r"count about 'wiki' .*\d0 %, 2 h ago"):
            wiki.submit(count, 12)
        assert values(jobs) == [5]
        assert await wiki.options(on_checkpoint="resume").submit(count, 12) == list(range(5, 12))


async def test_a_new_submit_can_begin_anew() -> None:
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(count, 10, fail_at=5))
        job = jobs.options(on_checkpoint="fresh").submit(count, 3)
        assert jobs.checkpoints() == []
        assert await job == [0, 1, 2]


async def test_a_new_submit_can_ask_whatever_the_arguments() -> None:
    async with ja.open_jobs() as jobs:
        careful = jobs.options(on_checkpoint="ask")
        await end(careful.submit(count, 10, fail_at=5))
        with pytest.raises(ja.CheckpointFound, match='on_checkpoint="fresh"'):
            careful.submit(count, 10, fail_at=5)


async def test_a_submit_from_another_thread_is_refused_there() -> None:
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(count, 10, fail_at=5))
        with pytest.raises(ja.CheckpointFound):
            await trio.to_thread.run_sync(jobs.submit, count, 12)


async def test_other_types_and_subjects_are_other_work() -> None:
    async def other() -> Any:
        return ja.current_job().checkpoint

    async with ja.open_jobs() as jobs:
        await end(jobs.options(subject="a").submit(count, 10, fail_at=5))
        assert await jobs.options(subject="b").submit(count, 3) == [0, 1, 2]
        assert await jobs.options(subject="a").submit(other) is None
        assert values(jobs) == [5]


async def test_a_job_that_is_cancelled_in_the_queue_leaves_what_it_would_have_gone_on_from() -> (
    None
):
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(count, 10, fail_at=5))
        held = jobs.options(hold=True).submit(count, 10, fail_at=5)
        assert values(jobs) == [5]
        held.cancel()
        assert await jobs.submit(count, 10, fail_at=5) == [5, 6, 7, 8, 9]


async def test_a_refused_option_is_refused_at_once() -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match='"resume", "fresh", "ask"'):
            jobs.options(on_checkpoint="maybe")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="Every"):
            jobs.options(checkpoint_every=60)  # type: ignore[arg-type]


# -- whose it is


async def test_a_second_job_beside_the_first_serves_only_itself(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with ja.open_jobs() as jobs:
        owner = jobs.submit(save_and_wait, 1)
        await trio.sleep(1)
        retried = jobs.options(retry=ja.Retry(max=2)).submit(count, 10, fail_at=4)
        beside = jobs.options(retry=ja.Retry(max=2)).submit(count, 10, fail_at=5)
        assert sorted([await retried, await beside]) == [[4, 5, 6, 7, 8, 9], [5, 6, 7, 8, 9]]
        owner.cancel()
        await owner.wait()
        assert values(jobs) == [1]
        warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert "a subject of its own" in warnings[0].getMessage()


async def test_a_job_that_worked_beside_another_is_restarted_from_its_own(
    autojump_clock: MockClock,
) -> None:
    async with ja.open_jobs() as jobs:
        owner = jobs.submit(count, 10, fail_at=None)
        beside = jobs.submit(count, 10, fail_at=5)
        await end(beside)
        await owner
        assert jobs.checkpoints() == []
        assert await beside.restart() == [5, 6, 7, 8, 9]


async def test_what_an_ended_job_left_is_not_written_over_by_one_that_waited(
    autojump_clock: MockClock,
) -> None:
    """The second was submitted while the first was unfinished, so no choice was asked for."""
    async with ja.open_jobs(max_running=1) as jobs:
        first = jobs.submit(count, 10, fail_at=5)
        second = jobs.submit(count, 20, fail_at=2)
        await end(first)
        await end(second)
        assert [(kept.value, kept.job_id) for kept in jobs.checkpoints()] == [(5, first.id)]


async def test_a_place_that_has_become_free_goes_to_the_next_that_starts(
    autojump_clock: MockClock,
) -> None:
    async with ja.open_jobs(max_running=1) as jobs:
        first = jobs.submit(count, 10)
        second = jobs.submit(count, 20, fail_at=2)
        await first
        await end(second)
        assert [kept.job_id for kept in jobs.checkpoints()] == [second.id]


# -- listing and dropping


async def test_checkpoints_are_listed_by_type_and_subject_oldest_first(
    autojump_clock: MockClock,
) -> None:
    async with ja.open_jobs() as jobs:
        for number, subject in enumerate(["b", "a", ""], 1):
            await end(jobs.options(subject=subject).submit(count, 10, fail_at=number))
            await trio.sleep(1)
        assert [kept.subject for kept in jobs.checkpoints()] == ["b", "a", ""]
        assert values(jobs, "count", "a") == [2]
        assert [kept.value for kept in jobs.checkpoints(subject="")] == [3]
        assert jobs.checkpoints("other") == []
        jobs.drop_checkpoint("count", "b")
        jobs.drop_checkpoint("count", "never heard of")
        assert values(jobs) == [2, 3]
    assert values(jobs) == [2, 3], "also when the system has ended"


async def test_it_is_said_when_a_checkpoint_was_first_and_last_saved(
    autojump_clock: MockClock,
) -> None:
    async def fail() -> None:
        ja.save_checkpoint(1)
        raise Broken

    async with ja.open_jobs() as jobs:
        await end(jobs.submit(fail))
        (first,) = jobs.checkpoints()
        await trio.sleep(50)
        await end(jobs.submit(fail))
        (second,) = jobs.checkpoints()
        assert second.created_at == first.created_at
        assert second.saved_at == pytest.approx(first.saved_at + 50)


async def test_the_checkpoint_of_a_job_at_work_cannot_be_dropped(
    autojump_clock: MockClock,
) -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(save_and_wait, 3)
        await trio.sleep(61)
        with pytest.raises(ja.IllegalVerb, match="cancel it first"):
            jobs.drop_checkpoint("save_and_wait")
        job.cancel()
        await job.wait()
        jobs.drop_checkpoint("save_and_wait")
        assert jobs.checkpoints() == []


async def test_a_week_later_it_is_gone(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(count, 10, fail_at=5))
        await trio.sleep(WEEK - 10)
        assert values(jobs) == [5]
        await trio.sleep(20)
        assert jobs.checkpoints() == []
        assert await jobs.submit(count, 3) == [0, 1, 2]


async def test_that_of_an_unfinished_job_stays(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(save_and_wait, 3, 2 * WEEK)
        await trio.sleep(1.5 * WEEK)
        assert values(jobs) == [3]
        await job


# -- in other colours


def fail_once(runner: str, value: int) -> Any:
    """Be a job that saves and fails, and the second time returns what it goes on from."""
    before = ja.current_job().checkpoint
    if before is None:
        for i in range(value + 1):
            ja.save_checkpoint({"at": i})
        raise RuntimeError(runner)
    return before


@pytest.mark.parametrize("runner", ["thread", "process", "asyncio"])
async def test_every_runner_brings_the_last_save_home(runner: str) -> None:
    async def in_asyncio(runner: str, value: int) -> Any:
        return fail_once(runner, value)

    work: Any = in_asyncio if runner == "asyncio" else fail_once
    async with ja.open_jobs() as jobs:
        again = jobs.options(runner=runner, retry=ja.Retry(max=2, base=0))  # type: ignore[arg-type]
        assert await again.submit(work, runner, 300) == {"at": 300}


def count_for_ever() -> None:
    """Be a job in a process that saves, and can pause."""
    for i in range(1, 10**9):
        ja.save_checkpoint(i)
        ja.progress(i)


async def until(jobs: ja.Jobs, condition: Callable[[], bool]) -> None:
    """Wait until events have brought it about."""
    async with jobs.subscribe() as batches:
        async for _ in batches:
            if condition():
                return


async def test_a_process_saves_before_it_pauses_and_before_its_cancel() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(count_for_ever)
        await until(jobs, lambda: job.snapshot().progress.done > 0)
        job.pause()
        await until(jobs, lambda: job.state == "paused")
        (paused,) = values(jobs)
        assert paused - job.snapshot().progress.done in {0, 1}
        job.cancel()
        await job.wait()
        (cancelled,) = values(jobs)
        assert cancelled >= paused


def do_batches(count: int) -> None:
    """Be a job in a process that does batches, and stands still after each."""
    for batch in ja.batches(range(count), 2):
        if 4 in batch:
            ja.current_job().wait_cancel_requested().result()


async def test_a_batch_in_a_process_of_its_own_is_written_at_once() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(do_batches, 10)
        await until(jobs, lambda: values(jobs) == [4])
        job.cancel()
