"""The public tools for users' tests."""

from __future__ import annotations

import logging
from typing import assert_type

import pytest
import trio
import trio.testing

import jobactors as ja
from jobactors.testing import Inside, record_events, run_inside


def count(n: int) -> int:
    """Report each row."""
    for i in range(n):
        ja.progress(i + 1, n, unit="rows")
    return n


def test_run_inside_returns_the_reports_of_a_function() -> None:
    """One sample a report, in order, with the last one last."""
    seen = run_inside(count, 3)
    assert seen.value == 3
    assert [sample.done for sample in seen.progress] == [1, 2, 3]
    assert not seen.cancelled


def test_run_inside_cancels_after_some_reports() -> None:
    """The function is stopped at its next report, as in a thread."""
    seen = run_inside(count, 10, cancel_after=2)
    assert seen.stopped
    assert seen.cancelled
    assert [sample.done for sample in seen.progress] == [1, 2]


def test_run_inside_gives_messages_and_keeps_partial_results() -> None:
    """The inbox holds the given messages; ``ja.cancelled`` counts as cancelled, with its value."""

    def listen() -> object:
        job = ja.current_job()
        job.write_log("listening\n", "out")
        return ja.cancelled([job.inbox.receive_nowait(), job.inbox.receive_nowait("none left")])

    seen = run_inside(listen, messages=["hello"])
    assert (seen.value, seen.cancelled, seen.stopped) == (["hello", "none left"], True, False)
    assert seen.log == "listening\n"


async def test_record_events_hears_the_life_of_a_job() -> None:
    """Everything but progress, in order."""

    async def work() -> None:
        await trio.lowlevel.checkpoint()

    async with ja.open_jobs() as jobs:
        async with record_events(jobs) as events:
            await trio.testing.wait_all_tasks_blocked()
            await jobs.run(work)
            await trio.testing.wait_all_tasks_blocked()
        kinds = [type(event) for event in events]
    assert kinds == [ja.JobQueued, ja.JobStarted, ja.JobFinished, ja.JobRead]


def test_the_log_has_what_a_function_prints_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    """As a job's log does; a print is no report, and is passed on."""

    def talk() -> None:
        print("hello")  # noqa: T201 - it is about prints
        logging.getLogger("mine").warning("careful")
        ja.progress(1, 2)

    seen = run_inside(talk, cancel_after=2)
    assert seen.log == "hello\nWARNING mine: careful\n"
    assert len(seen.progress) == 1
    assert not seen.cancelled
    assert capsys.readouterr().out == "hello\n"


async def fetch(n: int) -> int:
    """Report in a loop that awaits."""
    print("fetching")  # noqa: T201 - it is about prints
    async for i in ja.track(range(n), unit="pages"):
        ja.save_checkpoint(i)
        await trio.lowlevel.checkpoint()
    return n


def test_run_inside_runs_an_async_function_in_a_loop_of_its_own() -> None:
    """Its result, its reports and its output are those of a trio job."""
    seen = run_inside(fetch, 3)
    assert_type(seen, Inside[int])
    assert (seen.value, seen.checkpoint, seen.log) == (3, 2, "fetching\n")
    assert seen.progress[-1].unit == "pages"
    assert not seen.stopped


def test_an_async_function_is_cancelled_at_its_next_cancel_point() -> None:
    """By its scope, in which it may clean up; and before its first line's end."""
    cleaned: list[str] = []

    async def wait() -> None:
        ja.progress(1)
        try:
            await trio.sleep_forever()
        finally:
            cleaned.append("up")

    seen = run_inside(wait, cancel_after=1)
    assert (seen.stopped, seen.cancelled, cleaned) == (True, True, ["up"])
    assert run_inside(fetch, 3, cancel_after=0).stopped


def test_a_cancel_reported_in_a_thread_of_an_async_function_stops_it() -> None:
    """From there it reaches the loop in the loop's own time."""

    async def work() -> None:
        await trio.to_thread.run_sync(ja.progress, 1)
        await trio.sleep_forever()

    assert run_inside(work, cancel_after=1).stopped


def test_an_async_function_may_wait_for_its_cancel() -> None:
    """And return its partial result."""

    async def work() -> list[int]:
        ja.progress(1)
        with trio.CancelScope(shield=True):
            await ja.current_job().wait_cancel_requested()
        return ja.cancelled([1])

    seen = run_inside(work, cancel_after=1)
    assert (seen.value, seen.stopped, seen.cancelled) == ([1], False, True)


async def test_an_async_function_is_not_run_inside_a_running_loop() -> None:
    """The error names the cure."""
    with pytest.raises(ja.WrongThread, match="a plain def"):
        run_inside(fetch, 1)
