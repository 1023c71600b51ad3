"""A batch is one row in a feed; its items are sent only to a receiver that has it unfolded."""

from __future__ import annotations

import contextlib
import math
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio
from jobactors_widgets.button_commands import BY_HAND, perform
from jobactors_widgets.change_feed import ChangeFeed

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from jobactors_widgets.frame_message import FrameMessage
    from jobactors_widgets.wire import WireRow


TYPES = "jobactors.model.job_type._registered"


class Mirror:
    """Holds the rows of a board as the browser does, and counts what was sent."""

    def __init__(self, jobs: ja.Jobs, feed: ChangeFeed, batch: ja.Batch[Any] | None = None) -> None:
        self.job_id: str | None = None
        self.batch_id = None if batch is None else batch.id
        self._jobs, self._feed, self._batch = jobs, feed, batch
        self.rows: dict[str, WireRow] = {}
        self.sent = 0
        self.has = -1

    def present_rows(self) -> list[WireRow]:
        """Every row."""
        if self._batch is not None:
            return self._feed.rows_of_batch(self, self._batch)
        return self._feed.rows_for(self, self._jobs)

    def show(self, frame: FrameMessage) -> None:
        """Apply a frame."""
        dropped = {*frame.gone, *frame.folded}
        kept = {} if frame.full else self.rows
        self.rows = {
            i: row
            for i, row in kept.items()
            if i not in frame.gone and row.get("batch") not in dropped
        }
        self.rows |= {row["id"]: row for row in frame.rows}
        self.sent += len(frame.rows) + len(frame.moved) // 22
        self.has = frame.number

    def end(self, frame: FrameMessage) -> None:
        """Apply the last frame."""
        self.show(frame)

    @property
    def items(self) -> list[int]:
        """The places of the items that it has."""
        return sorted(row["index"] for row in self.rows.values() if "index" in row)


@contextlib.asynccontextmanager
async def fed_jobs(**options: Any) -> AsyncIterator[tuple[ja.Jobs, ChangeFeed]]:
    """Open a job system with a feed beside it."""
    async with ja.open_jobs(unread_failures="ignore", **options) as jobs:
        feed = ChangeFeed()
        ja.lowlevel.attach(jobs, feed.serve)
        yield jobs, feed


async def fail_on_nine(number: int) -> int:
    """Raise for 9."""
    await trio.sleep(1)
    if number == 9:
        raise ValueError(number)
    return number


async def test_thousands_of_items_cost_a_board_no_more_than_one_row(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Each frame has one row; the last one has the end of all."""
    async with fed_jobs(max_running=150) as (jobs, feed):
        mirror = Mirror(jobs, feed)
        feed.add(mirror)
        batch = jobs.map(fail_on_nine, range(3_000))
        seen: list[tuple[float, float]] = []
        while not batch.done:
            before, frame = mirror.sent, mirror.has
            await trio.sleep(0.5)
            assert mirror.sent - before <= mirror.has - frame
            assert len(mirror.rows) <= 1
            seen += [(row["fraction"], row["total"]) for row in mirror.rows.values()]
        await trio.sleep(1)
        [row] = mirror.rows.values()
        assert row["counts"] == {"succeeded": 2_999, "failed": 1}
        assert (row["state"], row["fraction"], row["unread"]) == ("failed", 1, True)
        assert {total for _, total in seen} == {3_000}
        assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)


async def test_items_come_when_a_batch_is_unfolded_and_go_when_it_is_folded(
    autojump_clock: trio.abc.Clock,
) -> None:
    """To the one receiver that asks, also those that change later."""
    async with fed_jobs() as (jobs, feed):
        mirror, other = Mirror(jobs, feed), Mirror(jobs, feed)
        for receiver in (mirror, other):
            feed.add(receiver)
        batch = jobs.map(fail_on_nine, range(10))
        lone = jobs.submit(trio.sleep, 100)
        await trio.sleep(0.5)
        feed.unfold(mirror, batch.id, True)
        await trio.sleep(0.2)
        assert mirror.items == list(range(10))
        assert list(other.rows) == [batch.id, lone.id]
        await trio.sleep(1)
        assert mirror.rows[batch.jobs[9].id]["state"] == "failed"
        assert mirror.rows[batch.jobs[9].id]["item"] == "9"
        feed.unfold(mirror, batch.id, False)
        await trio.sleep(0.2)
        assert (mirror.items, other.items) == ([], [])
        feed.unfold(mirror, batch.id, True)
        feed.fold_all(mirror)
        feed.add(mirror)
        await trio.sleep(0.2)
        assert mirror.items == []
        again = Mirror(jobs, feed)
        feed.add(again, other.has)  # a page that was loaded again has missed nothing
        await trio.sleep(0.2)
        assert again.rows == {}
        lone.cancel()


async def test_a_receiver_that_missed_frames_gets_the_batches_and_its_open_items(
    autojump_clock: trio.abc.Clock,
) -> None:
    """And no other items; removed ones go."""
    async with fed_jobs() as (jobs, feed):
        mirror = Mirror(jobs, feed)
        feed.add(mirror)
        first, second = jobs.map(fail_on_nine, [1, 9]), jobs.map(fail_on_nine, [2])
        feed.unfold(mirror, first.id, True)
        await trio.sleep(0.5)
        missed, rows = mirror.has, dict(mirror.rows)
        await trio.sleep(2)
        mirror.rows = rows
        feed.add(mirror, missed)
        await trio.sleep(0.2)
        assert {row["state"] for row in mirror.rows.values()} == {"succeeded", "failed"}
        assert mirror.items == [0, 1]
        first.delete()
        await trio.sleep(0.2)
        assert list(mirror.rows) == [second.id]


async def test_the_end_of_an_input_is_a_change_of_its_batch() -> None:
    """Although no job of it has one; so is a pause.  In real time, since a thread takes it in."""
    more = threading.Event()

    async def work(_: int) -> None: ...

    def numbers() -> Iterator[int]:
        yield 1
        more.wait()

    async def shows(state: str) -> WireRow:
        with trio.fail_after(60):
            while batch.id not in mirror.rows or mirror.rows[batch.id]["state"] != state:
                await trio.lowlevel.checkpoint()
        return mirror.rows[batch.id]

    async with fed_jobs() as (jobs, feed):
        mirror = Mirror(jobs, feed)
        feed.add(mirror)
        batch = jobs.map(work, numbers())
        while batch.snapshot().ended < 1:
            await trio.lowlevel.checkpoint()
        assert "total" not in await shows("running")
        batch.pause()
        await shows("paused")
        batch.resume()
        more.set()
        assert (await shows("succeeded"))["total"] == 1


async def test_buttons_command_a_batch_as_a_whole(autojump_clock: trio.abc.Clock) -> None:
    """Cancel, restart failed, read, dismiss; a verb that it has not is refused in words."""
    async with fed_jobs(max_running=2) as (jobs, _):
        batch = jobs.map(fail_on_nine, [9, 1, 2, 3])
        await trio.sleep(1.5)
        assert perform(jobs, "restart_failed", batch.id)["ok"]
        assert batch.snapshot().failed == 0
        assert perform(jobs, "cancel", batch.id)["ok"]
        await trio.sleep(0.1)
        assert batch.jobs[3].snapshot().reason == BY_HAND
        assert batch.state == "cancelled"
        assert "knows no 'tell'" in perform(jobs, "tell", batch.id)["why"]
        failed = jobs.map(fail_on_nine, [9])
        await trio.sleep(2)
        assert failed.snapshot().unread == 1
        perform(jobs, "read", failed.id)
        assert failed.snapshot().unread == 0
        assert perform(jobs, "dismiss", batch.id)["ok"]
        assert [shown.id for shown in jobs.batches()] == [failed.id]


async def test_a_dismissed_item_does_not_bring_the_jobs_back_that_it_continues(
    autojump_clock: trio.abc.Clock,
) -> None:
    """These were not shown beside it; those of other items, and other jobs, stay."""
    async with fed_jobs() as (jobs, _):
        alone = jobs.submit(fail_on_nine, 9)
        batch = jobs.map(fail_on_nine, [9, 1])
        await trio.sleep(1.5)
        again = alone.restart()
        for _again in range(2):
            batch.restart_failed()
            await trio.sleep(1.5)
        assert len(jobs.list()) == 6
        assert perform(jobs, "dismiss", batch.jobs[0].id)["ok"]
        assert perform(jobs, "dismiss", again.id)["ok"]
        assert [shown.id for shown in jobs.list()] == [alone.id, batch.jobs[1].id]


async def test_a_resume_of_a_batch_answers_what_cannot_go_on() -> None:
    """Its function has a name in no module, so that the next process does not find it."""
    store = ja.MemoryStore()

    async def rest(_number: int) -> None:
        await trio.sleep_forever()

    async with ja.open_jobs(store=store) as jobs:
        batch = jobs.map(rest, [1, 2])
        await jobs.close(0)
    async with ja.open_jobs(store=store) as jobs:
        stopped_at = jobs.batch(batch.id).snapshot().stopped_at
        answered = perform(jobs, "resume", batch.id)
        assert answered["why"].startswith("2 of 2 jobs cannot go on: ")
        assert "@ja.job" in answered["why"]
        assert jobs.batch(batch.id).snapshot().stopped_at == stopped_at
        jobs.batch(batch.id).cancel()


async def test_a_batch_names_its_missing_type_until_a_cell_declares_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In its own row, also while it is folded."""
    store = ja.MemoryStore()

    async def rest(number: int) -> int:
        await trio.sleep(0 if number == 3 else math.inf)
        return number

    monkeypatch.setattr(TYPES, {})
    async with ja.open_jobs(store=store) as jobs:
        batch = jobs.map(ja.job("rest of a batch")(rest), [1, 2, 3])
        await batch.jobs[2]
        await jobs.close(0)
    monkeypatch.setattr(TYPES, {})
    async with fed_jobs(store=store) as (jobs, feed):
        mirror = Mirror(jobs, feed)
        [row] = mirror.present_rows()
        assert "'rest of a batch' is not registered yet" in row["obstacle"]
        feed.add(mirror)
        with trio.fail_after(60):
            while not mirror.rows:
                await trio.lowlevel.checkpoint()
        assert "obstacle" in mirror.rows[batch.id]
        ja.job("rest of a batch")(rest)
        feed.look_again()
        with trio.fail_after(60):
            while "obstacle" in mirror.rows[batch.id]:
                await trio.lowlevel.checkpoint()
        jobs.batch(batch.id).cancel()


@pytest.mark.parametrize("message", [3, None, ["x"]])
async def test_an_unknown_batch_is_unfolded_without_harm(message: Any) -> None:
    """A browser is not trusted."""
    async with fed_jobs() as (jobs, feed):
        mirror = Mirror(jobs, feed)
        feed.add(mirror)
        feed.unfold(mirror, message, True)
        feed.unfold(mirror, "nothing", True)
        feed.unfold(Mirror(jobs, feed), "nothing", True)


async def test_a_batch_panel_has_its_row_and_the_items_that_are_unfolded(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Nothing else of the system."""
    async with fed_jobs() as (jobs, feed):
        batch = jobs.map(fail_on_nine, [1, 2])
        jobs.submit(trio.sleep, 3)
        mirror = Mirror(jobs, feed, batch)
        feed.add(mirror)
        await trio.sleep(0.2)
        assert list(mirror.rows) == [batch.id]
        feed.unfold(mirror, batch.id, True)
        await trio.sleep(0.2)
        assert mirror.items == [0, 1]
    assert {row["state"] for row in mirror.rows.values()} == {"succeeded"}
    assert len(mirror.rows) == 3
