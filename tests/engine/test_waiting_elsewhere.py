"""Attempts that wait on a cluster: queued until their runner says that they start."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja
from jobactors.testing import record_events

from .stored_jobs_samples import add, registered
from .test_journal import GatedStore
from .test_recovery import MortalStore, left_by_a_kill, opened

if TYPE_CHECKING:
    from trio.testing import MockClock


class Cluster:
    """A cluster in the jobs' own loop, which begins with what waits there when it is opened."""

    name = "cluster"
    can_abandon = False
    waits_elsewhere = True

    def __init__(self, *, takes_slot: bool = True) -> None:
        self.takes_slot = takes_slot
        self.opened = trio.Event()
        self.begun: list[str] = []

    async def run(self, attempt: ja.Attempt) -> Any:
        """Wait for the cluster, say that it begins, and await the function."""
        await self.opened.wait()
        await attempt.started()
        self.begun.append(attempt.context.id)
        return await attempt.function(*attempt.args, **attempt.kwargs)


class Variant(Cluster):
    """A cluster that behaves as its ``behave`` does."""

    def __init__(self, behave: Any) -> None:
        super().__init__()
        self.behave = behave

    async def run(self, attempt: ja.Attempt) -> Any:
        """Behave."""
        return await self.behave(attempt)


def state_of(job: ja.Job[Any]) -> tuple[str, str | None, int]:
    """State, what it waits for, and attempts."""
    snapshot = job.snapshot()
    return snapshot.state, snapshot.waiting, snapshot.attempt


WAITS = ("queued", "cluster", 0)


async def test_a_job_is_queued_until_its_runner_says_that_it_starts(
    autojump_clock: MockClock,
) -> None:
    """Only then do its attempt and its duration begin."""
    cluster = Cluster()
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=cluster).submit(trio.sleep, 5)
        await trio.sleep(100)
        assert state_of(job) == WAITS
        waiting = job.snapshot()
        assert (waiting.runner, waiting.started_at) == ("", None)
        cluster.opened.set()
        await trio.sleep(1)
        assert state_of(job) == ("running", None, 1)
        await job
        ended = job.snapshot()
    assert ended.runner == "cluster"
    assert ended.started_at is not None
    assert ended.finished_at is not None
    assert ended.started_at - ended.info.submitted_at == pytest.approx(100)
    assert ended.finished_at - ended.started_at == pytest.approx(5)


async def test_the_wait_and_the_start_are_told_in_order() -> None:
    """Queued, waiting for the cluster, started."""
    cluster = Cluster()
    cluster.opened.set()
    async with ja.open_jobs() as jobs, record_events(jobs) as events:
        await trio.testing.wait_all_tasks_blocked()
        await jobs.options(runner=cluster).submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
    kinds = [type(event) for event in events]
    assert kinds == [ja.JobQueued, ja.JobWaiting, ja.JobStarted, ja.JobFinished, ja.JobRead]
    waiting = events[1]
    assert isinstance(waiting, ja.JobWaiting)
    assert waiting.waiting is ja.Waiting.CLUSTER


async def test_a_runner_says_why_nothing_begins_its_attempt_until_it_starts(
    autojump_clock: MockClock,
) -> None:
    """On the row, and in the error of a wait that ends before."""
    cluster = Cluster()
    explained = trio.Event()

    async def explain(attempt: ja.Attempt) -> None:
        attempt.explain_wait("first reason")
        attempt.explain_wait("it has no workers")
        explained.set()
        await cluster.opened.wait()
        await attempt.started()
        attempt.explain_wait("too late")
        await trio.sleep(1)

    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=Variant(explain)).submit(trio.sleep, 0)
        await explained.wait()
        snapshot = job.snapshot()
        assert (snapshot.waiting, snapshot.reason) == ("cluster", "it has no workers")
        assert repr(job) == f"<Job {job.id} queued (cluster: it has no workers)>"
        late = partial(job.result, timeout=0.01)
        with pytest.raises(TimeoutError, match=r"it goes on: it has no workers$"):
            await trio.to_thread.run_sync(late)
        cluster.opened.set()
        await trio.sleep(0.5)
        assert (job.state, job.snapshot().reason) == ("running", None)
        await job
        assert job.snapshot().explanation == ""


async def test_the_timeout_counts_from_the_start(autojump_clock: MockClock) -> None:
    """The wait is not the job's."""
    cluster = Cluster()
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        limited = jobs.options(runner=cluster, timeout=10)
        short, long = limited.submit(trio.sleep, 9), limited.submit(trio.sleep, 11)
        await trio.sleep(50)
        cluster.opened.set()
        await short
        with pytest.raises(ja.JobTimedOut):
            await long


@pytest.mark.parametrize("takes_slot", [True, False])
async def test_a_waiting_job_holds_its_resources_and_its_slot(takes_slot: bool) -> None:
    """A cluster that took it in would otherwise be promised more than there is."""
    cluster = Cluster(takes_slot=takes_slot)
    async with ja.open_jobs(max_running=1) as jobs:
        job = jobs.options(runner=cluster, resources="gpu").submit(trio.sleep, 0)
        rival = jobs.options(resources="gpu").submit(trio.sleep, 0)
        other = jobs.submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        assert state_of(job) == WAITS
        assert rival.state == "queued"
        assert other.state == ("queued" if takes_slot else "succeeded")
        assert job.id not in [snapshot.id for snapshot in jobs.queue()]
        cluster.opened.set()
        await rival
        await other


async def test_a_cancel_takes_a_waiting_job_back() -> None:
    """It has never started, and what it held is free."""
    cluster = Cluster()
    async with ja.open_jobs(max_running=1) as jobs, record_events(jobs) as events:
        await trio.testing.wait_all_tasks_blocked()
        job = jobs.options(runner=cluster, resources="gpu").submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel("enough")
        with pytest.raises(ja.JobCancelled, match="enough"):
            await job
        await jobs.options(resources="gpu").run(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
    assert state_of(job) == ("cancelled", None, 0)
    mine = [type(event) for event in events if event.job_id == job.id]
    assert mine == [ja.JobQueued, ja.JobWaiting, ja.JobFinished, ja.JobRead]
    assert cluster.begun == []


async def test_a_waiting_job_can_be_neither_held_nor_paused() -> None:
    """It is on the cluster already; the error says what can be done."""
    cluster = Cluster()
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=cluster).submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        for command in (job.pause, job.resume, job.hold, job.release):
            with pytest.raises(ja.IllegalVerb, match=r"it is queued; it waits on the cluster, .*"):
                command()
        job.update(priority="high", name="other")
        assert state_of(job) == WAITS
        cluster.opened.set()
        await job
        assert job.name == "other"


async def test_a_start_deadline_ends_the_wait(autojump_clock: MockClock) -> None:
    """It has not started; once it has, the deadline is over."""
    cluster = Cluster()
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        limited = jobs.options(runner=cluster, start_deadline=10)
        job = limited.submit(trio.sleep, 0)
        await trio.sleep(11)
        with pytest.raises(ja.JobTimedOut, match="not started within its start_deadline of 10 s"):
            await job
        assert state_of(job) == ("failed", None, 0)
        cluster.opened.set()
        await limited.run(trio.sleep, 20)


# --- how a runner may go about it --------------------------------------------------------------


async def test_a_runner_that_never_says_so_has_started_when_it_returns() -> None:
    """The attempt counts, and its last progress is there."""

    async def silent(attempt: ja.Attempt) -> str:
        ja.progress(3, 4)
        await trio.sleep(1)
        return "done"

    async with ja.open_jobs() as jobs:
        job: ja.Job[Any] = jobs.options(runner=Variant(silent)).submit(trio.sleep, 0)
        await trio.sleep(0.5)
        assert state_of(job) == WAITS
        assert await job == "done"
        assert state_of(job) == ("succeeded", None, 1)
        assert job.snapshot().progress.done == 3


async def test_a_runner_that_raises_before_the_start_has_used_up_an_attempt(
    autojump_clock: MockClock,
) -> None:
    """So that retries have an end."""
    attempts: list[int] = []

    async def lost(attempt: ja.Attempt) -> None:
        attempts.append(attempt.context.attempt)
        raise OSError("no cluster")

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=Variant(lost), retry=ja.Retry(max=3)).submit(trio.sleep, 0)
        with pytest.raises(OSError, match="no cluster"):
            await job
        assert attempts == [1, 2, 3]
        assert state_of(job) == ("failed", None, 3)


async def test_a_retry_waits_on_the_cluster_again(autojump_clock: MockClock) -> None:
    """With the attempts it has used up."""
    cluster = Cluster()
    cluster.opened.set()

    async def fail() -> None:
        cluster.opened = trio.Event()
        raise ValueError

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        retry = ja.Retry(max=2, base=1)
        job = jobs.options(runner=cluster, retry=retry).submit(fail)
        await trio.sleep(30)
        assert state_of(job) == ("queued", "cluster", 1)
        job.cancel()
        await job.wait()
        assert state_of(job) == ("cancelled", None, 1)


async def test_a_second_start_does_nothing() -> None:
    """Nor does the first one of a runner that waits nowhere."""

    class Plain(Cluster):
        waits_elsewhere = False

    async def eager(attempt: ja.Attempt) -> None:
        await attempt.started()
        await attempt.started()

    async with ja.open_jobs() as jobs:
        for runner in (Variant(eager), Plain()):
            runner.opened.set()
            async with record_events(jobs, ja.JobStarted) as starts:
                await trio.testing.wait_all_tasks_blocked()
                job = jobs.options(runner=runner).submit(trio.sleep, 0)
                await job
                await trio.testing.wait_all_tasks_blocked()
            mine = [type(event) for event in starts if event.job_id == job.id]
            assert mine == [ja.JobStarted]


async def test_a_cancelled_job_starts_no_more_even_under_a_shield() -> None:
    """The cluster's own message may have been on its way."""
    said: list[str] = []

    async def shielded(attempt: ja.Attempt) -> None:
        with trio.CancelScope(shield=True):
            await attempt.context.wait_cancel_requested()
            try:
                await attempt.started()
            finally:
                said.append("refused")
            said.append("began")

    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=Variant(shielded)).submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        await job.wait()
    assert state_of(job) == ("cancelled", None, 0)
    assert said == ["refused"]


async def test_a_value_that_came_after_all_is_the_jobs() -> None:
    """The cluster had done it: an honest success, with a start."""

    async def swallow(attempt: ja.Attempt) -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.05)
        return "done"

    async with ja.open_jobs() as jobs:
        job: ja.Job[Any] = jobs.options(runner=Variant(swallow)).submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        assert await job == "done"
    assert state_of(job) == ("succeeded", None, 1)


async def test_an_error_while_it_is_taken_back_starts_nothing() -> None:
    """The job is cancelled, as an error after a cancel says."""

    async def clumsy(attempt: ja.Attempt) -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            raise OSError from None

    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=Variant(clumsy)).submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        await job.wait()
    assert state_of(job) == ("cancelled", None, 0)


async def test_a_job_that_the_cluster_does_not_let_go_is_stuck(autojump_clock: MockClock) -> None:
    """It shows, as it keeps its slot."""
    let_go = trio.Event()

    async def stubborn(attempt: ja.Attempt) -> None:
        with trio.CancelScope(shield=True):
            await let_go.wait()
        await trio.lowlevel.checkpoint()

    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=Variant(stubborn), grace=5).submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        await trio.sleep(6)
        assert (state_of(job), job.snapshot().stuck) == (WAITS, True)
        let_go.set()
        await job.wait()
    assert (job.state, job.snapshot().stuck) == ("cancelled", False)


# --- with a store, and at the end --------------------------------------------------------------


async def test_the_function_begins_once_its_start_is_stored() -> None:
    """However slow the disk is: killed in between, it would begin a second time."""
    store, cluster = GatedStore(), Cluster()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.options(runner=cluster).submit(trio.sleep, 0)
        await job.stored()
        while "cluster" not in (row := store.unfinished()[0]).status:  # noqa: ASYNC110 - a thread's
            await trio.sleep(0.001)
        assert (row.state, json.loads(row.status)) == ("queued", {"waiting": "cluster"})
        store.gate.clear()
        cluster.opened.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (state_of(job), cluster.begun) == (("running", None, 1), [])
        store.gate.set()
        await job
        assert cluster.begun == [job.id]


async def test_a_job_that_was_killed_on_the_cluster_had_not_begun() -> None:
    """It counts as queued, however often that happens."""
    store = MortalStore()

    async def leave(jobs: ja.Jobs) -> str:
        job = jobs.options(runner=Cluster()).submit("add", {"a": 1})
        await trio.testing.wait_all_tasks_blocked()
        assert state_of(job) == WAITS
        return job.id

    with registered(add=add):
        job_id = await left_by_a_kill(store, leave)
        for _ in range(5):

            async def look(jobs: ja.Jobs) -> None:
                await trio.testing.wait_all_tasks_blocked()
                assert state_of(jobs.get(job_id)) == WAITS

            await left_by_a_kill(store, look, recover="auto")
        async with opened(store) as jobs:
            job = jobs.get(job_id)
            assert state_of(job) == ("interrupted", None, 0)
            assert job.snapshot().reason == "its process ended before it had started"


@pytest.mark.parametrize("stored", [True, False])
async def test_the_end_of_a_system_takes_waiting_jobs_back(stored: bool) -> None:
    """Interrupted with a store, cancelled without."""
    async with ja.open_jobs(store=ja.MemoryStore() if stored else None) as jobs:
        job = jobs.options(runner=Cluster()).submit(trio.sleep, 0)
        await trio.testing.wait_all_tasks_blocked()
        await jobs.close()
    assert state_of(job) == ("interrupted" if stored else "cancelled", None, 0)


async def test_a_block_waits_for_what_waits_on_a_cluster(autojump_clock: MockClock) -> None:
    """It goes on by itself."""
    cluster = Cluster(takes_slot=False)
    async with trio.open_nursery() as nursery:
        async with ja.open_jobs() as jobs:
            job = jobs.options(runner=cluster).submit(trio.sleep, 0)

            async def open_it() -> None:
                await trio.sleep(100)
                cluster.opened.set()

            nursery.start_soon(open_it)
        assert job.state == "succeeded"
