"""Events become frames: few, complete, and the last one always."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from jobactors_widgets.feed import Feed
from jobactors_widgets.wire import Row, row_of

import jobactors as ja


class FakePanel:
    """Keeps what it is told, and when."""

    def __init__(self, jobs: ja.Jobs, job_id: str | None = None) -> None:
        self.job_id = job_id
        self.frames: list[tuple[float, str, list[Row], list[str]]] = []
        self._jobs = jobs

    def send_all(self) -> None:
        """Keep every row."""
        rows = [row_of(snapshot, 0) for snapshot in self._jobs.list()]
        self.frames.append((trio.current_time(), "all", rows, []))

    def send_changes(self, rows: list[Row], gone: list[str]) -> None:
        """Keep a delta."""
        self.frames.append((trio.current_time(), "changes", rows, gone))

    def end(self, rows: list[Row]) -> None:
        """Keep the last rows."""
        self.frames.append((trio.current_time(), "end", rows, []))

    @property
    def kinds(self) -> list[str]:
        """What kinds of frames came, in order."""
        return [kind for _, kind, _, _ in self.frames]

    @property
    def states(self) -> dict[str, str]:
        """How each job stands, as far as this panel was told."""
        return {row["id"]: row["state"] for _, _, rows, _ in self.frames for row in rows}


@contextlib.asynccontextmanager
async def fed_jobs(**options: Any) -> AsyncIterator[tuple[ja.Jobs, Feed]]:
    """Open a job system with a feed beside it."""
    async with ja.open_jobs(unread_failures="ignore", **options) as jobs:
        feed = Feed()
        jobs.attach(feed.serve)
        yield jobs, feed


async def reports(steps: int, every: float) -> None:
    """Report progress again and again."""
    for step in range(steps):
        ja.progress(step + 1, steps)
        await trio.sleep(every)


async def test_ten_frames_a_second_however_much_changes(autojump_clock: trio.abc.Clock) -> None:
    """Changes at every moment, a hundred and more a second, make ten messages of it."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        for _ in range(400):
            jobs.submit(reports, 3, 0.001)
            await trio.sleep(0.007)
        times = [at for at, *_ in panel.frames]
        assert all(b - a >= 0.0999 for a, b in itertools.pairwise(times))
        assert 26 <= len(times) <= 30


async def test_nothing_is_sent_when_nothing_changes(autojump_clock: trio.abc.Clock) -> None:
    """A job that is silent for an hour costs no message, and none after it."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        jobs.submit(trio.sleep, 3600)
        await trio.sleep(1)
        before = len(panel.frames)
        await trio.sleep(3000)
        assert len(panel.frames) == before
        await trio.sleep(3000)
        assert len(panel.frames) == before + 1


@pytest.mark.parametrize("after", [0.001, 0.02, 0.05, 0.0999, 0.1, 0.15])
async def test_the_last_state_always_arrives(autojump_clock: trio.abc.Clock, after: float) -> None:
    """However close to the frame before it a job ends, its end is told."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        await trio.sleep(1)
        job = jobs.submit(trio.sleep, after)
        await trio.sleep(1)
        assert panel.states == {job.id: "succeeded"}


async def test_first_everything_then_what_changed(autojump_clock: trio.abc.Clock) -> None:
    """A panel's first frame has every row; later ones only those that changed."""
    async with fed_jobs() as (jobs, feed):
        jobs.submit(trio.sleep, 100)
        short = jobs.submit(trio.sleep, 10)
        await trio.sleep(1)
        panel = FakePanel(jobs)
        feed.add(panel)
        await trio.sleep(20)
        assert panel.kinds == ["all", "changes"]
        assert [row["id"] for row in panel.frames[1][2]] == [short.id]


async def test_a_panel_added_again_is_told_everything_again(
    autojump_clock: trio.abc.Clock,
) -> None:
    """That is how a browser that missed a frame is helped."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        for _ in range(2):
            feed.add(panel)
            await trio.sleep(1)
        assert panel.kinds == ["all", "all"]


async def test_a_panel_of_one_job_hears_of_that_job_alone(autojump_clock: trio.abc.Clock) -> None:
    """Its frames hold one row, and others cost it nothing."""
    async with fed_jobs() as (jobs, feed):
        mine = jobs.submit(trio.sleep, 5)
        panel = FakePanel(jobs, mine.id)
        feed.add(panel)
        await trio.sleep(1)
        jobs.submit(reports, 10, 0.2)
        await trio.sleep(10)
        assert [[row["id"] for row in rows] for _, _, rows, _ in panel.frames[1:]] == [[mine.id]]


async def test_a_job_that_was_let_go_is_gone(autojump_clock: trio.abc.Clock) -> None:
    """Taking a job from the registry takes its row from the board."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        job = jobs.submit(trio.sleep, 1)
        await job
        await trio.sleep(1)
        jobs.registry.take(job.id)
        await trio.sleep(1)
        _, kind, rows, gone = panel.frames[-1]
        assert (kind, rows, gone) == ("changes", [], [job.id])


async def test_a_panel_that_raises_ends_alone(
    autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken comm costs its own panel, once, and is logged."""

    class Broken(FakePanel):
        def send_all(self) -> None:
            super().send_all()
            raise OSError("no socket")

    async with fed_jobs() as (jobs, feed):
        broken, good = Broken(jobs), FakePanel(jobs)
        feed.add(broken)
        feed.add(good)
        job = jobs.submit(trio.sleep, 3)
        await trio.sleep(5)
        assert broken.kinds == ["all"]
        assert good.states == {job.id: "succeeded"}
    ours = [record for record in caplog.records if record.name == "jobactors_widgets.feed"]
    assert [record.levelno for record in ours] == [logging.ERROR]
    assert "no socket" in caplog.text


async def test_a_removed_panel_hears_nothing(autojump_clock: trio.abc.Clock) -> None:
    """Not even that the system ends."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        feed.remove(panel)
        feed.remove(panel)
        jobs.submit(trio.sleep, 1)
    assert panel.frames == []


async def test_the_end_of_the_system_is_told_with_every_last_row(
    autojump_clock: trio.abc.Clock,
) -> None:
    """What ends in the very last moment is in the last frame."""
    async with fed_jobs() as (jobs, feed):
        panel, alone = FakePanel(jobs), FakePanel(jobs, "nobody")
        feed.add(panel)
        feed.add(alone)
        first = jobs.submit(trio.sleep, 1)
        last = jobs.submit(trio.sleep, 2)
    assert panel.kinds[-1] == "end"
    ended = {row["id"]: row["state"] for row in panel.frames[-1][2]}
    assert ended == {first.id: "succeeded", last.id: "succeeded"}
    assert alone.frames[-1][1:3] == ("end", [])
