"""``Jobs``: order, slots, look-ups, counts."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_priority_then_order_of_submission(autojump_clock: MockClock) -> None:
    """High before normal before low, first come first served inside one."""
    started: list[str] = []

    async def note(name: str) -> None:
        started.append(name)

    async with ja.open_jobs(max_running=1) as jobs:
        jobs.submit(trio.sleep, 1)
        for name, priority in [("n1", "normal"), ("l", "low"), ("h1", "high"), ("n2", 0)]:
            jobs.options(priority=priority).submit(note, name)  # type: ignore[arg-type]
        jobs.options(priority=11).submit(note, "first")
        jobs.options(priority="high").submit(note, "h2")
        last = jobs.submit(note, "was last")
        last.update(priority=5)
    assert started == ["first", "h1", "h2", "was last", "n1", "n2", "l"]


async def test_no_more_than_max_running_run(autojump_clock: MockClock) -> None:
    """A free slot is filled at once."""
    running, most, starts = 0, 0, set[float]()

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        starts.add(trio.current_time())
        await trio.sleep(1)
        running -= 1

    async with ja.open_jobs(max_running=3) as jobs:
        begin = trio.current_time()
        for _ in range(10):
            jobs.submit(count)
    assert most == 3
    assert sorted(starts) == pytest.approx([begin, begin + 1, begin + 2, begin + 3])


async def test_scaling_fills_new_slots_at_once(autojump_clock: MockClock) -> None:
    """Fewer slots let the running jobs go on, and start no more."""
    async with ja.open_jobs(max_running=1) as jobs:
        for _ in range(6):
            jobs.submit(trio.sleep, 10)

        def running() -> int:
            return jobs.stats().by_state[ja.JobState.RUNNING]

        assert running() == 1
        jobs.scale(4)
        assert running() == 4
        jobs.scale(1)
        assert running() == 4
        await trio.sleep(11)
        assert running() == 1
        jobs.scale(None)
        assert running() == 2
        with pytest.raises(ValueError, match="at least 1"):
            jobs.scale(0)


async def test_a_held_job_waits_for_its_release(autojump_clock: MockClock) -> None:
    """It says so, others overtake it, and it keeps its turn."""
    started: list[str] = []

    async def note(name: str) -> None:
        started.append(name)
        await trio.sleep(1)

    async with ja.open_jobs(max_running=1) as jobs:
        blocker = jobs.submit(note, "blocker")
        held = jobs.options(hold=True).submit(note, "held")
        later = jobs.submit(note, "held later")
        jobs.submit(note, "free")
        later.hold()
        assert [held.snapshot().waiting, later.snapshot().waiting] == [ja.Waiting.HOLD] * 2
        await blocker
        await trio.sleep(100)
        assert started == ["blocker", "free"]
        later.release()
        held.release()
    assert started == ["blocker", "free", "held later", "held"]


async def test_a_job_starts_at_its_time(autojump_clock: MockClock) -> None:
    """Not before; until then it says that it waits for it."""
    async with ja.open_jobs() as jobs:
        now = (await jobs.submit(trio.sleep, 0).wait()).changed_at
        job = jobs.options(start_at=now + 50).submit(trio.sleep, 1)
        await trio.sleep(49)
        assert (job.state, job.snapshot().waiting) == ("queued", ja.Waiting.START_TIME)
        await trio.sleep(1.5)
        assert job.state == "running"
        snapshot = await job.wait()
    assert snapshot.started_at == pytest.approx(now + 50, abs=0.01)


async def test_a_queued_job_says_what_it_waits_for_now(autojump_clock: MockClock) -> None:
    """Once its time has come, that is a slot."""
    async with ja.open_jobs(max_running=1) as jobs:
        blocker = jobs.submit(trio.sleep, 100)
        await trio.sleep(1)
        started_at = blocker.snapshot().started_at
        assert started_at is not None
        job = jobs.options(start_at=started_at + 10).submit(trio.sleep, 1)
        assert job.snapshot().waiting is ja.Waiting.START_TIME
        await trio.sleep(20)
        assert (job.state, job.snapshot().waiting) == ("queued", ja.Waiting.SLOT)


async def test_listing_filters_by_everything(autojump_clock: MockClock) -> None:
    """In the order of submission; a limit keeps the newest."""
    async with ja.open_jobs(max_running=1) as jobs:
        a = jobs.options(subject="wiki", tags=("x", "y")).submit(trio.sleep, 1)
        b = jobs.options(subject="wiki", priority="low").submit(trio.sleep, 1)
        c = jobs.options(tags="x").submit(trio.lowlevel.checkpoint)

        def ids(**filters: object) -> list[str]:
            return [snapshot.id for snapshot in jobs.list(**filters)]  # type: ignore[arg-type]

        assert ids() == [a.id, b.id, c.id]
        assert ids(subject="wiki") == [a.id, b.id]
        assert ids(tag="x") == [a.id, c.id]
        assert ids(type="checkpoint") == [c.id]
        assert ids(state="running") == [a.id]
        assert ids(priority="low") == [b.id]
        assert ids(state="queued", subject="wiki") == [b.id]
        assert ids(limit=2) == [b.id, c.id]
        assert ids(limit=0) == []
        with pytest.raises(ValueError, match="states are queued"):
            jobs.list(state="sleeping")
        assert jobs.latest("sleep", "wiki") == b
        assert jobs.latest("sleep", "letter") is None


async def test_statistics_count_every_state(autojump_clock: MockClock) -> None:
    """All states are listed, and the repr says those there are."""
    async with ja.open_jobs(max_running=1) as jobs:
        assert repr(jobs) == "<Jobs: none yet>"
        jobs.submit(trio.sleep, 1)
        jobs.submit(trio.sleep, 1)
        jobs.options(hold=True).submit(trio.sleep, 1).cancel()
        stats = jobs.stats()
        assert (stats.total, stats.unread, stats.pruned_unread) == (3, 1, 0)
        assert stats.by_state == {
            state: {"queued": 1, "running": 1, "cancelled": 1}.get(state, 0)
            for state in ja.JobState
        }
        assert repr(jobs) == "<Jobs: 3 jobs: 1 running · 1 queued · 1 cancelled>"


async def test_a_change_after_the_submit_is_shown(autojump_clock: MockClock) -> None:
    """Options that can change no more are refused."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(key="k").submit(trio.sleep, 1)
        info = job.update(name="better", tags=["a"], description="d", metadata={"m": 1}).info
        assert (info.name, info.tags, info.description, info.metadata) == (
            "better",
            ("a",),
            "d",
            {"m": 1},
        )
        with pytest.raises(TypeError, match="unknown option"):
            job.update(nmae="x")  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="key cannot change"):
            job.update(key="other")  # type: ignore[call-arg]
        await job
        assert jobs.options(key="k").submit(trio.sleep, 0) != job


async def test_jobs_of_many_threads_all_end() -> None:
    """A hundred threads submit at once; each job runs once, and each waiter is answered."""
    together = threading.Barrier(50)
    results: list[int] = []

    async with ja.open_jobs(max_running=7) as jobs:

        def submit(i: int) -> None:
            together.wait(30)
            mine = [jobs.submit(pow, i, 2) for _ in range(5)]
            results.extend(job.result() for job in mine)

        async with trio.open_nursery() as nursery:
            for i in range(50):
                nursery.start_soon(
                    lambda i=i: trio.to_thread.run_sync(  # type: ignore[misc]
                        submit, i, limiter=trio.CapacityLimiter(50)
                    )
                )
    assert sorted(results) == sorted([i**2 for i in range(50)] * 5)


async def test_a_snapshot_can_be_pickled_and_copied() -> None:
    """Another process, or a test, may want to have it."""

    def work() -> list[int]:
        ja.progress(1, 2, rows=3)
        return [1]

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        queued = job.snapshot()
        await job
        for snapshot in (queued, job.snapshot()):
            assert pickle.loads(pickle.dumps(snapshot)) == snapshot  # noqa: S301 - our own
            assert copy.deepcopy(snapshot) == snapshot
