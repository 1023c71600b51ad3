"""Tests of the reasons for which an ended job cannot start again, in its row and in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from jobactors_widgets.button_commands import perform
from jobactors_widgets.change_feed import ChangeFeed

import jobactors as ja
from tests.widgets.test_batch_rows import TYPES, Mirror, fed_jobs

if TYPE_CHECKING:
    import pytest

NAME = "sum of yesterday"


async def add(one: int, other: int) -> int:
    """Return the sum."""
    return one + other


async def ended_yesterday(store: ja.MemoryStore) -> str:
    """Run a job to its end, which nothing reads, in an earlier process; return its id."""
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(ja.job(NAME)(add), 1, 2)
        await job.wait()
    return job.id


async def test_a_restart_is_hindered_until_a_cell_declares_the_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The row of an ended job names that, and so does the answer to a click that comes first."""
    store = ja.MemoryStore()
    monkeypatch.setattr(TYPES, {})
    job_id = await ended_yesterday(store)
    monkeypatch.setattr(TYPES, {})
    async with fed_jobs(store=store) as (jobs, feed):
        mirror = Mirror(jobs, feed)
        [row] = mirror.present_rows()
        assert (row["id"], row["state"]) == (job_id, "succeeded")
        assert f"'{NAME}' is not registered yet" in row["obstacle"]
        assert " cannot start again: " in perform(jobs, "restart", job_id)["why"]
        feed.add(mirror)
        with trio.fail_after(60):
            while not mirror.rows:
                await trio.lowlevel.checkpoint()
        assert "obstacle" in mirror.rows[job_id]
        ja.job(NAME)(add)
        feed.look_again()
        with trio.fail_after(60):
            while "obstacle" in mirror.rows[job_id]:
                await trio.lowlevel.checkpoint()
        assert perform(jobs, "restart", job_id)["ok"]


async def test_a_job_of_this_process_starts_again_whatever_is_registered() -> None:
    """Its function is at hand."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(add, 1, 2)
        await job
        [row] = ChangeFeed().rows(jobs, [job.snapshot()])
        assert "obstacle" not in row
        assert ja.lowlevel.restart_obstacles(jobs, [job.id, "gone-1"]) == {}
