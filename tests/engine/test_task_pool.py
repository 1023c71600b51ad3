"""The tasks of ``async def`` jobs: used again, and nothing of a job reaches the next one."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import gc
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import ref

import pytest
import trio
import trio.lowlevel
import trio.testing

import jobactors as ja
from jobactors.engine.loop import task_pool
from jobactors.engine.loop.task_pool import PooledTask, TaskPool
from jobactors.engine.queue.entry import MOST_STARTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Job = Callable[[], Awaitable[object]]
    Task = ref[trio.lowlevel.Task]
    """A task that is referred to weakly: one that anything else refers to is not used again."""

VARIABLE: ContextVar[object] = ContextVar("VARIABLE", default=None)
LOCK = trio.Lock()


async def own_task() -> Task:
    return ref(trio.lowlevel.current_task())


async def waiting_task() -> Task:
    await trio.lowlevel.checkpoint()
    return ref(trio.lowlevel.current_task())


def parked_in(jobs: ja.Jobs) -> list[Any]:
    return jobs._system.core.tasks._parked


@pytest.mark.parametrize("function", [own_task, waiting_task])
async def test_a_job_that_returns_leaves_its_task_to_the_next_one(function: Job) -> None:
    async with ja.open_jobs() as jobs:
        assert await jobs.run(function) is await jobs.run(function)


async def test_a_task_has_the_name_of_its_job_and_between_two_one_of_its_own() -> None:
    async def name_and_task() -> tuple[str, Task]:
        task = trio.lowlevel.current_task()
        return task.name, ref(task)

    async with ja.open_jobs() as jobs:
        for _ in range(2):
            job = jobs.submit(name_and_task)
            name, task = await job
            assert name == job.id
            assert name_of(task) == "jobactors-task"


def name_of(task: Task) -> str | None:
    alive = task()
    return None if alive is None else alive.name


def tasks_beside() -> list[Task]:
    found: list[Task] = []
    root = trio.lowlevel.current_root_task()
    waiting = [root] if root is not None else []
    while waiting:
        task = waiting.pop()
        found.append(ref(task))
        for nursery in task.child_nurseries:
            waiting += nursery.child_tasks
    return found


async def raises() -> NoReturn:
    raise ValueError


async def is_cancelled() -> None:
    actor_of_own().cancel("itself")
    await trio.sleep_forever()


async def returns_after_a_cancel() -> None:
    actor_of_own().cancel("itself")


def actor_of_own() -> Any:
    host: Any = ja.current_job()._system
    return host.find(ja.current_job().id).actor


async def leaves_a_scope() -> None:
    trio.CancelScope().__enter__()


async def leaves_a_lock() -> None:
    LOCK.acquire_nowait()


async def leaves_a_nursery() -> None:
    await trio.open_nursery().__aenter__()


@pytest.mark.parametrize(
    "job",
    [
        raises,
        is_cancelled,
        returns_after_a_cancel,
        leaves_a_scope,
        leaves_a_lock,
        leaves_a_nursery,
    ],
)
async def test_after_any_other_end_or_with_traces_the_task_ends(job: Job) -> None:
    tasks: list[Task] = []

    async def run() -> object:
        tasks.append(ref(trio.lowlevel.current_task()))
        return await job()

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        await jobs.submit(run).wait()
        assert parked_in(jobs) == []
        assert await jobs.run(waiting_task) is not tasks[0]


async def test_a_scope_that_a_job_leaves_open_fails_that_job() -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(RuntimeError, match="stack corrupted"):
            await jobs.run(leaves_a_scope)
        await jobs.run(waiting_task)


async def test_a_lock_that_a_job_keeps_is_broken_for_the_others() -> None:
    lock = trio.Lock()

    async def keep() -> None:
        await lock.acquire()

    async with ja.open_jobs() as jobs:
        await jobs.run(keep)
        with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
            await lock.acquire()


async def test_a_token_that_a_job_keeps_is_not_held_by_the_next_one() -> None:
    limiter = trio.CapacityLimiter(3)

    async def keep() -> None:
        await limiter.acquire()

    async def use() -> int:
        async with limiter:
            return limiter.borrowed_tokens

    async with ja.open_jobs() as jobs:
        await jobs.run(keep)
        assert await jobs.run(use) == 2


async def test_a_job_that_a_user_finds_by_its_task_is_not_taken_for_the_next_one() -> None:
    seen: dict[trio.lowlevel.Task, int] = {}

    async def see() -> int:
        return seen.setdefault(trio.lowlevel.current_task(), len(seen))

    async with ja.open_jobs() as jobs:
        assert [await jobs.run(see) for _ in range(3)] == [0, 1, 2]


async def test_a_job_sees_its_own_context_variables_alone() -> None:
    async def note(value: object) -> object:
        before = VARIABLE.get()
        VARIABLE.set(value)
        await trio.lowlevel.checkpoint()
        return before

    async with ja.open_jobs() as jobs:
        token = VARIABLE.set("submitter")
        assert [await jobs.run(note, n) for n in range(3)] == ["submitter"] * 3
        VARIABLE.reset(token)
        assert await jobs.run(note, 3) is None


async def test_a_parked_task_holds_nothing_of_its_job() -> None:
    class Thing:
        pass

    async def hold(thing: Thing) -> Thing:
        VARIABLE.set(thing)
        await trio.lowlevel.checkpoint()
        return thing

    async with ja.open_jobs(retention=ja.Retention(jobs=0)) as jobs:
        thing = Thing()
        gone = ref(thing)
        await jobs.run(hold, thing)
        del thing
        assert len(parked_in(jobs)) == 1
        with trio.fail_after(5):
            while gone() is not None:
                gc.collect()
                await trio.sleep(0.001)


async def test_a_cancel_of_a_job_in_its_first_moment_is_not_lost() -> None:
    async with ja.open_jobs() as jobs:
        await jobs.run(own_task)
        job = jobs.submit(trio.sleep_forever)
        job.cancel("in the same turn of the loop")
        with trio.fail_after(5):
            assert (await job.wait()).reason == "in the same turn of the loop"


async def test_a_cancel_of_an_attempt_that_is_over_spares_the_next_one_in_its_task() -> None:
    actors: list[Any] = []

    async def first() -> Task:
        actors.append(actor_of_own())
        return await own_task()

    async with ja.open_jobs() as jobs:
        task = await jobs.run(first)
        next_one = jobs.submit(waiting_task)
        actors[0]._make_scope().cancel()
        assert await next_one is task


async def test_a_timeout_of_one_job_spares_the_next_one_in_its_task(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with ja.open_jobs() as jobs:
        limited = jobs.options(timeout=1.0)
        task = await limited.submit(waiting_task)
        slow = jobs.submit(sleep_and_tell, 10.0)
        assert await slow is task


async def sleep_and_tell(seconds: float) -> Task:
    await trio.sleep(seconds)
    return await own_task()


@pytest.mark.parametrize("name", ["_references_to", "_innermost_scope_of"])
async def test_with_a_trio_or_python_that_cannot_tell_a_task_makes_one_call(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_pool, name, None if name == "_references_to" else lambda _task: None)
    async with ja.open_jobs() as jobs:
        assert await jobs.run(own_task) is not await jobs.run(own_task)


async def test_as_many_tasks_stay_as_jobs_start_in_one_turn() -> None:
    async with ja.open_jobs(max_running=None) as jobs:
        opened = trio.Event()
        many = [jobs.submit(opened.wait) for _ in range(2 * MOST_STARTS)]
        await trio.testing.wait_all_tasks_blocked()
        opened.set()
        for job in many:
            await job
        assert len(parked_in(jobs)) == MOST_STARTS


async def test_a_task_whose_call_outlasts_the_pool_ends_with_it() -> None:
    pool, opened = TaskPool(), trio.Event()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            pool.open(nursery.start_soon)
            used: list[PooledTask] = []

            async def call() -> None:
                with used[0]:
                    await opened.wait()

            used.append(pool.start(call, "outlasts", None))
            await trio.testing.wait_all_tasks_blocked()
            pool.close()
            opened.set()


async def test_parked_tasks_end_with_their_system() -> None:
    async with ja.open_jobs() as jobs:
        task = await jobs.run(own_task)
        assert task in tasks_beside()
    assert task not in tasks_beside()


async def test_parked_tasks_end_with_an_engine_that_fails() -> None:
    with pytest.raises(ja.EngineFailed):  # noqa: PT012 - it leaves the block
        async with ja.open_jobs() as jobs:
            task = await jobs.run(own_task)
            jobs._system.fail(ValueError("for a test"))
            await trio.sleep_forever()
    assert task not in tasks_beside()
    assert parked_in(jobs) == []


@pytest.mark.parametrize("at_the_end", [True, False])
async def test_an_engine_that_fails_while_it_wakes_a_task_ends_well(
    at_the_end: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task waits still, and is cancelled with the others."""

    def fail(*_: object) -> None:
        raise MemoryError

    with trio.fail_after(60), pytest.raises(ja.EngineFailed):  # noqa: PT012 - it leaves the block
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            await jobs.submit(trio.sleep, 0)
            monkeypatch.setattr(PooledTask, "wake", fail)
            if not at_the_end:
                await jobs.submit(trio.sleep, 0).wait()
