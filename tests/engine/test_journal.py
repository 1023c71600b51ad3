"""The journal: what is written and when, and what happens when it cannot be."""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja
from jobactors.engine.loop import portal, watchdog
from jobactors.inside.signals.latch import wait_for_lock
from jobactors.model.stored_rows import PutJob, SetStatus, Write

from .stored_jobs_samples import CURE, FULL, TroubledStore, add, registered, wait

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trio.testing import MockClock


class GatedStore(ja.MemoryStore):
    """A store on a slow disk: each batch waits until the gate is open."""

    in_loop = False

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.batches: list[list[Write]] = []

    def apply(self, writes: Sequence[Write]) -> None:
        """Wait for the disk."""
        self.begun.set()
        assert self.gate.wait(60)
        super().apply(writes)
        self.batches.append(list(writes))


async def test_a_job_starts_only_when_that_is_on_disk() -> None:
    """Its function does not run before: no attempt begins twice."""
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        store.gate.clear()
        job = jobs.submit(add, 1)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert job.state == "running"
        assert not job.snapshot().outcome
        assert repr(job.stored()).endswith("on its way>")
        store.gate.set()
        assert await job == 1


async def test_what_changes_while_the_disk_is_busy_is_one_batch() -> None:
    """A hundred jobs cost a few commits, not three hundred."""
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        store.gate.clear()
        made = [jobs.submit(add, n) for n in range(100)]
        store.gate.set()
        assert sorted([await job for job in made]) == list(range(100))
        for job in made:
            await job.stored()
    rows = [write for batch in store.batches for write in batch if isinstance(write, PutJob)]
    assert len(rows) == 100
    assert len(store.batches) < 50


async def test_a_batch_says_how_jobs_stood_when_it_was_handed_over() -> None:
    """A job that ends while its start is written has not ended yet, as far as the disk goes."""
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        go_on = trio.Event()

        async def work() -> str:
            await go_on.wait()
            return "done"

        job = jobs.submit(work)
        await job.stored()
        store.gate.clear()
        job.update(tags=["late"])
        await trio.testing.wait_all_tasks_blocked(0.05)
        go_on.set()
        assert await job == "done"
        store.gate.set()
        await job.stored()
    states = [
        write.row.state if isinstance(write, PutJob) else write.state
        for batch in store.batches
        for write in batch
        if isinstance(write, PutJob | SetStatus)
    ]
    assert states == ["running", "running", "succeeded"]


async def test_a_submit_from_a_cell_returns_when_the_job_is_kept() -> None:
    """That is what acknowledged means."""
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        store.gate.clear()
        returned = threading.Event()

        def cell() -> ja.Job[int]:
            job = jobs.submit(add, 1)
            returned.set()
            return job

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, cell)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert not returned.is_set()
            store.gate.set()
        assert returned.is_set()
        (job,) = jobs.list()
        assert store.get([job.id])


async def test_a_submit_that_waits_for_a_slow_disk_blames_no_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop that is slow to answer is looked at by the watchdog; this one has answered."""
    looked_at: list[object] = []
    store = GatedStore()
    store.gate.set()

    def wait(lock: threading.Lock, timeout: float | None) -> bool:
        if timeout is None:
            return wait_for_lock(lock, None)
        assert store.begun.wait(60)  # the loop has answered: however busy the machine is
        return False

    def look(watch: watchdog.LoopWatch) -> None:
        looked_at.append(watch)

    monkeypatch.setattr(portal, "wait_for_lock", wait)
    monkeypatch.setattr(watchdog.LoopWatch, "look", look)
    async with ja.open_jobs(store=store) as jobs:
        store.gate.clear()
        store.begun.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, partial(jobs.submit, add, 1))
            await trio.to_thread.run_sync(store.begun.wait, 60)
            store.gate.set()
    assert not looked_at


async def test_a_full_disk_refuses_new_jobs_and_spares_the_others() -> None:
    """Running jobs go on; what they did is written once there is queue."""
    store = TroubledStore()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        go_on = trio.Event()

        async def work() -> str:
            await go_on.wait()
            return "done"

        running = jobs.submit(work)
        await trio.testing.wait_all_tasks_blocked()
        store.fill_up()
        refused = jobs.submit(add, 1)
        with pytest.raises(ja.StoreFailed, match=CURE):
            await refused
        with pytest.raises(ja.StoreFailed, match=FULL):
            await refused.stored()
        go_on.set()
        assert await running == "done"
        assert jobs.store is not None
        assert FULL in str(jobs.store.trouble)
        with pytest.raises(ja.StoreFailed, match=CURE):
            jobs.submit(add, 2)
        store.clear_up()
    store.open()
    assert [row.state for row in store.finished()] == ["succeeded"]


async def test_who_waits_in_vain_for_the_store_is_told_of_its_trouble() -> None:
    """The timeout names it, and the cure."""
    store = TroubledStore(in_loop=False)
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(add, 1)
        await job.stored()
        store.fill_up()
        job.update(tags=["late"])
        with pytest.raises(ja.StoreFailed):
            await jobs.submit(add, 2)  # the trouble is known

        def cell() -> None:
            with pytest.raises(TimeoutError, match=f"not stored after 0.01 s: .*{CURE}") as late:
                job.stored().result(0.01)
            assert isinstance(late.value.__cause__, ja.StoreFailed)

        await trio.to_thread.run_sync(cell)
        store.clear_up()


async def test_a_cell_is_told_at_once_that_the_disk_is_full() -> None:
    """The error is raised by submit itself."""
    store = TroubledStore(in_loop=False)
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        store.fill_up()

        def cell() -> None:
            with pytest.raises(ja.StoreFailed, match=CURE):
                jobs.submit(add, 1)

        await trio.to_thread.run_sync(cell)
        store.clear_up()


@pytest.mark.parametrize("in_loop", [True, False])
@pytest.mark.parametrize(("count", "lost"), [(1, "1 job"), (2, "2 jobs")])
async def test_what_cannot_be_written_at_the_end_is_counted(
    count: int, lost: str, in_loop: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why, and of how many jobs the last state is lost; the system ends."""
    store = TroubledStore(in_loop=in_loop)
    begun, go_on = trio.Semaphore(0), trio.Event()

    async def work() -> None:
        begun.release()
        await go_on.wait()

    async with ja.open_jobs(store=store) as jobs:
        running = [jobs.submit(work) for _ in range(count)]
        for _ in running:
            await begun.acquire()
        store.fill_up()
        go_on.set()
        for job in running:
            await job
    assert f"; the last state of {lost} is lost" in caplog.text


async def test_writing_is_tried_again_by_itself(autojump_clock: MockClock) -> None:
    """The journal tries by itself once there is room."""
    store = TroubledStore()
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(trio.sleep, 10)
        await trio.sleep(1)
        store.fill_up()
        await job
        assert jobs.store is not None
        assert jobs.store.trouble is not None
        store.clear_up()
        await trio.sleep(60)
        assert jobs.store.trouble is None
        assert [row.state for row in store.finished()] == ["succeeded"]
        assert (await jobs.submit(trio.sleep, 1)) is None


async def test_a_queued_job_waits_for_the_disk_before_it_starts(autojump_clock: MockClock) -> None:
    """It was acknowledged: it is neither lost nor run without a trace."""
    store = TroubledStore()
    begun = trio.Event()

    async def late() -> None:
        begun.set()

    async with ja.open_jobs(1, store=store) as jobs:
        first = jobs.submit(trio.sleep, 10)
        running = jobs.submit(trio.sleep, 5)
        second = jobs.submit(late)
        jobs.scale(2)
        await trio.sleep(1)
        store.fill_up()
        await running
        await trio.sleep(100)
        assert not begun.is_set()
        assert (second.state, second.snapshot().waiting) == ("queued", ja.Waiting.STORE)
        store.clear_up()
        await second
        await first
        assert begun.is_set()


async def test_a_store_somebody_else_has_taken_over_is_written_no_more() -> None:
    """Jobs go on; new ones are refused with the reason."""
    store = TroubledStore()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        running = jobs.submit(wait)
        await trio.testing.wait_all_tasks_blocked()
        store.trouble = ja.StoreLost(store.name)
        with pytest.raises(ja.StoreLost):
            await jobs.submit(add, 1)
        with pytest.raises(ja.StoreLost, match="taken over"):
            jobs.submit(add, 1)
        assert jobs.store is not None
        assert jobs.store.lost
        assert running.state == "running"
        running.cancel()
        assert (await running.wait()).state == "cancelled"


async def test_progress_is_written_now_and_then(autojump_clock: MockClock) -> None:
    """A killed job's row says how far it was, to a few seconds; not every report is written."""
    store = TroubledStore()

    async def work() -> None:
        for n in range(600):
            ja.progress(n, 600)
            await trio.sleep(0.1)

    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(work)
        await trio.sleep(0.05)
        before = len(store.batches)
        await trio.sleep(30)
        (row,) = store.unfinished()
        assert 0.4 < json.loads(row.status)["progress"]["fraction"] <= 0.5
        assert len(store.batches) - before <= 7
        await job


async def test_a_checkpoint_takes_the_progress_along(autojump_clock: MockClock) -> None:
    """A job at rest after a kill has the progress of its checkpoint, and not an earlier one."""
    store = TroubledStore()

    async def work() -> None:
        for n in range(40):
            ja.progress(n, 100)
            await trio.sleep(0.1)
            ja.save_checkpoint(n)
        await trio.sleep(1)

    async with ja.open_jobs(store=store) as jobs:
        job = jobs.options(checkpoint_every=ja.Every(items=10)).submit(work)
        await trio.sleep(4.5)
        (row,) = store.unfinished()
        assert json.loads(row.status)["progress"]["fraction"] >= 0.38
        await job


async def test_a_job_has_an_event_log() -> None:
    """Its events in order, also in the next process."""
    store = ja.MemoryStore()
    with registered(add=add):
        async with ja.open_jobs(store=store) as jobs:
            job = jobs.options(hold=True).submit(add, 1)
            job.update(priority="high")
            job.release()
            await job
            kinds = [event.kind for event in job.events()]
            assert kinds == ["JobQueued", "JobUpdated", "JobStarted", "JobFinished"]
        async with ja.open_jobs(store=store) as jobs:
            assert [event.kind for event in jobs.get(job.id).events()][:4] == kinds


async def test_a_changed_priority_is_kept() -> None:
    """And everything else that can be changed after the submit."""
    store = ja.MemoryStore()
    with registered(add=add):
        async with ja.open_jobs(store=store) as jobs:
            job = jobs.options(hold=True).submit(add, 1)
            job.update(priority=7, tags=["late"], metadata={"rows": 3, "frame": object()})
        async with ja.open_jobs(store=store) as jobs:
            info = jobs.get(job.id).info
            assert (info.priority, info.tags) == (7, ("late",))
            assert info.metadata == {"rows": 3, "frame": "object"}


async def test_without_a_store_nothing_is_waited_for() -> None:
    """And the calls that need one say how to get one."""
    async with ja.open_jobs() as jobs:
        assert jobs.store is None
        job = jobs.submit(add, 1)
        for call in (job.stored, job.events, jobs.vacuum):
            with pytest.raises(ja.NoStore, match="open it with store="):
                call()
        assert await job == 1


async def test_only_a_path_or_a_store_is_a_store() -> None:
    """The error says what is."""
    with pytest.raises(TypeError, match="store= is a path, a store such as"):
        async with ja.open_jobs(store=3):  # type: ignore[arg-type]
            pass


def test_statuses_are_written_and_not_whole_jobs() -> None:
    """A large argument is written once."""
    store = TroubledStore()

    async def main() -> None:
        with registered(add=add):
            async with ja.open_jobs(store=store) as jobs:
                await jobs.submit(add, 1)

    trio.run(main)
    kinds = [type(write) for batch in store.batches for write in batch]
    assert kinds.count(PutJob) == 1
    assert kinds.count(SetStatus) >= 2


async def test_who_asks_for_the_end_on_disk_waits_for_no_other(
    mock_clock: MockClock, tmp_path: Path
) -> None:
    """An end gathers with others for some milliseconds, which never pass by this clock."""
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        job = jobs.submit(trio.lowlevel.checkpoint)
        await job
        await job.stored()
        mock_clock.autojump_threshold = 0
