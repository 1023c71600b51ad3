"""Starts and stops, a thousand of them, leave nothing: no thread, task, process, file, object.

`make test` does thirty of each, `make death` (JOBACTORS_ROUNDS=1000) a thousand.
"""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections import Counter
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = int(os.environ.get("JOBACTORS_ROUNDS", "30"))
WARM_UP = 5
"""Rounds before the first count, in which caches fill: trio's worker threads, imports, regexps."""
PATIENCE = 60
"""Seconds for a thread on its way out, which still has what its last call had."""
SLACK = 20
"""How many more objects of one class may be there in the end: caches are not exactly even."""


@pytest.fixture(autouse=True, scope="module")
def _only_what_is_made_here() -> None:
    """Leave out what is there before: a count of millions of others' objects takes a second."""
    gc.collect()
    gc.freeze()


class Own:
    """What a job holds on to; none may be left."""


def children() -> int:
    """How many processes this one has."""
    return len(psutil.Process().children(recursive=True))


def descriptors() -> int:
    """How many files, sockets and pipes are open."""
    return int(psutil.Process().num_fds())


def tasks() -> int:
    """How many trio tasks there are in this run."""
    return trio.lowlevel.current_statistics().tasks_living


IN_TRIOS_DEADLINES: Final = frozenset({"CancelScope", "CancelReason"})
"""The classes of what trio has in its list of deadlines."""


def our_objects() -> Counter[str]:
    """How many objects of this package's classes there are, and frames and tracebacks.

    Not the cancel scopes themselves, nor why they were cancelled: trio forgets the deadlines of
    closed ones a thousand at a time.  One that is open has a CancelStatus.
    """
    gc.collect()
    return Counter(
        type(thing).__qualname__
        for thing in gc.get_objects()
        if isinstance(thing, FrameType | TracebackType | Own)
        or (
            str(type(thing).__module__).startswith(("jobactors", "trio"))
            and type(thing).__qualname__ not in IN_TRIOS_DEADLINES
        )
    )


class Count:
    """What there is at one moment."""

    def __init__(self) -> None:
        self.objects = our_objects()
        self.threads = threading.active_count()
        self.children = children()
        self.descriptors = descriptors()

    def more_objects(self) -> dict[str, int]:
        """Return of what there is more now, by as much as a leak would bring."""
        more = our_objects() - self.objects
        return {kind: n for kind, n in more.items() if n > SLACK}

    def check(self) -> None:
        """Fail if there is more of anything now."""
        now = Count()
        assert not (more := self.more_objects()), f"objects that nobody needs are kept: {more}"
        assert now.threads <= self.threads + SLACK  # idle ones of trio's cache among them
        assert now.children <= self.children
        assert now.descriptors <= self.descriptors


def work(_: Own) -> str:
    """Be a job in a thread, or in a process."""
    ja.progress(1, 2)
    return "done"


async def work_in_trio(_: Own) -> str:
    """Be a job in trio, or in asyncio."""
    ja.progress(1, 2)
    return "done"


async def fail(_: Own) -> None:
    """Be a job that fails deep inside, with plenty in its frames."""
    mine = [Own() for _ in range(10)]

    def deep(n: int) -> None:
        if not n:
            raise ValueError(len(mine))
        deep(n - 1)

    deep(20)


async def wait(_: Own) -> None:
    """Be a job that ends by its cancel."""
    await trio.sleep_forever()


# --- ja.start ----------------------------------------------------------------------------------


def a_life(runner: str) -> None:
    """Start, run a job, leave one running, stop."""
    jobs = ja.start(max_running=None)
    function = work if runner in {"thread", "process"} else work_in_trio
    assert jobs.options(runner=runner).submit(function, Own()).result(60) == "done"  # type: ignore[arg-type]
    jobs.options(grace=5).submit(wait, Own())
    ja.stop(grace=0)


@pytest.mark.parametrize("runner", ["trio", "thread", "asyncio", "process"])
def test_starts_and_stops_leave_nothing(runner: str) -> None:
    """No thread, process, file descriptor or object."""
    rounds = ROUNDS if runner != "process" else max(3, ROUNDS // 10)
    for _ in range(WARM_UP):
        a_life(runner)
    before = Count()
    for _ in range(rounds):
        a_life(runner)
    deadline = time.monotonic() + PATIENCE
    while before.more_objects() and time.monotonic() < deadline:
        time.sleep(0.05)
    before.check()


# --- open_jobs ---------------------------------------------------------------------------------


async def repeat(a_round: Callable[[], Awaitable[None]], rounds: int = ROUNDS) -> None:
    """Do something often, and check that nothing of it is left."""
    for _ in range(WARM_UP):
        await a_round()
    before, tasks_before = Count(), tasks()
    for _ in range(rounds):
        await a_round()
    await wait_all_tasks_blocked()
    assert tasks() == tasks_before
    for _ in range(PATIENCE * 20):
        if not before.more_objects():
            break
        await trio.sleep(0.05)
    before.check()


async def test_blocks_leave_nothing() -> None:
    """Whatever their jobs did."""

    async def a_block() -> None:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            jobs.submit(work_in_trio, Own())
            jobs.submit(work, Own())
            jobs.submit(fail, Own())
            jobs.options(hold=True).submit(wait, Own())
            jobs.submit(wait, Own()).cancel()
            await jobs.map(len, ["a", "bc"])

    await repeat(a_block)


async def test_blocks_left_by_an_error_leave_nothing() -> None:
    """Their jobs are cancelled, their exceptions let go."""

    async def leave() -> None:
        async with ja.open_jobs() as jobs:
            jobs.submit(wait, Own())
            await jobs.run(work_in_trio, Own())
            raise KeyError

    async def a_block() -> None:
        with pytest.raises(KeyError):
            await leave()

    await repeat(a_block)


# --- in one system that goes on ----------------------------------------------------------------


async def test_jobs_that_were_read_and_taken_leave_nothing() -> None:
    """A failed one keeps no frame, and a forgotten handle no job."""
    async with ja.open_jobs(retention=ja.Retention(jobs=5, read=2)) as jobs:

        async def some_jobs() -> None:
            with pytest.raises(ValueError, match="10"):
                await jobs.submit(fail, Own())
            failed = jobs.submit(fail, Own())
            await failed.wait()
            jobs.registry.take(failed.id)
            cancelled = jobs.options(key="one", resources="mutex").submit(wait, Own())
            after = jobs.options(after=cancelled).submit(work_in_trio, Own())
            cancelled.cancel()
            await after.wait()
            retried = jobs.options(retry=ja.Retry(max=2, base=0)).submit(fail, Own())
            assert isinstance((await retried.wait()).outcome, ja.Outcome)
            patient = jobs.options(timeout=86_400, start_deadline=86_400, grace=86_400)
            assert await patient.run(work, Own()) == "done"
            patient.options(hold=True).submit(work, Own()).cancel()
            jobs.registry.take(retried.id)

        await repeat(some_jobs)


async def test_an_ended_job_leaves_nothing_for_the_garbage_collector() -> None:
    """What ran it is gone when it has ended: no circle keeps it, in whatever way it ended."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        gc.collect()
        gc.disable()
        try:
            before = {id(thing) for thing in gc.get_objects()}  # other tests leave things, too
            for function in (work, work_in_trio, trio.lowlevel.checkpoint):
                job = jobs.submit(function, *([] if function is trio.lowlevel.checkpoint else [1]))  # type: ignore[arg-type]
                await job
            left = set[str]()
            for _ in range(600):  # a worker thread lets go of its call after it has handed it over
                await wait_all_tasks_blocked()
                left = {type(it).__name__ for it in gc.get_objects() if id(it) not in before}
                left &= {"Actor", "AttemptToolbox", "JobContext", "Sampler", "Meter"}
                if not left:
                    break
                await trio.sleep(0.05)
        finally:
            gc.enable()
        assert not left


async def test_a_failed_job_lets_its_frames_go_at_once() -> None:
    """Also while somebody keeps the job, and its exception."""
    kept: list[weakref.ref[Own]] = []

    async def hold_and_fail() -> None:
        mine = Own()
        kept.append(weakref.ref(mine))
        raise ValueError("with something in its frame")

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.submit(hold_and_fail)
        ended = await job.wait()
        await wait_all_tasks_blocked()
        gc.collect()
        assert kept[0]() is None
        assert ended.outcome is not None
        assert isinstance(ended.outcome.exception, ValueError)


async def test_subscriptions_and_watchers_leave_nothing() -> None:
    """However they end: left, cancelled, unsubscribed, failed or run to their end."""
    async with ja.open_jobs(retention=ja.Retention(jobs=5, read=2)) as jobs:

        async def serve_briefly(_: ja.Jobs) -> None:
            await trio.lowlevel.checkpoint()

        async def watch() -> None:
            async with jobs.subscribe() as batches:
                async for _ in batches:
                    pass

        async def some_watchers() -> None:
            heard: list[Any] = []
            stop = jobs.on_event(heard.append, ja.JobFinished)
            ja.lowlevel.attach(jobs, serve_briefly)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch)
                async with jobs.subscribe(ja.JobFinished) as batches:
                    await jobs.run(work_in_trio, Own())
                    async for batch in batches:
                        if any(isinstance(event, ja.JobFinished) for event in batch):
                            break
                nursery.cancel_scope.cancel()
            stop()
            stop()
            await wait_all_tasks_blocked()

        await repeat(some_watchers)


async def test_waiters_that_give_up_leave_nothing() -> None:
    """A job that runs for long does not remember who has waited for it."""
    async with ja.open_jobs() as jobs:
        long = jobs.submit(wait, Own())

        def wait_in_vain() -> None:
            with pytest.raises(TimeoutError):
                long.result(timeout=0)

        async def give_up() -> None:
            with trio.move_on_after(0):
                await long
            await trio.to_thread.run_sync(wait_in_vain)
            after = jobs.options(after=long).submit(work_in_trio, Own())
            after.cancel()
            jobs.registry.take(after.id)

        await repeat(give_up)
        long.cancel()
