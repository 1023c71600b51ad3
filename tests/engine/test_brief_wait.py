"""The loop waits in place for short calls, and for no others."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import threading
from functools import partial

import trio
import trio.lowlevel

import jobactors as ja
from jobactors.engine.loop.brief_wait import BriefWait

PATIENCE = 10.0
"""Seconds after which a test fails that would wait for ever."""


def test_it_is_over_when_the_other_thread_is_done() -> None:
    wait = BriefWait()
    assert wait.end()
    assert wait.is_over_within(PATIENCE)


def test_who_waits_no_more_has_to_be_woken() -> None:
    wait = BriefWait()
    assert not wait.is_over_within(0)
    assert not wait.end()


def test_both_threads_agree_however_close_they_come() -> None:
    rounds = 2_000
    waits = [BriefWait() for _ in range(rounds)]
    ended = list[bool]()
    other = threading.Thread(target=lambda: ended.extend(wait.end() for wait in waits))
    other.start()
    over = [wait.is_over_within(1e-6) for wait in waits]
    other.join(PATIENCE)
    assert over == ended


async def test_a_job_that_waits_for_the_loop_finds_it_there_after_short_ones() -> None:
    """The loop does not wait in place for as long as the job takes."""
    may_end = threading.Event()
    async with ja.open_jobs() as jobs:
        for number in range(5):
            assert await jobs.run(int, number) == number
        job = jobs.submit(may_end.wait, PATIENCE)
        await trio.lowlevel.checkpoint()
        assert job.state == "running"
        may_end.set()
        assert await job
        assert await jobs.run(int, 7) == 7


async def test_short_jobs_take_turns_with_the_tasks_of_the_loop() -> None:
    turns, count = 0, 50
    async with ja.open_jobs(max_running=1) as jobs, trio.open_nursery() as nursery:

        async def take_turns() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        nursery.start_soon(take_turns)
        await jobs.run(int)
        before = turns
        made = [jobs.submit(int, number) for number in range(count)]
        assert [await job for job in made] == list(range(count))
        assert turns - before > count // 2  # each has one, but for the first and the last
        nursery.cancel_scope.cancel()


async def test_short_jobs_that_raise_and_that_ask_the_loop_end_as_they_should() -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        target = jobs.submit(trio.sleep_forever)
        for _ in range(3):
            await jobs.run(int)
        failed = jobs.submit(int, "no number")
        assert (await failed.wait()).state == "failed"
        await jobs.run(partial(target.cancel, "by a short job"))
        assert (await target.wait()).reason == "by a short job"
