"""``map`` and ``select``: many jobs handled as one."""

from __future__ import annotations

import itertools
import threading
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


async def double(number: int) -> int:
    """Twice the number."""
    await trio.lowlevel.checkpoint()
    return 2 * number


async def test_a_batch_gives_results_in_input_order_and_jobs_as_they_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """``await batch`` and ``async for job in batch``."""

    async def nap(seconds: int) -> int:
        await trio.sleep(seconds)
        return seconds

    async with ja.open_jobs() as jobs:
        batch = jobs.map(nap, [3, 1, 2])
        assert [await job async for job in batch] == [1, 2, 3]
        assert await batch == [3, 1, 2]
        assert repr(batch) == "<Batch nap: 3 of 3 jobs ended>"


async def test_the_intake_is_bounded_so_the_input_may_be_endless() -> None:
    """Never more jobs under way than ``intake``; a cancel ends the intake too."""
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    async with ja.open_jobs() as jobs:
        batch = jobs.map(double, numbers(), intake=4)
        seen = 0
        async for _ in batch:
            seen += 1
            assert sum(not job.state.is_terminal for job in batch.jobs) <= 4
            if seen == 20:
                break
        batch.cancel("enough")
    assert len(taken) == len(batch)
    assert all(job.state.is_terminal for job in batch.jobs)


async def test_an_input_that_blocks_does_not_block_the_loop() -> None:
    """It is gone through in a thread, in the caller's context; the block's end waits for it."""
    go_on, threads = threading.Event(), set[int]()
    subject: ContextVar[str] = ContextVar("subject", default="")

    def slow() -> Iterator[int]:
        for number in range(3):
            threads.add(threading.get_ident())
            go_on.wait()
            yield number

    async def tell(number: int) -> tuple[int, str]:
        return number, subject.get()

    async with ja.open_jobs() as jobs:
        subject.set("wiki")
        batch = jobs.map(tell, slow(), intake=1)
        assert await jobs.submit(double, 4) == 8
        assert len(batch) == 0
        go_on.set()
    assert [await job for job in batch.jobs] == [(0, "wiki"), (1, "wiki"), (2, "wiki")]
    assert threading.get_ident() not in threads


def test_outside_the_loop_the_first_input_is_taken_in_the_calling_thread() -> None:
    """So that an object which belongs to it can be gone through; the jobs are there at once."""
    jobs = ja.start(display=None)
    try:
        threads: list[int] = []

        def numbers() -> Iterator[int]:
            for number in range(4):
                threads.append(threading.get_ident())
                yield number

        batch = jobs.map(double, numbers())
        assert len(batch) == 4
        assert set(threads) == {threading.get_ident()}
        assert batch.result(timedelta(seconds=30)) == [0, 2, 4, 6]
    finally:
        ja.stop(0)


async def test_an_input_is_left_when_the_system_closes() -> None:
    """The reader is told, and the input goes no further."""
    more, asked = threading.Event(), threading.Event()

    def numbers() -> Iterator[int]:
        yield 1
        asked.set()
        more.wait()
        yield 2
        raise AssertionError("it was gone through to its end")

    with pytest.raises(LookupError):  # noqa: PT012 - the block's own
        async with ja.open_jobs() as jobs:
            batch = jobs.map(double, numbers())
            await trio.to_thread.run_sync(asked.wait)
            raise LookupError
    more.set()
    with pytest.raises((ja.JobsClosed, ja.JobCancelled)):
        await batch


async def test_names_of_jobs_follow_from_their_items() -> None:
    """And arguments by name are the same for all."""

    async def crop(path: str, *, width: int) -> str:
        return f"{path}:{width}"

    async with ja.open_jobs() as jobs:
        batch = jobs.map(crop, ["a.png", "b.png"], name=lambda path: f"crop {path}", width=3)
        assert await batch == ["a.png:3", "b.png:3"]
        assert [job.name for job in batch.jobs] == ["crop a.png", "crop b.png"]
        assert [job.name for job in jobs.map(double, [1, 2], name="twice").jobs] == ["twice"] * 2
        with pytest.raises(ZeroDivisionError):
            await jobs.map(double, [1, 0], name=lambda n: str(1 // n))


async def test_an_input_that_raises_is_told_to_the_reader() -> None:
    """Jobs submitted before go on."""

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("disk gone")

    async with ja.open_jobs() as jobs:
        batch = jobs.map(double, broken())
        with pytest.raises(OSError, match="disk gone"):
            await batch
        assert [await job for job in batch.jobs] == [2]


def test_a_cell_reads_a_batch_in_its_own_thread() -> None:
    """``for job in batch`` and ``batch.result(timeout)``."""
    jobs = ja.start()
    try:
        batch = jobs.map(lambda a, b: a + b, [1, 2], [10, 20])
        assert batch.result(30) == [11, 22]
        assert sorted(job.result() for job in batch) == [11, 22]
    finally:
        ja.stop(grace=0)


async def test_blocking_on_a_batch_in_the_loop_is_refused() -> None:
    """The error names what to write instead."""
    async with ja.open_jobs() as jobs:
        batch = jobs.map(double, [1])
        with pytest.raises(ja.WrongThread, match="await batch"):
            batch.result()


async def test_a_selection_tells_all_that_match() -> None:
    """Hold, release, cancel, delete; those to which it does not apply are left alone."""
    async with ja.open_jobs(max_running=1) as jobs:
        running = jobs.options(tags="x").submit(trio.sleep_forever)
        queued = [jobs.options(tags="x").submit(double, n) for n in range(3)]
        other = jobs.options(tags="y").submit(double, 9)
        assert [s.id for s in jobs.queue()] == [job.id for job in (*queued, other)]
        chosen = jobs.select(tag="x")
        assert len(chosen.hold()) == 3
        assert {job.snapshot().waiting for job in queued} == {ja.Waiting.HOLD}
        assert len(chosen.release()) == 3
        assert len(chosen.cancel("cleared")) == 4
        assert await other == 18
        assert running.state == "cancelled"
        assert len(chosen.delete()) == 4
        assert [snapshot.id for snapshot in jobs.list()] == [other.id]


async def test_pausing_all_and_resuming_them(autojump_clock: trio.testing.MockClock) -> None:
    """By one call each."""

    async def loop() -> None:
        async for _ in ja.track(range(10)):
            await trio.sleep(1)

    async with ja.open_jobs() as jobs:
        batch = jobs.map(lambda _: None, [])
        assert await batch == []
        loops = [jobs.submit(loop) for _ in range(3)]
        await trio.sleep(2.5)
        jobs.select(type="loop").pause()
        await trio.sleep(5)
        assert {job.state for job in loops} == {ja.JobState.PAUSED}
        jobs.select(state="paused").resume()
    assert {job.state for job in loops} == {ja.JobState.SUCCEEDED}


async def test_restart_makes_a_new_job_that_continues_the_old_one() -> None:
    """Same function, arguments and options; refused while it runs."""
    async with ja.open_jobs() as jobs:
        old = jobs.options(subject="wiki", name="n").submit(double, 4)
        with pytest.raises(ja.IllegalVerb):
            old.restart()
        await old
        new = old.restart()
        assert await new == 8
        assert (new.info.continues, new.info.subject, new.name) == (old.id, "wiki", "n")
        assert new.id != old.id


@pytest.mark.parametrize("way", ["await", "async for", "result", "for"])
async def test_a_batch_inside_a_job_lends_its_slot(way: str) -> None:
    """One slot is enough for a job and all the jobs it maps."""
    async with ja.open_jobs(max_running=1) as jobs:

        async def in_trio() -> list[int]:
            batch = jobs.map(double, [1, 2, 3])
            if way == "await":
                return await batch
            return [await job async for job in batch]

        def in_thread() -> list[int]:
            batch = jobs.map(double, [1, 2, 3])
            if way == "result":
                return batch.result(timeout=60)
            return [job.result() for job in batch]

        with trio.fail_after(60):
            work: Callable[[], Any] = in_trio if way in {"await", "async for"} else in_thread
            assert sorted(await jobs.submit(work)) == [2, 4, 6]
        assert not jobs._system.parts.queue.waits


async def test_a_batch_whose_jobs_all_wait_for_their_reader_is_a_circle() -> None:
    """One that can end is news; the others are refused when it has ended."""

    async def read_both() -> None:
        needy = jobs.options(resources="r").submit(double, 1)
        ended = aiter(jobs.map(follow, [None, ja.handle(needy)]))  # type: ignore[arg-type]
        await trio.testing.wait_all_tasks_blocked()
        assert await (await anext(ended)) == 0
        with pytest.raises(ja.Deadlock, match="holds 'r' and waits for follow-"):
            await anext(ended)

    async def follow(job: ja.Job[int] | None) -> int:
        return 0 if job is None else await job

    async with ja.open_jobs() as jobs:
        await jobs.options(resources="r").submit(read_both)


async def test_two_inputs_that_are_one_job_by_their_key_both_end() -> None:
    """The batch ends, and gives that job twice."""
    async with ja.open_jobs() as jobs:
        batch = jobs.options(key="one").map(double, [4, 4])
        assert await batch == [8, 8]
        assert len(batch) == 2


async def started(jobs: ja.Jobs, number: int) -> None:
    """Wait until so many jobs have started."""
    async with jobs.subscribe(ja.JobRestated, ja.JobStarted) as events:
        async for _ in events:
            if len(jobs.list(state="running")) == number:
                return


async def test_cancelling_all_jobs_of_a_map_that_nothing_holds_stops_its_intake() -> None:
    """The block could not end otherwise.  A selection of other jobs leaves it going on."""
    async with ja.open_jobs() as jobs:
        jobs.options(tags=["first", "all"]).map(trio.sleep, itertools.repeat(1000), intake=3)
        jobs.options(tags="all").map(trio.sleep, itertools.repeat(1000), intake=3)
        await started(jobs, 6)
        assert len(jobs.select(tag="first").cancel()) == 3
        assert sorted(batch.is_open for batch in jobs.batches()) == [False, True]
        jobs.select(state="unfinished", tag="all").cancel()
    assert len(jobs.list(state="cancelled")) == 6


async def test_a_cancel_of_some_of_its_jobs_leaves_the_intake_of_a_map_open() -> None:
    """Others take their places."""
    async with ja.open_jobs(max_running=1) as jobs:
        batch = jobs.map(trio.sleep, itertools.repeat(1000), intake=3)
        await started(jobs, 1)
        assert len(jobs.select(state="running").cancel()) == 1
        await started(jobs, 1)
        assert batch.snapshot().is_open
        batch.cancel()


async def test_cancelling_a_group_stops_the_intake_of_its_maps() -> None:
    """The block could not end otherwise."""
    async with ja.open_jobs() as jobs:
        group = jobs.group("nightly")
        group.map(trio.sleep, itertools.repeat(1000), intake=3)
        await started(jobs, 3)
        group.cancel()
    assert [job.state for job in group.jobs] == [ja.JobState.CANCELLED] * 3
