"""The public tools for users' tests."""

from __future__ import annotations

import trio
import trio.testing

import jobactors as ja
from jobactors.testing import record_events, run_inside


def count(n: int) -> int:
    """Report each row."""
    for i in range(n):
        ja.progress(i + 1, n, unit="rows")
    return n


def test_run_inside_tells_what_a_function_reported() -> None:
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
    """The inbox holds what was given; ``ja.cancelled`` counts as cancelled, with its value."""

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
