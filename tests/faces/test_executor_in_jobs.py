"""The executor used by jobs of its own system: who waits for a future lends the slot, however."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

from .test_executor import FAR, executor_of

if TYPE_CHECKING:
    from collections.abc import Callable

POWERS = [1, 2, 4, 8, 16]


def submitted(pool: ja.JobsExecutor) -> list[ja.JobFuture[int]]:
    """Five calls."""
    return [pool.submit(pow, 2, n) for n in range(5)]


def by_result(pool: ja.JobsExecutor) -> list[int]:
    """Wait for each."""
    return [future.result(FAR) for future in submitted(pool)]


def by_exception(pool: ja.JobsExecutor) -> list[int]:
    """Ask each for its error."""
    calls = submitted(pool)
    assert [future.exception(FAR) for future in calls] == [None] * 5
    return [future.result() for future in calls]


def by_map(pool: ja.JobsExecutor) -> list[int]:
    """Iterate over results, with a buffer."""
    return list(pool.map(pow, [2] * 5, range(5), buffersize=2, timeout=FAR))


def by_wait(pool: ja.JobsExecutor) -> list[int]:
    """Wait for all."""
    done, others = futures.wait(submitted(pool), FAR)
    assert not others
    return sorted(future.result() for future in done)


def by_wait_for_the_first(pool: ja.JobsExecutor) -> list[int]:
    """Wait for one after the other."""
    results: list[int] = []
    pending: set[futures.Future[int]] = {*submitted(pool)}
    while pending:
        done, pending = futures.wait(pending, FAR, futures.FIRST_COMPLETED)
        assert done
        results += [future.result() for future in done]
    return sorted(results)


def by_as_completed(pool: ja.JobsExecutor) -> list[int]:
    """Take each as it ends."""
    return sorted(future.result() for future in futures.as_completed(submitted(pool), FAR))


def by_shutdown(pool: ja.JobsExecutor) -> list[int]:
    """Leave the block of the executor."""
    with pool:
        calls = submitted(pool)
    return [future.result() for future in calls]


def by_a_queue(pool: ja.JobsExecutor) -> list[int]:
    """Get each from a queue, as dask does."""
    ended: queue.Queue[futures.Future[int]] = queue.Queue()
    for future in submitted(pool):
        future.add_done_callback(ended.put)
    return sorted(ended.get(timeout=FAR).result() for _ in range(5))


def by_asyncio(pool: ja.JobsExecutor) -> list[int]:
    """Await each in a loop of the job's own."""

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(FAR):
            powers: list[int] = await asyncio.gather(
                *(loop.run_in_executor(pool, pow, 2, n) for n in range(5))
            )
        return powers

    return asyncio.run(main())


WAYS: list[Callable[[ja.JobsExecutor], list[int]]] = [
    by_result,
    by_exception,
    by_map,
    by_wait,
    by_wait_for_the_first,
    by_as_completed,
    by_shutdown,
    by_a_queue,
    by_asyncio,
]


@pytest.mark.parametrize("way", WAYS)
def test_jobs_in_all_slots_that_wait_for_futures_lend_them(
    jobs: ja.Jobs, way: Callable[[ja.JobsExecutor], list[int]]
) -> None:
    """As many as there are slots, so that no call could begin otherwise."""
    all_run = threading.Barrier(2)

    def work() -> list[int]:
        all_run.wait(FAR)
        return way(executor_of(jobs))

    workers = [jobs.submit(work) for _ in range(2)]
    assert [worker.result(FAR) for worker in workers] == [POWERS, POWERS]


@pytest.mark.parametrize("way", WAYS)
def test_no_slot_is_lent_any_more_when_all_have_ended(
    jobs: ja.Jobs, way: Callable[[ja.JobsExecutor], list[int]]
) -> None:
    """A job that has waited holds its slot again: one more job than slots has to wait."""
    waited, opened = threading.Event(), threading.Event()

    def work() -> None:
        way(executor_of(jobs))
        executor_of(jobs).submit(int).result(FAR)  # it has its slot again when this returns
        waited.set()
        assert opened.wait(FAR)

    jobs.scale(1)
    worker = jobs.submit(work)
    assert waited.wait(FAR)
    assert jobs.submit(int).snapshot().waiting == "slot"
    opened.set()
    worker.result(FAR)


@pytest.mark.parametrize("return_when", [futures.ALL_COMPLETED, futures.FIRST_COMPLETED])
def test_waiting_for_a_future_that_waits_for_the_caller_is_a_deadlock(
    jobs: ja.Jobs, return_when: str
) -> None:
    """It is refused, and the other job goes on."""
    pool = executor_of(jobs)
    given = threading.Event()
    mine: list[ja.Job[str]] = []

    def inner() -> str:
        assert given.wait(FAR)
        return mine[0].result(FAR)

    def outer() -> str:
        future = pool.submit(inner)
        given.set()
        until_one_of_two_waits(jobs)
        try:
            futures.wait([future], FAR, return_when)
        except ja.Deadlock:
            return "refused"
        return "waited"

    mine.append(jobs.submit(outer))
    assert mine[0].result(FAR) == "refused"


def until_one_of_two_waits(jobs: ja.Jobs) -> None:
    """Return when one of two running jobs has lent its slot: only then does a third one begin."""
    begun = threading.Event()
    jobs.submit(begun.set)
    assert begun.wait(FAR)


def test_a_wait_that_a_future_of_another_pool_can_end_is_no_deadlock(jobs: ja.Jobs) -> None:
    """Although the job's own one waits for the caller."""
    pool = executor_of(jobs)
    mine: list[ja.Job[int]] = []
    given = threading.Event()

    def inner() -> int:
        assert given.wait(FAR)
        return mine[0].result(FAR)

    def outer() -> int:
        ours = pool.submit(inner)
        given.set()
        until_one_of_two_waits(jobs)
        with futures.ThreadPoolExecutor(1) as threads:
            other = threads.submit(int)
            done, _ = futures.wait([ours, other], FAR, futures.FIRST_COMPLETED)
        return len(done)

    mine.append(jobs.submit(outer))
    assert mine[0].result(FAR) == 1


def test_a_job_that_waits_for_futures_can_be_cancelled(jobs: ja.Jobs) -> None:
    """The wait is a point at which it ends; the call goes on."""
    pool = executor_of(jobs)
    opened, stands = threading.Event(), threading.Event()
    calls: list[ja.JobFuture[bool]] = []

    def call() -> bool:
        stands.set()
        return opened.wait(FAR)

    def work() -> None:
        calls.append(pool.submit(call))
        futures.wait(calls)

    worker = jobs.submit(work)
    assert stands.wait(FAR)
    worker.cancel()
    assert worker.wait().result(FAR).state == "cancelled"
    opened.set()
    assert calls[0].result(FAR)


async def test_waiting_for_futures_in_the_jobs_own_loop_is_refused() -> None:
    """It would stop the loop that has to run for them to end."""
    async with ja.open_jobs() as jobs:
        opened = trio.Event()
        future = executor_of(jobs).submit(opened.wait)
        with pytest.raises(ja.WrongThread, match=r"await future\.job"):
            futures.wait([future])
        with pytest.raises(ja.WrongThread, match=r"await future\.job"):
            next(futures.as_completed([future]))
        opened.set()


def test_the_number_of_workers_is_the_number_of_slots(jobs: ja.Jobs) -> None:
    """Libraries that cut work into pieces ask for it."""
    pool: Any = executor_of(jobs)
    assert pool._max_workers == 2
    jobs.scale(7)
    assert pool._max_workers == 7
    jobs.scale(None)
    assert pool._max_workers == futures.ThreadPoolExecutor()._max_workers


# --- a runner that waits elsewhere ------------------------------------------------------------


class Cluster:
    """A cluster in the jobs' own loop."""

    name = "cluster of futures"
    takes_slot = True
    can_abandon = False
    waits_elsewhere = True

    def __init__(self) -> None:
        self.come, self.opened, self.begun = trio.Event(), trio.Event(), trio.Event()
        self.finished = trio.Event()

    async def run(self, attempt: ja.Attempt) -> Any:
        """Wait for the cluster, say that it begins, and call the function."""
        self.come.set()
        await self.opened.wait()
        await attempt.started()
        self.begun.set()
        await self.finished.wait()
        return attempt.function(*attempt.args, **attempt.kwargs)


async def test_a_future_is_pending_for_as_long_as_its_runner_waits_elsewhere() -> None:
    """It runs when its job does, and not when the runner has got it."""
    cluster = Cluster()
    async with ja.open_jobs() as jobs:
        future = executor_of(jobs.options(runner=cluster)).submit(pow, 2, 3)
        await cluster.come.wait()
        assert (future.running(), future.done()) == (False, False)
        cluster.opened.set()
        await cluster.begun.wait()
        assert future.running()
        cluster.finished.set()
    assert future.result() == 8


async def test_a_future_whose_runner_waits_elsewhere_can_be_cancelled() -> None:
    """As any pending one; its function never begins."""
    cluster = Cluster()
    async with ja.open_jobs() as jobs:
        future = executor_of(jobs.options(runner=cluster)).submit(pow, 2, 3)
        await cluster.come.wait()
        assert future.cancel()
        cluster.opened.set()
    assert future.cancelled()
    assert not cluster.begun.is_set()


# --- errors -----------------------------------------------------------------------------------


def stop() -> int:
    """Raise what ends an iterator."""
    return next(iter([]))


async def stop_async() -> int:
    """The same in a coroutine, where Python wraps it."""
    return next(iter([]))


@pytest.mark.parametrize(
    ("runner", "function"),
    [("thread", stop), ("process", stop), ("trio", stop_async), ("asyncio", stop_async)],
)
def test_stop_iteration_arrives_as_one_error_from_all_runners(
    jobs: ja.Jobs, runner: Any, function: Any
) -> None:
    """In a future as itself, as from any pool; a job's waiter gets JobFailed from it."""
    with_runner = jobs.options(runner=runner)
    assert isinstance(executor_of(with_runner).submit(function).exception(FAR), StopIteration)
    error = with_runner.submit(function).exception(FAR)
    assert isinstance(error, ja.JobFailed)
    assert isinstance(error.__cause__, StopIteration)
