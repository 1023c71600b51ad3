"""The calls of ended jobs: they are there for a restart, within the limits of retention."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

import jobactors as ja

SIZE = 100_000
PATIENCE = 60


class Large:
    """Takes much memory."""

    def __init__(self, size: int = SIZE) -> None:
        self.content = bytes(size)


async def take(value: object) -> int:
    return id(value) > 0


async def fail(value: object) -> None:
    raise ValueError


def watched(references: list[weakref.ref[Large]], count: int) -> Iterator[Large]:
    for _ in range(count):
        large = Large()
        references.append(weakref.ref(large))
        yield large


async def let_go(references: list[weakref.ref[Large]], left: int = 0) -> None:
    """Wait until so many are left, whose memory a thread lets go of."""
    with trio.fail_after(PATIENCE):
        while sum(reference() is not None for reference in references) > left:
            await trio.sleep(0.001)
            gc.collect()


async def test_large_arguments_go_when_the_result_is_read() -> None:
    async with ja.open_jobs() as jobs:
        large = Large()
        reference = weakref.ref(large)
        job = jobs.submit(take, large)
        del large
        await job.wait()
        assert job.arguments[0][0] is reference()
        await job
        await let_go([reference])
        with pytest.raises(ja.NotResumable, match=r"let go when its result was read.*submit it"):
            job.restart()


async def test_small_arguments_stay_and_so_do_those_of_a_failed_job() -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        small = jobs.submit(take, [1, 2, 3])
        await small
        assert await small.restart()
        job = jobs.submit(fail, Large())
        with pytest.raises(ValueError, match="raised in job"):
            await job
        assert (await job.restart().wait()).state == "failed"


async def test_arguments_go_before_any_job_does() -> None:
    """The oldest first, and they count with the results."""
    references: list[weakref.ref[Large]] = []
    limit = ja.Retention(result_bytes=3 * SIZE + SIZE // 2)
    async with ja.open_jobs(retention=limit, unread_failures="ignore") as jobs:
        handles = []
        for large in watched(references, 5):
            job = jobs.submit(fail, large)
            del large
            await job.wait()
            handles.append(job)
        await let_go(references, 3)
        assert [handle.arguments[0] == () for handle in handles] == [True, True] + [False] * 3
        assert len(jobs.list()) == 5
        assert jobs.stats().pruned_unread == 0


async def test_a_batch_over_a_generator_holds_no_more_arguments_than_retention_allows() -> None:
    references: list[weakref.ref[Large]] = []
    limit = ja.Retention(result_bytes=3 * SIZE + SIZE // 2)
    async with ja.open_jobs(retention=limit) as jobs:
        batch = jobs.map(take, watched(references, 50))
        async for _ in batch:
            pass
        assert len(batch.jobs) == 50
        await let_go(references, 5)  # one more is the generator's, one the batch's
        assert jobs.stats().pruned_unread == 0
        assert await batch == [True] * 50


async def test_a_result_among_arguments_counts_and_goes_as_well() -> None:
    async def make() -> Large:
        return Large()

    async with ja.open_jobs(retention=ja.Retention(jobs=1)) as jobs:
        made = jobs.submit(make)
        used = jobs.submit(take, made)
        await used.wait()
        reference = weakref.ref(await made)
        del made
        await used
        await let_go([reference])


async def test_a_handle_of_a_pruned_job_holds_no_large_arguments() -> None:
    references: list[weakref.ref[Large]] = []
    async with ja.open_jobs(retention=ja.Retention(jobs=1), unread_failures="ignore") as jobs:
        (first,) = [jobs.submit(fail, large) for large in watched(references, 1)]
        await first.wait()
        await jobs.submit(take, 1).wait()
        await let_go(references)
        with pytest.raises(ja.NotResumable, match="retention"):
            first.restart()


@ja.job("hold rows")
async def hold_rows(rows: list[int]) -> int:
    return len(rows)


async def test_what_a_store_holds_is_found_there_again() -> None:
    async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
        job = jobs.submit(hold_rows, list(range(5_000)))
        assert await job == 5_000
        assert job.arguments == ((), {})
        assert await job.restart() == 5_000


# -- what holds memory beside the arguments

Call = tuple[Callable[..., Awaitable[Any]], dict[str, Any]]


def closed_over(large: Large) -> Call:
    async def work() -> int:
        return len(large.content)

    return work, {}


def behind_a_decorator(large: Large) -> Call:
    inner, _ = closed_over(large)

    async def work() -> Any:
        return await inner()

    return work, {}


def default(large: Large) -> Call:
    async def work(value: Large = large) -> int:
        return len(value.content)

    return work, {}


def default_by_name(large: Large) -> Call:
    async def work(*, value: Large = large) -> int:
        return len(value.content)

    return work, {}


def of_a_partial(large: Large) -> Call:
    return partial(take, large), {}


def of_a_method(large: Large) -> Call:
    class Model:
        weights = None

        async def train(self) -> None:
            pass

    model = Model()
    model.weights = large  # type: ignore[assignment]
    return model.train, {}


def of_the_hook(large: Large) -> Call:
    async def note(snapshot: ja.JobSnapshot) -> None:
        assert large.content

    return partial(take, 1), {"on_done": note}


@pytest.mark.parametrize(
    "make",
    [
        closed_over,
        behind_a_decorator,
        default,
        default_by_name,
        of_a_partial,
        of_a_method,
        of_the_hook,
    ],
)
async def test_what_a_function_holds_goes_when_the_result_is_read(
    make: Callable[[Large], Call],
) -> None:
    async with ja.open_jobs() as jobs:
        large = Large()
        reference = weakref.ref(large)
        function, options = make(large)
        del large
        job = jobs.options(**options).submit(function)
        del function, options
        await job.wait()
        gc.collect()
        assert reference() is not None  # as long as it may be restarted
        await job
        del make
        await let_go([reference])
        with pytest.raises(ja.NotResumable, match="let go when its result was read"):
            job.restart()


async def test_a_small_closure_stays_and_so_does_a_function_of_a_module() -> None:
    async with ja.open_jobs() as jobs:
        small, _ = closed_over(Large(10))
        job = jobs.submit(small)
        await job
        assert await job.restart() == 10
        job = jobs.submit(with_a_large_default)
        await job
        assert await job.restart() == SIZE


async def test_a_function_that_the_program_holds_can_be_restarted() -> None:
    class Program:
        def __init__(self) -> None:
            self.content = bytes(SIZE)
            self.ends = list[str]()

        async def work(self, times: int) -> int:
            return times * len(self.content)

        def note(self, snapshot: ja.JobSnapshot) -> None:
            self.ends.append(snapshot.id)

    async with ja.open_jobs() as jobs:
        program = Program()
        job = jobs.options(on_done=program.note).submit(program.work, 2)
        assert await job == 2 * SIZE
        again = job.restart()
        assert await again == 2 * SIZE
    assert set(program.ends) == {job.id, again.id}  # hooks have threads of their own


async def with_a_large_default(value: Large = Large()) -> int:  # noqa: B008 - the point of it
    return len(value.content)


class Refused(Exception):
    """An error that holds what was refused."""

    def __init__(self, request: Large) -> None:
        super().__init__("refused")
        self.request = request


async def refuse(request: Large) -> None:
    raise Refused(request)


async def print_much() -> None:
    for _ in range(SIZE // 500):
        sys.stdout.write("x" * 500 + "\n")


@pytest.mark.parametrize("kind", ["error", "metadata", "log"])
async def test_errors_metadata_and_logs_count_as_results_do(kind: str) -> None:
    """Of the jobs that take more than the limit the oldest go, though nothing has read them."""
    limit = ja.Retention(result_bytes=3 * SIZE + SIZE // 2)
    async with ja.open_jobs(retention=limit, unread_failures="ignore") as jobs:
        for n in range(6):
            if kind == "error":
                await jobs.submit(refuse, Large()).wait()
            elif kind == "metadata":
                await jobs.options(metadata={"rows": bytes(SIZE)}).submit(take, n).wait()
            else:
                await jobs.submit(print_much).wait()
        assert 1 <= len(jobs.list()) <= 3
        assert jobs.stats().pruned_unread >= 3
