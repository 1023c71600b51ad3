"""``ja.as_completed``, ``ja.gather`` and ``ja.wait``, from trio, asyncio and threads."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


async def nap(seconds: float) -> float:
    """Sleep for so long."""
    await trio.sleep(seconds)
    return seconds


async def fail(seconds: float) -> None:
    """Raise after so many seconds."""
    await trio.sleep(seconds)
    raise ValueError(seconds)


async def read(ended: Any, into: list[Any]) -> None:
    """Note the jobs that come."""
    async for job in ended:
        into.append(job)  # noqa: PERF401 - it may raise before the end


@pytest.fixture
def started() -> Iterator[ja.Jobs]:
    """A system beside this thread."""
    yield ja.start(display=None, max_running=None)
    ja.stop(grace=0)


async def test_jobs_come_in_the_order_of_their_ends(autojump_clock: trio.testing.MockClock) -> None:
    """Those of a batch among them, too; one that is given twice comes twice."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        awaited: list[Any]
        three, one = jobs.submit(nap, 3), jobs.submit(nap, 1)
        batch = jobs.map(nap, [2, 4])
        failed = jobs.submit(fail, 5)
        awaited = [three, one, batch, failed, one]
        ended = [job async for job in ja.as_completed(awaited)]
        assert [job.info.type for job in ended] == ["nap"] * 5 + ["fail"]
        assert [await job for job in ended[:-1]] == [1, 1, 2, 3, 4]
        assert not failed.snapshot().read
        assert [job async for job in ja.as_completed(batch)] == batch.jobs
        none: list[ja.Job[int]] = []
        assert [job async for job in ja.as_completed(none)] == []


async def test_the_time_for_all_of_them_may_be_limited(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Those that end in time come; the others go on."""
    async with ja.open_jobs() as jobs:
        short, long = jobs.submit(nap, 1), jobs.submit(nap, 100)
        came: list[Any] = []
        with pytest.raises(TimeoutError, match="1 of 2 have ended in time; the others go on"):
            await read(ja.as_completed([long, short], timeout=10), came)
        assert came == [short]
        assert await long == 100


async def test_results_are_gathered_in_the_order_given(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A batch gives a list; exceptions take the place of results if asked."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        first, second = jobs.submit(nap, 3), jobs.submit(nap, 1)
        assert await ja.gather(first, second) == [3, 1]
        assert await ja.gather(jobs.map(nap, [2, 1]), first) == [[2, 1], 3]
        one, error = await ja.gather(second, jobs.submit(fail, 1), return_exceptions=True)
        assert one == 1
        assert isinstance(error, ValueError)
        assert await ja.gather() == []
        batch = jobs.map(fail, [0])
        [[error]] = await ja.gather(batch, return_exceptions=True)
        assert isinstance(error, ValueError)


async def test_the_first_failure_is_raised_at_once_and_the_others_go_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nor does a cancelled wait cancel anything."""
    async with ja.open_jobs() as jobs:
        slow, broken = jobs.submit(nap, 100), jobs.submit(fail, 1)
        with pytest.raises(ValueError, match="1"):
            await ja.gather(slow, broken)
        assert trio.current_time() < 50
        with trio.move_on_after(1):
            await ja.gather(slow)
        assert slow.state == "running"
        cancelled = jobs.submit(nap, 100)
        cancelled.cancel()
        with pytest.raises(ja.JobCancelled):
            await ja.gather(slow, cancelled)


async def test_a_wait_ends_with_all_or_with_the_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """And gives what has ended and what has not, in the order given."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        slow, broken, batch = jobs.submit(nap, 9), jobs.submit(fail, 1), jobs.map(nap, [2, 3])
        assert await ja.wait([slow, broken, batch], first=True) == ([broken], [slow, batch])
        done, pending = await ja.wait([slow, broken, batch])
        assert (done, pending) == ([slow, broken, batch], [])
        assert await ja.wait([], first=True) == ([], [])
        assert not broken.snapshot().read


def test_threads_wait_by_result_and_for(started: ja.Jobs) -> None:
    """The same calls."""
    jobs = started
    fast, slow = jobs.submit(nap, 0), jobs.submit(trio.sleep_forever)
    assert ja.wait([slow, fast], first=True).result(30) == ([fast], [slow])
    assert ja.gather(fast).result(30) == [0]
    assert next(iter(ja.as_completed([slow, fast], timeout=30))) == fast
    with pytest.raises(TimeoutError, match="0 of 1"):
        ja.wait([slow]).result(0.01)
    with pytest.raises(TimeoutError):
        list(ja.as_completed([slow], timeout=0.01))
    slow.cancel()
    assert ja.gather(slow, return_exceptions=True).result(30)[0].args


def test_asyncio_waits_for_them(started: ja.Jobs) -> None:
    """By ``await`` and ``async for``, with a timeout of its own."""

    async def main() -> None:
        jobs = started
        fast, slow = jobs.submit(nap, 0), jobs.submit(trio.sleep_forever)
        assert [job async for job in ja.as_completed([fast])] == [fast]
        assert await ja.gather(fast) == [0]
        assert await ja.wait([slow, fast], first=True) == ([fast], [slow])
        with pytest.raises(TimeoutError):
            async for _ in ja.as_completed([slow], timeout=0.01):
                pass

    asyncio.run(main())


async def test_blocking_in_the_jobs_own_loop_is_refused() -> None:
    """The error names what to write instead."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(nap, 0)
        with pytest.raises(ja.WrongThread, match=r"async for job in ja\.as_completed"):
            next(ja.as_completed([job]))
        with pytest.raises(ja.WrongThread, match=r"await ja.gather"):
            ja.gather(job).result()
        with pytest.raises(ja.WrongThread, match=r"await ja.wait"):
            ja.wait([job]).result()


@pytest.mark.parametrize("wrong", [["resize-3-abc"], [3], [None]])
async def test_what_is_no_job_is_refused(wrong: list[Any]) -> None:
    """At once, and by name."""
    with pytest.raises(TypeError, match="takes jobs and batches, not"):
        ja.as_completed(wrong)
    with pytest.raises(TypeError, match="takes jobs and batches, not"):
        ja.gather(*wrong)
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="takes several jobs, in a list"):
            ja.wait(jobs.submit(nap, 0))  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["as_completed", "gather", "wait"])
@pytest.mark.parametrize("colour", ["trio", "thread"])
async def test_a_job_that_waits_lends_its_slot(way: str, colour: str) -> None:
    """One slot is enough for it and for all it waits for."""
    async with ja.open_jobs(max_running=1) as jobs:

        async def in_trio() -> list[float]:
            mine = [jobs.submit(nap, 0), jobs.submit(nap, 0)]
            if way == "as_completed":
                return [await job async for job in ja.as_completed(mine)]
            if way == "gather":
                return await ja.gather(*mine)
            return [await job for job in (await ja.wait(mine)).done]

        def in_thread() -> list[float]:
            mine = [jobs.submit(nap, 0), jobs.submit(nap, 0)]
            if way == "as_completed":
                return [job.result() for job in ja.as_completed(mine)]
            if way == "gather":
                return ja.gather(*mine).result(60)
            return [job.result() for job in ja.wait(mine).result(60).done]

        work: Callable[[], Any] = in_trio if colour == "trio" else in_thread
        with trio.fail_after(60):
            assert await jobs.submit(work) == [0, 0]
        assert not jobs._system.parts.queue.waits


async def test_a_circle_is_refused_unless_another_job_may_end_the_wait() -> None:
    """All have to end, or one of which none can; a first one that can end is news."""

    async def ask(first: bool) -> str:
        needy = jobs.options(resources="r").submit(nap, 0)
        free = jobs.submit(nap, 0)
        done, _ = await ja.wait([needy, free], first=True)
        assert done == [free]
        with pytest.raises(ja.Deadlock, match="holds 'r' and waits for nap-"):
            await ja.wait([needy, free] if not first else [needy], first=first)
        needy.cancel()
        return "well"

    async with ja.open_jobs() as jobs:
        for first in (True, False):
            assert await jobs.options(resources="r").submit(ask, first) == "well"


async def test_jobs_of_several_systems_are_waited_for_together() -> None:
    """Inside a job of one of them, too."""
    async with ja.open_jobs() as jobs, ja.open_jobs() as others:

        async def both() -> list[float]:
            return await ja.gather(jobs.submit(nap, 0), others.submit(nap, 0))

        assert await both() == [0, 0]
        assert await jobs.submit(both) == [0, 0]


async def test_a_wait_that_is_given_up_leaves_nothing_behind() -> None:
    """However often a long job is waited for."""
    async with ja.open_jobs() as jobs:
        slow = jobs.submit(trio.sleep_forever)
        before = len(slow._record.settled._callbacks or ())
        for _ in range(10):
            fast = jobs.submit(nap, 0)
            await ja.wait([slow, fast], first=True)
        gc.collect()
        assert len(slow._record.settled._callbacks or ()) == before
        slow.cancel()


async def test_a_closed_system_is_named_instead_of_waiting_for_ever() -> None:
    """Its unfinished jobs end no more."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(nap, 0)
        await job
    assert await ja.gather(job) == [0]
