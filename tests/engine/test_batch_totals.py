"""A batch as one thing: totals, names of its items, commands on the whole, groups."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def fail_on_odd(number: int) -> int:
    """Raise for odd numbers."""
    await trio.lowlevel.checkpoint()
    if number % 2:
        raise ValueError(number)
    return number


async def test_a_batch_knows_its_total_although_few_of_its_jobs_are_submitted() -> None:
    """A list, a deque (which has a length), and two inputs of which the shorter one counts."""
    go_on = trio.Event()

    async def wait(*_: int) -> None:
        await go_on.wait()

    async with ja.open_jobs(max_running=2) as jobs:
        batches = [
            jobs.map(wait, range(200)),
            jobs.map(wait, deque(range(200))),
            jobs.map(wait, range(200), [1] * 300),
            jobs.map(wait, range(200), name=str),
        ]
        for batch in batches:
            while not batch.jobs:
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            assert batch.snapshot().total == 200
            assert batch.snapshot().submitted < 200
            assert batch.progress.fraction == 0
        go_on.set()
    assert [batch.progress.fraction for batch in batches] == [1, 1, 1, 1]
    assert batches[0].snapshot().counted == "200 of 200"


async def test_a_generator_has_no_total_until_it_has_ended() -> None:
    """Its count is "2 so far", and it has no fraction."""
    go_on = threading.Event()

    def numbers() -> Iterator[int]:
        yield from (0, 2)
        go_on.wait()

    async with ja.open_jobs() as jobs:
        batch = jobs.map(fail_on_odd, numbers())
        while batch.snapshot().succeeded < 2:
            await trio.lowlevel.checkpoint()
        assert batch.snapshot().counted == "2 so far"
        assert batch.progress.fraction is None
        assert batch.snapshot().state == "running"
        go_on.set()
    assert batch.snapshot().counted == "2 of 2"
    assert batch.state is ja.JobState.SUCCEEDED


async def test_jobs_that_retention_has_dropped_are_counted_all_the_same() -> None:
    """Reading a result lets its job go; the batch remembers it."""
    retention = ja.Retention(read=1)
    async with ja.open_jobs(retention=retention) as jobs:
        batch = jobs.map(fail_on_odd, range(0, 40, 2))
        await batch
        await trio.testing.wait_all_tasks_blocked()
        assert len(jobs) == 1
        [shown] = jobs.batches()
        assert (shown.succeeded, shown.total, shown.progress.percent) == (20, 20, 100)
        assert shown.ends == "20 succeeded"


async def test_a_batch_reports_the_progress_of_jobs_at_work() -> None:
    """One ended, one half way: three quarters; a retry takes nothing back."""
    half, again, go_on = trio.Event(), trio.Event(), trio.Event()

    async def work(number: int) -> None:
        context = ja.current_job()
        if number == 0:
            return
        if context.attempt == 1:
            ja.progress(1, 2)
            half.set()
            await go_on.wait()
            raise OSError
        again.set()
        await trio.sleep_forever()

    async with ja.open_jobs() as jobs:
        batch = jobs.options(retry=ja.Retry(max=2, base=0)).map(work, [0, 1])
        await half.wait()
        while batch.progress.fraction != 0.75:
            await trio.lowlevel.checkpoint()
        go_on.set()
        await again.wait()
        assert batch.progress.fraction == 0.75
        batch.cancel()


async def test_the_time_left_follows_from_the_ends_so_far(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two jobs a second, a hundred to go: fifty seconds."""
    async with ja.open_jobs(max_running=2) as jobs:
        batch = jobs.map(trio.sleep, [1] * 120)
        await trio.sleep(10.5)
        assert batch.progress.done == 20
        assert batch.progress.rate == pytest.approx(2, rel=0.1)
        assert batch.progress.time_left == pytest.approx(50, rel=0.1)
        batch.cancel()
    assert batch.progress.time_left is None


async def test_items_have_their_place_and_a_short_text() -> None:
    """Plain values are written out, other objects by their class; none of their code runs."""

    class Patient:
        def __repr__(self) -> str:
            raise AssertionError("its repr was called")

        __str__ = __repr__

    class Hostile(type):
        def __hash__(cls) -> int:
            raise AssertionError("its class was hashed")

    class Odd(metaclass=Hostile):
        pass

    items: list[Any] = [
        "cat.png",
        7,
        None,
        PurePosixPath("a/b.png"),
        [1, 2, 3, 4],
        {"a": 1},
        Patient(),
        Odd(),
        "one\ntwo",
        10**1000,
    ]

    async def look(_: Any) -> None: ...

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        batch = jobs.map(look, items)
        assert [job.info.item for job in batch.jobs] == [
            "cat.png",
            "7",
            "None",
            "a/b.png",
            "[1, 2, 3, …]",
            "{a: 1}",
            "Patient",
            "Odd",
            "one two",
            "int",
        ]
        assert batch.jobs[1].info.label.endswith("look[1] 7")
        assert batch.jobs[0].snapshot().to_dict()["index"] == 0
        [long] = jobs.map(look, ["/very/long/" * 30 + "end.png"]).jobs
        assert len(long.info.item) == 60
        assert long.info.item.endswith("long/end.png")


async def test_the_batch_of_a_job_type_has_its_label() -> None:
    """Where that is made of arguments it is each job's own, and the batch has the type's name."""

    @ja.job("embed", label="Embed a text")
    async def embed_text(text: str) -> None: ...

    @ja.job("weigh", label=lambda text: f"Weigh {text}")
    async def weigh_text(text: str) -> None: ...

    async with ja.open_jobs() as jobs:
        batches = [jobs.map(work, ["a"]) for work in (embed_text, weigh_text)]
        for batch in batches:
            await batch
        names = [(batch.snapshot().name, batch.snapshot().type) for batch in batches]
        assert names == [("Embed a text", "embed"), ("weigh", "weigh")]


async def test_private_arguments_are_in_no_text() -> None:
    """By place, and by name."""

    async def log_in(user: str, token: str) -> None: ...

    async with ja.open_jobs() as jobs:
        private = jobs.options(private={"token"})
        batch = private.map(log_in, ["ada"], ["secret"])
        assert [job.info.item for job in batch.jobs] == ["ada"]
        await batch
        nightly = jobs.group("nightly")
        job = nightly.options(private={"token"}).submit(log_in, "ada", token="secret")  # noqa: S106
        assert job.info.label.endswith("log_in ada")
        await job


async def test_arguments_that_all_have_in_common_tell_no_item_from_another() -> None:
    """Nor has a job that a function has named a second name."""

    async def crop(path: str, *, width: int) -> None: ...

    async with ja.open_jobs() as jobs:
        batch = jobs.map(crop, ["a.png"], width=640)
        assert batch.jobs[0].info.item == "a.png"
        named = jobs.map(crop, ["b.png"], width=640, name=lambda path: f"crop {path}")
        await named
        assert named.jobs[0].info.label == "crop b.png[0]"


async def test_failed_jobs_are_restarted_in_their_place() -> None:
    """And count once; those that succeed then are in the results."""
    broken = {1, 3}

    async def work(number: int) -> int:
        await trio.lowlevel.checkpoint()
        if number in broken:
            raise ValueError(number)
        return number

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        batch = jobs.map(work, range(5))
        ended = [job async for job in batch]
        assert len(ended) == 5
        assert batch.snapshot().ends == "3 succeeded, 2 failed"
        assert batch.state is ja.JobState.FAILED
        assert {place: error.type for place, error in batch.errors.items()} == {
            1: "ValueError",
            3: "ValueError",
        }
        assert batch.counts["failed"] == 2  # type: ignore[index]
        broken.remove(1)
        first, second = batch.restart_failed()
        assert (first.info.batch, first.info.index, second.info.index) == (batch.id, 1, 3)
        assert not batch.done
        with pytest.raises(ValueError, match="3"):
            await batch
        assert batch.snapshot().ends == "4 succeeded, 1 failed"
        assert batch.jobs[1] == first
        broken.clear()
        batch.jobs[3].restart()
        assert await batch == [0, 1, 2, 3, 4]
        assert batch.snapshot().counted == "5 of 5"
        assert batch.snapshot().error is None


async def test_a_pause_holds_what_waits_and_stops_the_intake(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A resume lets all of it go on."""

    async def work(_: int) -> None:
        async for _ in ja.track(range(10)):
            await trio.sleep(1)

    async with ja.open_jobs(max_running=2) as jobs:
        batch = jobs.map(work, range(20), intake=4)
        await trio.sleep(2.5)
        batch.pause()
        await trio.sleep(100)
        assert batch.snapshot().state == "paused"
        assert len(batch) == 4
        assert batch.counts[ja.JobState.RUNNING] == 0
        assert batch.snapshot().elapsed(1e12) == pytest.approx(3, abs=1)
        batch.resume()
        await batch
    assert batch.state is ja.JobState.SUCCEEDED


async def test_a_cancelled_batch_still_states_how_many_there_would_have_been() -> None:
    """It has not come to its end."""
    async with ja.open_jobs(max_running=1) as jobs:
        batch = jobs.map(trio.sleep, [9e9] * 50)
        batch.cancel("enough")
    assert batch.state is ja.JobState.CANCELLED
    assert batch.snapshot().total == 50
    assert batch.progress.fraction is not None
    assert batch.progress.fraction < 0.5
    assert batch.done


async def test_an_input_that_raises_is_the_error_of_its_batch() -> None:
    """Although no job of it has failed."""

    def broken() -> Iterator[int]:
        yield 2
        raise OSError("disk gone")

    async with ja.open_jobs() as jobs:
        batch = jobs.map(fail_on_odd, broken())
        with pytest.raises(OSError, match="disk gone"):
            await batch
        shown = batch.snapshot()
        assert shown.state is ja.JobState.FAILED
        assert shown.error is not None
        assert shown.error.message == "disk gone"


async def test_a_group_is_one_batch_of_jobs_of_all_kinds() -> None:
    """Submitted one by one, with options, and by a map; the same handle for the same name."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        nightly = jobs.group("nightly")
        nightly.submit(fail_on_odd, 2)
        nightly.options(subject="wiki").submit(fail_on_odd, 3)
        part = nightly.map(fail_on_odd, [4, 6, 8])
        await part
        with pytest.raises(ValueError, match="3"):
            await nightly
        assert len(nightly) == 5
        assert (part.snapshot().total, nightly.snapshot().total) == (3, 5)
        assert jobs.group("nightly") is nightly
        assert [batch.id for batch in jobs.batches()] == ["nightly"]
        assert nightly.snapshot().ends == "4 succeeded, 1 failed"
        assert repr(nightly) == "<Group nightly: 5 of 5 jobs ended, 1 failed>"
        assert jobs.batch("nightly") is nightly
    with pytest.raises(ValueError, match="not empty"):
        jobs.group("")
    with pytest.raises(TypeError, match="is text"):
        jobs.group(3)  # type: ignore[arg-type]


async def test_a_batch_is_found_by_the_id_in_its_jobs() -> None:
    """The one that takes its input in, or a new handle of what is here; else an error."""
    async with ja.open_jobs(max_running=1) as jobs:
        batch = jobs.map(trio.sleep, [0, 0])
        assert jobs.batch(batch.jobs[0].info.batch) is batch
        assert batch.jobs[0] in batch
        await batch
        with pytest.raises(ja.UnknownJob):
            jobs.batch("nothing-1-abc")


def test_a_cell_gets_results_and_exceptions_in_the_order_of_the_input() -> None:
    """``results(return_exceptions=True)``."""
    jobs = ja.start(display=None)
    try:
        batch = jobs.map(fail_on_odd, [2, 3, 4])
        two, three, four = batch.results(30, return_exceptions=True)
        assert (two, four) == (2, 4)
        assert isinstance(three, ValueError)
        with pytest.raises(ValueError, match="3"):
            batch.results(30)
    finally:
        ja.stop(grace=0)


async def test_ended_jobs_that_are_not_loaded_are_counted_in_the_next_process(
    tmp_path: Any,
) -> None:
    """Though a store is opened with the newest few alone."""
    path, retention = tmp_path / "jobs.db", ja.Retention(read=5)

    @ja.job("quick for a batch")
    async def quick(number: int) -> None:
        if number >= 20:
            await trio.sleep_forever()

    async with ja.open_jobs(store=path, max_running=2) as jobs:
        batch = jobs.map(quick, range(30))
        while batch.snapshot().succeeded < 20:
            await trio.lowlevel.checkpoint()
        await jobs.close()
    async with ja.open_jobs(store=path, retention=retention) as jobs:
        [shown] = jobs.batches()
        assert len(jobs) < 20
        assert (shown.succeeded, shown.counted, shown.lost) == (20, "20 of 24", 6)
        jobs.batch(shown.id).discard()


def copy_of(store: Path, copy: Path) -> Path:
    """Copy a store as it is at this moment, while a process works on it."""
    with closing(sqlite3.connect(store)) as here, closing(sqlite3.connect(copy)) as there:
        here.backup(there)
    return copy


async def test_a_batch_is_whole_again_in_the_next_process(tmp_path: Any) -> None:
    """Its ended jobs, those at rest, and the total; a resume goes on with them."""
    path = tmp_path / "jobs.db"

    @ja.job("nap for a batch")
    async def nap(number: int) -> int:
        if number:
            await trio.sleep_forever()
        return number

    async with ja.open_jobs(store=path, max_running=2) as jobs:
        batch = jobs.map(nap, [0, 1, 2, 3, 4, 5], intake=3)
        while batch.snapshot().succeeded < 1:
            await trio.lowlevel.checkpoint()
        await jobs.close()
    async with ja.open_jobs(store=path, unread_failures="ignore") as jobs:
        [shown] = jobs.batches()
        assert shown.name == "nap for a batch"
        assert (shown.counted, shown.succeeded, shown.total) == ("1 of 4", 1, 4)
        assert shown.lost == 2  # of the input: they were never submitted
        assert shown.state is ja.JobState.INTERRUPTED
        again = jobs.batch(shown.id)
        assert [job.info.index for job in again.jobs] == [0, 1, 2, 3]
        again.resume()
        await trio.testing.wait_all_tasks_blocked()
        assert again.state is ja.JobState.RUNNING
        assert not again.done
        again.cancel()


@pytest.mark.parametrize("is_killed", [True, False])
@pytest.mark.parametrize("is_sized", [True, False])
async def test_a_batch_whose_process_has_gone_states_what_of_its_input_is_gone(
    is_sized: bool, is_killed: bool, tmp_path: Path
) -> None:
    """What was submitted is resumed and makes the whole; the rest is named, never awaited."""
    store, go_on = tmp_path / "jobs.db", trio.Event()

    @ja.job("measure for a batch that is cut off")
    async def measure(number: int) -> int:
        if number:
            await go_on.wait()
        return number

    numbers = range(20)
    given = numbers if is_sized else iter(numbers)
    async with ja.open_jobs(store=store, max_running=2) as jobs:
        batch = jobs.map(measure, given, intake=4)
        submitted = 5
        while len(batch) < submitted or not batch.snapshot().ended:
            await trio.lowlevel.checkpoint()
        assert (batch.snapshot().lost, batch.snapshot().cut_off) == (0, "")
        if is_killed:  # then nothing is written at the end
            for job in batch.jobs:
                await job.stored()
            store = copy_of(store, tmp_path / "left.db")
        await jobs.close(0)
    async with ja.open_jobs(store=store, max_running=2) as jobs:
        [shown] = jobs.batches()
        assert shown.state is ja.JobState.INTERRUPTED
        assert shown.lost == (20 - submitted if is_sized else None)
        told = f"{submitted} of 20 submitted" if is_sized else f"{submitted} submitted"
        assert shown.cut_off.startswith(f"{told}; the rest of the input")
        assert told in repr(shown)
        go_on.set()
        found = jobs.batch(shown.id)
        found.resume()
        await found
        [shown] = jobs.batches()
        assert shown.state is ja.JobState.SUCCEEDED
        assert shown.counted == f"{submitted} of {submitted}"
        assert bool(shown.cut_off) is is_sized
    async with ja.open_jobs(store=store) as jobs:
        [later] = jobs.batches()
        assert (later.counted, later.cut_off) == (shown.counted, shown.cut_off)


async def test_an_input_that_is_taken_in_at_once_is_stored_whole() -> None:
    """With the intake for it: then nothing of it is gone."""
    store = ja.MemoryStore()

    @ja.job("rest in a batch")
    async def rest(_number: int) -> None:
        await trio.sleep_forever()

    async with ja.open_jobs(store=store, max_running=2) as jobs:
        jobs.map(rest, range(19), intake=19)
        await jobs.close(0)
    async with ja.open_jobs(store=store) as jobs:
        [shown] = jobs.batches()
        assert (shown.submitted, shown.total, shown.lost, shown.cut_off) == (19, 19, 0, "")
        jobs.batch(shown.id).cancel()
