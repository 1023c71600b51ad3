"""Tests of the change feed: its frames are few, complete, and the last one always arrives."""

from __future__ import annotations

import contextlib
import itertools
import logging
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
from jobactors_widgets.change_feed import ChangeFeed
from jobactors_widgets.sights import MOST_PLACES, Sights
from jobactors_widgets.wire import MOVED, WireRow, row_of

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jobactors_widgets.frame_message import FrameMessage


class FakePanel:
    """Records frames, and when they came."""

    def __init__(self, jobs: ja.Jobs, job_id: str | None = None) -> None:
        self.job_id = job_id
        self.batch_id: str | None = None
        self.frames: list[FrameMessage] = []
        self.times: list[float] = []
        self._jobs = jobs

    def present_rows(self) -> list[WireRow]:
        """Every row."""
        return [row_of(snapshot, 0) for snapshot in self._jobs.list()]

    def show(self, frame: FrameMessage) -> None:
        """Record a frame."""
        self.times.append(trio.current_time())
        self.frames.append(frame)

    def end(self, frame: FrameMessage) -> None:
        """Record the last frame."""
        self.show(frame)

    @property
    def kinds(self) -> list[str]:
        """The kinds of its frames, in order."""
        return ["end" if f.ended else "all" if f.full else "changes" for f in self.frames]

    @property
    def states(self) -> dict[str, str]:
        """The state of each job, as far as this panel knows."""
        return {row["id"]: row["state"] for frame in self.frames for row in frame.rows}


@contextlib.asynccontextmanager
async def fed_jobs(**options: Any) -> AsyncIterator[tuple[ja.Jobs, ChangeFeed]]:
    """Open a job system with a feed beside it."""
    async with ja.open_jobs(unread_failures="ignore", **options) as jobs:
        feed = ChangeFeed()
        ja.lowlevel.attach(jobs, feed.serve)
        yield jobs, feed


CAN_PAUSE = {"pausable": True}


def unpacked(moved: bytes) -> list[tuple[int, float, int, float, float, int]]:
    """The numbers of jobs that got on, as the browser reads them."""
    return list(struct.iter_unpack("<IfHffI", moved))


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
        times = panel.times
        assert all(b - a >= 0.0799 for a, b in itertools.pairwise(times))
        assert 26 <= len(times) <= 30


async def test_numbers_are_sent_ten_times_a_second_of_what_any_view_has_in_sight(
    autojump_clock: trio.abc.Clock,
) -> None:
    """And once a second of the rest; a panel that has told nothing sees all."""

    async def moves_a_second(panel: FakePanel) -> list[int]:
        await trio.sleep(0.5)
        panel.frames.clear()
        await trio.sleep(4)
        rows = [move[0] for frame in panel.frames for move in unpacked(frame.moved)]
        return [round(rows.count(row) / 4) for row in range(3)]

    async with fed_jobs() as (jobs, feed):
        panel, other = FakePanel(jobs), FakePanel(jobs)
        started = [jobs.submit(reports, 10_000, 0.09) for _ in range(3)]
        a, b, c = (job.id for job in started)
        feed.add(panel)
        assert await moves_a_second(panel) == [10, 10, 10]
        feed.see(panel, "cell", [a])
        assert await moves_a_second(panel) == [10, 1, 1]
        feed.see(panel, "another cell", [b, 3, None])
        assert await moves_a_second(panel) == [10, 10, 1]
        feed.see(panel, "cell", [])
        single = FakePanel(jobs, c)
        feed.add(single)
        assert await moves_a_second(panel) == [1, 10, 10]
        feed.remove(single)
        feed.see(other, "not served", [a])
        feed.see(panel, 3, [a])
        feed.see(panel, "cell", "a")
        assert await moves_a_second(panel) == [1, 10, 1]
        feed.add(other)
        assert await moves_a_second(panel) == [10, 10, 10]
        feed.remove(other)
        feed.remove(panel)
        jobs.select().cancel()


async def test_pages_that_took_no_leave_are_forgotten() -> None:
    """The oldest first, so that they cannot become many."""
    async with fed_jobs() as (jobs, _):
        panel, sights = FakePanel(jobs), Sights()
        for page in range(MOST_PLACES + 2):
            sights.note(panel, str(page), [f"job-{page}"])
        seen = sights.of([panel])
        assert seen is not None
        assert (len(seen), "job-1" in seen, "job-2" in seen) == (MOST_PLACES, False, True)


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
    """However close to the frame before it a job ends, its end is sent."""
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
        assert [row["id"] for row in panel.frames[1].rows] == [short.id]


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


async def test_a_panel_that_missed_some_frames_is_told_what_changed_since(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Not more, not less; a panel that missed nothing is sent nothing."""
    async with fed_jobs() as (jobs, feed):
        held = jobs.options(hold=True)
        first, second, third = (held.submit(trio.sleep, 1) for _ in range(3))
        panel = FakePanel(jobs)
        feed.add(panel)
        await trio.sleep(1)
        has = feed.frame
        second.cancel()
        await trio.sleep(1)
        third.cancel()
        third.exception()
        await trio.sleep(1)
        jobs.registry.take(third.id)
        await trio.sleep(1)
        before = len(panel.frames)
        feed.add(panel, has)
        await trio.sleep(1)
        (missed,) = panel.frames[before:]
        assert (missed.after, missed.number, missed.full) == (has, feed.frame, False)
        assert [row["id"] for row in missed.rows] == [second.id]
        assert missed.gone == [third.id]
        for frame in (feed.frame, panel.frames[-1].number):
            feed.add(panel, frame)
            await trio.sleep(1)
        assert panel.frames[before:] == [missed]
        first.cancel()


@pytest.mark.parametrize("frame", [-1, None, "3", 10_000])
async def test_a_frame_nobody_sent_is_answered_with_everything(
    autojump_clock: trio.abc.Clock, frame: object
) -> None:
    """A page may have rows of another life, or talk nonsense."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel, feed.frame)
        job = jobs.submit(trio.sleep, 1)
        await trio.sleep(5)
        feed.add(panel, frame)
        await trio.sleep(1)
        assert panel.kinds == ["changes", "changes", "all"]
        assert panel.states == {job.id: "succeeded"}


async def test_what_went_too_long_ago_is_answered_with_everything(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids of jobs that went are not remembered for ever."""
    monkeypatch.setattr("jobactors_widgets.row_changes.MOST_GONE", 2)
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        await trio.sleep(1)
        has = [feed.frame]
        for _ in range(4):
            job = jobs.submit(trio.sleep, 0)
            await job
            jobs.registry.take(job.id)
            await trio.sleep(1)
            has.append(feed.frame)
        feed.add(panel, has[0])
        await trio.sleep(1)
        assert panel.kinds[-1] == "all"
        feed.add(panel, has[-2])
        await trio.sleep(1)
        assert panel.kinds[-1] == "changes"


async def test_rows_read_before_the_feed_begins_are_not_told_again(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The first batch names every job; only what changed after the reading is news."""
    async with ja.open_jobs() as jobs:
        held = jobs.options(hold=True)
        same, changed = (held.submit(trio.sleep, 1) for _ in range(2))
        feed, panel = ChangeFeed(), FakePanel(jobs)
        rows = feed.rows(jobs, jobs.list())
        changed.cancel()
        ja.lowlevel.attach(jobs, feed.serve)
        feed.add(panel, 0)
        await trio.sleep(1)
        assert [row["number"] for row in rows] == [0, 1]
        assert panel.states == {changed.id: "cancelled"}
        same.cancel()


def moves(frame: FrameMessage) -> list[tuple[int, float, int]]:
    """Number, done and log lines of the jobs that got on."""
    assert len(frame.moved) % MOVED == 0
    return [(number, done, lines) for number, done, _, _, _, lines in unpacked(frame.moved)]


async def test_a_job_that_gets_on_costs_a_few_bytes(autojump_clock: trio.abc.Clock) -> None:
    """Its numbers are sent; its words when they are others; the row when its state is another."""

    async def work() -> None:
        ja.progress(1, 10, "warming up")
        await trio.sleep(1)
        ja.progress(2)
        await trio.sleep(1)
        print("a line")  # noqa: T201
        await trio.sleep(1)
        ja.progress(3, message="getting on", broken=2)
        await trio.sleep(1)

    async with fed_jobs() as (jobs, feed):
        alone = FakePanel(jobs, jobs.submit(work).id)
        panel = FakePanel(jobs)
        feed.add(panel)
        feed.add(alone)
        await trio.sleep(3.5)
        for told in (panel, alone):
            moved, logged, said = told.frames[-3:]
            assert [frame.rows for frame in (moved, logged, said)] == [[], [], []]
            assert [moves(each) for each in (moved, logged, said)] == [
                [(0, 2, 0)],
                [(0, 2, 1)],
                [(0, 3, 1)],
            ]
            assert (moved.said, logged.said) == ([], [])
            assert said.said == [
                (0, {"total": 10, "message": "getting on", "counters": {"broken": 2}} | CAN_PAUSE)
            ]
        await trio.sleep(1)
        assert [row["state"] for row in panel.frames[-1].rows] == ["succeeded"]


async def test_the_end_that_is_expected_does_not_move_while_a_job_only_prints(
    autojump_clock: trio.abc.Clock,
) -> None:
    """It counts from the last progress, in numbers, in a whole row and on a page loaded again."""

    async def work() -> None:
        for step in range(5):
            ja.progress(step, 10)
            await trio.sleep(1)
        await trio.sleep(3)
        print("a line")  # noqa: T201
        await trio.sleep(60)

    began = time.time() - trio.current_time()
    async with ja.open_jobs() as jobs:
        feed = ChangeFeed(clock=lambda: began + trio.current_time())
        ja.lowlevel.attach(jobs, feed.serve)
        panel = FakePanel(jobs)
        feed.add(panel)
        job = jobs.submit(work)
        await trio.sleep(7.5)
        row = feed.rows(jobs, [job.snapshot()])[0]
        await trio.sleep(1)
        *_, (_, _, _, _, left, lines) = unpacked(panel.frames[-1].moved)
        assert lines == 1
        assert began + panel.times[-1] + left == pytest.approx(row["eta"], abs=0.5)
        assert feed.rows(jobs, [job.snapshot()])[0]["eta"] == row["eta"]
        job.cancel()


async def test_words_that_came_and_went_between_two_frames_are_told_again(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The row may have been read in between, and shows them still."""

    async def work() -> None:
        ja.progress(1, message="a")
        await trio.sleep(1)
        for message in ("b", "a"):
            ja.progress(1, message=message)
            await trio.sleep(0.1)
        await trio.sleep(1)

    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        jobs.submit(work)
        await trio.sleep(2)
        said = [words["message"] for frame in panel.frames for _, words in frame.said]
        assert said[-1] == "a"


async def test_numbers_that_fit_nowhere_are_told_as_a_row(autojump_clock: trio.abc.Clock) -> None:
    """A job may count in anything."""

    async def work() -> None:
        ja.progress(1)
        await trio.sleep(1)
        ja.progress(10**100)
        await trio.sleep(1)

    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        jobs.submit(work)
        await trio.sleep(1.5)
        assert [row["done"] for row in panel.frames[-1].rows] == [1e100]


async def test_a_panel_of_one_job_hears_of_that_job_alone(autojump_clock: trio.abc.Clock) -> None:
    """Its frames hold one row, and others cost it nothing."""
    async with fed_jobs() as (jobs, feed):
        mine = jobs.submit(trio.sleep, 5)
        panel = FakePanel(jobs, mine.id)
        feed.add(panel)
        await trio.sleep(1)
        jobs.submit(reports, 10, 0.2)
        await trio.sleep(10)
        assert [[row["id"] for row in frame.rows] for frame in panel.frames[1:]] == [[mine.id]]


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
        last = panel.frames[-1]
        assert (last.full, last.rows, last.gone) == (False, [], [job.id])


async def test_a_job_that_changed_and_went_within_one_frame_is_gone(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Its last row would bring it back."""
    async with fed_jobs() as (jobs, feed):
        panel = FakePanel(jobs)
        feed.add(panel)
        job = jobs.options(hold=True).submit(trio.sleep, 1)
        await trio.sleep(1)
        job.cancel()
        jobs.registry.take(job.id)  # in the same step: no frame can come between
        await trio.sleep(1)
        assert [frame.gone for frame in panel.frames if frame.gone] == [[job.id]]
        assert panel.states == {job.id: "queued"}


async def test_a_panel_that_raises_ends_alone(
    autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken comm costs its own panel, once, and is logged."""

    class Broken(FakePanel):
        def show(self, frame: FrameMessage) -> None:
            super().show(frame)
            raise OSError("no socket")

    async with fed_jobs() as (jobs, feed):
        broken, good = Broken(jobs), FakePanel(jobs)
        feed.add(broken)
        feed.add(good)
        job = jobs.submit(trio.sleep, 3)
        await trio.sleep(5)
        assert broken.kinds == ["all"]
        assert good.states == {job.id: "succeeded"}
    ours = [record for record in caplog.records if record.name == "jobactors_widgets.change_feed"]
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
    """A job that ends in the very last moment is in the last frame."""
    async with fed_jobs() as (jobs, feed):
        panel, alone = FakePanel(jobs), FakePanel(jobs, "nobody")
        feed.add(panel)
        feed.add(alone)
        first = jobs.submit(trio.sleep, 1)
        last = jobs.submit(trio.sleep, 2)
    assert panel.kinds[-1] == "end"
    ended = {row["id"]: row["state"] for row in panel.frames[-1].rows}
    assert ended == {first.id: "succeeded", last.id: "succeeded"}
    assert (alone.kinds[-1], alone.frames[-1].rows) == ("end", [])
