"""Batches that the loop's own thread commits, and the moments at which it leaves that alone."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.engine.storage import batch_writer
from jobactors.engine.storage.commit_place import FEWEST, IN_A_ROW, SLOW

from .stored_jobs_samples import add, registered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jobactors.model.stored_rows import Write


class QuickStore(ja.MemoryStore):
    """A store whose calls are made in a thread, unless they are quick ones."""

    in_loop = False

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []
        """Where each batch was written: "loop" or "thread"."""
        self.meanwhile: Callable[[], object] = lambda: None
        """Called while a batch is written in the loop."""

    @property
    def quick(self) -> QuickStore:
        """Itself."""
        return self

    def apply_now(self, writes: Sequence[Write]) -> bool:
        """Write it at once."""
        self.meanwhile()
        super().apply(writes)
        self.places.append("loop")
        return True

    def apply(self, writes: Sequence[Write]) -> None:
        """Write it in the thread."""
        super().apply(writes)
        self.places.append("thread")


async def run_until_the_loop_commits(jobs: ja.Jobs, store: QuickStore) -> None:
    """Run jobs, one after another, until the last batch was written in the loop."""
    for _ in range(100):
        await stored(jobs.submit(add, 1))
        if store.places[-1:] == ["loop"]:
            return
    raise AssertionError(store.places)


def measure(text: str) -> int:
    """Measure a text."""
    return len(text)


async def stored(job: ja.Job[Any]) -> None:
    """Wait for the end of a job, and for its being stored."""
    await job
    await job.stored()


async def test_small_batches_are_committed_in_the_loop_once_commits_were_quick() -> None:
    """Two hand-overs between threads take longer than the commit."""
    store = QuickStore()
    async with ja.open_jobs(store=store) as jobs:
        for _ in range(10):
            await stored(jobs.submit(add, 1))
        assert store.places[:FEWEST] == ["thread"] * FEWEST
        assert "loop" in store.places[FEWEST:]


async def test_the_store_has_its_own_thread_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """To tidy up, which takes time."""
    monkeypatch.setattr(batch_writer, "perf_counter", lambda: 0.0)
    store = QuickStore()
    async with ja.open_jobs(store=store) as jobs:
        for _ in range(IN_A_ROW):
            await stored(jobs.submit(add, 1))
    first = store.places.index("loop")
    row = store.places[first : first + IN_A_ROW]
    assert row == ["loop"] * IN_A_ROW
    assert store.places[first + IN_A_ROW :][:FEWEST] == ["thread"] * FEWEST


async def test_a_slow_commit_sends_the_next_ones_to_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop waits for a slow disk once, and not again and again."""
    now = 0.0
    monkeypatch.setattr(batch_writer, "perf_counter", lambda: now)
    store = QuickStore()
    async with ja.open_jobs(store=store) as jobs:
        await run_until_the_loop_commits(jobs, store)

        def be_slow() -> None:
            nonlocal now
            now += SLOW * 2

        store.meanwhile = be_slow
        before = len(store.places)
        for _ in range(FEWEST):
            await stored(jobs.submit(add, 1))
    assert store.places[before : before + FEWEST * 2] == ["loop"] + ["thread"] * (FEWEST * 2 - 1)


@pytest.mark.parametrize("value", ["x" * 20_000, list(range(1_000)), object()])
async def test_large_results_are_described_in_the_thread(value: object) -> None:
    """So are those of any other class."""
    store = QuickStore()
    async with ja.open_jobs(store=store) as jobs:
        await run_until_the_loop_commits(jobs, store)
        store.meanwhile = lambda: ended.append(job.state)
        ended: list[str] = []

        def work() -> object:
            return value

        job = jobs.submit(work)
        await stored(job)
        assert "succeeded" not in ended


async def test_large_arguments_are_described_in_the_thread() -> None:
    """Their row is made there, and written there."""
    store = QuickStore()
    async with ja.open_jobs(store=store) as jobs:
        await run_until_the_loop_commits(jobs, store)
        before = len(store.places)
        with registered(measure=measure):
            await stored(jobs.submit(measure, "x" * 100_000))
        assert store.places[before] == "thread"


async def test_code_that_runs_within_a_commit_cannot_wait_for_the_store() -> None:
    """A finalizer, say: the thread that would answer is this one."""
    store = QuickStore()
    async with ja.open_jobs(store=store) as jobs:
        await run_until_the_loop_commits(jobs, store)
        errors: list[str] = []

        def read() -> None:
            with pytest.raises(ja.StoreFailed) as caught:
                jobs.history()
            errors.append(str(caught.value))

        store.meanwhile = read
        await stored(jobs.submit(add, 1))
        store.meanwhile = lambda: None
        assert errors
        assert "read it later" in errors[0]
        assert len(jobs.history()) > 1


async def test_what_changes_within_a_commit_is_written_after_it() -> None:
    """The batch says how jobs stood when it was handed over."""
    store = QuickStore()
    async with ja.open_jobs(store=store) as jobs:
        await run_until_the_loop_commits(jobs, store)
        other = jobs.submit(trio.sleep_forever)
        await other.stored()
        store.meanwhile = lambda: other.cancel("within a commit")
        await stored(jobs.submit(add, 1))
        store.meanwhile = lambda: None
        await other.wait()
        await other.stored()
        (row,) = store.get([other.id])
    assert row.state == "cancelled"


async def commits_in_the_loop(store: ja.SqliteStore, jobs: ja.Jobs) -> None:
    """Run jobs until the loop has committed one."""
    for _ in range(1_000):
        await stored(jobs.submit(add, 1))
        if store._hurries:
            return
    raise AssertionError("never")


async def test_the_loop_goes_on_while_another_program_has_locked_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The store's thread waits for that; nobody else does, apart from jobs that want to start."""
    monkeypatch.setattr(ja.SqliteStore, "busy_timeout", 3_600.0)
    store = ja.SqliteStore(tmp_path / "jobs.db")
    async with ja.open_jobs(store=store) as jobs:
        await commits_in_the_loop(store, jobs)
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            job = jobs.submit(add, 1, 2)
            with trio.move_on_after(0.1):
                await job
            assert job.state == "running"
            assert not job.snapshot().outcome
            other.execute("ROLLBACK")  # in the loop, which would hang otherwise
            assert await job == 3


async def test_both_threads_write_one_file_in_turns(tmp_path: Path) -> None:
    """Small and large batches, reads between them: all of it is there, and in order."""
    store = ja.SqliteStore(tmp_path / "jobs.db")
    async with ja.open_jobs(store=store) as jobs:
        for round_ in range(20):
            made = [jobs.submit(add, n, round_) for n in range(1 + round_ % 3 * 40)]
            for job in made:
                await job
            await made[-1].stored()
            assert jobs.history(limit=1)
    store.open()
    assert not store.unfinished()
    assert len(store.finished(limit=10_000)) == sum(1 + n % 3 * 40 for n in range(20))
    store.close()


def test_cells_of_many_threads_have_their_jobs_stored(tmp_path: Path) -> None:
    """What a submit has acknowledged is in the file, whichever thread has written it."""
    jobs = ja.start(store=tmp_path / "jobs.db", max_running=None)
    kept: list[str] = []

    def cell() -> None:
        for n in range(25):
            job = jobs.submit(add, n, 1)
            assert job.result() == n + 1
            kept.append(job.id)

    threads = [threading.Thread(target=cell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ja.stop()
    store = ja.SqliteStore(tmp_path / "jobs.db")
    store.open()
    assert [row.id for row in store.get(kept)] == kept
    assert len(kept) == 100
    store.close()
