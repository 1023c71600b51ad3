"""A job that raises, returns or asks for anything at all ends alone."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from tests.model.hostile import (
    EXCEPTIONS,
    RESULTS,
    SNOOZES,
    of_striking_type,
    striking_kind,
    take_apart,
)

if TYPE_CHECKING:
    from collections.abc import Callable

RUNNERS = ["trio", "thread"]


async def end_of(runner: Any, code: Callable[[], Any], **options: Any) -> ja.JobSnapshot:
    """Run a job beside another one, which must be none the worse, and so must a later one."""

    async def in_loop() -> Any:
        return code()

    async with ja.open_jobs(unread_failures="ignore", store=ja.MemoryStore()) as jobs:
        beside = jobs.options(hold=True).submit(int)
        job = jobs.options(runner=runner, **options).submit(in_loop if runner == "trio" else code)
        await job.wait()
        await job.stored()
        beside.release()
        assert await beside == 0
        assert await jobs.run(int) == 0
        return job.snapshot()


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", EXCEPTIONS)
async def test_a_job_fails_with_any_exception(name: str, runner: str) -> None:
    made = []

    def fail() -> None:
        made.append(EXCEPTIONS[name]())
        raise made[0]

    snapshot = await end_of(runner, fail, retry=ja.Retry(max=2, on=striking_kind(Exception)))
    assert snapshot.state is ja.JobState.FAILED
    assert snapshot.attempt == 1
    assert snapshot.error
    take_apart(made[0])


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", RESULTS)
async def test_a_job_succeeds_with_any_result(name: str, runner: str) -> None:
    snapshot = await end_of(runner, RESULTS[name])
    assert snapshot.state is ja.JobState.SUCCEEDED


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", SNOOZES)
async def test_a_bad_snooze_fails_its_job_and_says_what_was_wrong(name: str, runner: str) -> None:
    make, says = SNOOZES[name]

    def doze() -> None:
        raise make()

    snapshot = await end_of(runner, doze)
    assert snapshot.state is ja.JobState.FAILED
    assert snapshot.error is not None
    assert says in snapshot.error.message
    assert "raise make()" in snapshot.error.traceback, "it says where"


class Given:
    """Whatever is handed over; a plain object that one of these hides in."""

    def __init__(self, value: object) -> None:
        self.value = value


@dataclass
class Held:
    """A dataclass, which is looked into for jobs."""

    value: Any


def take(*args: object, **kwargs: object) -> int:
    return len(args) + len(kwargs)


@pytest.mark.parametrize("name", RESULTS)
async def test_a_job_takes_any_argument(name: str) -> None:
    """By place, by name and inside of others, beside a job whose result is put in its place."""
    value = RESULTS[name]()
    async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
        upstream = jobs.submit(int)
        job = jobs.submit(take, value, [value, Held(value)], type(value), upstream, named=value)
        assert await job == 5
        assert await jobs.map(take, [value, Given(value)]) == [1, 1]
        assert await jobs.options(key="k").submit(take, {1: value}, [upstream, value]) == 2
        assert await jobs.run(int) == 0


async def test_a_class_of_a_striking_type_may_be_a_key_s_argument_and_an_iterable() -> None:
    """What asks for the class of a value asks for its identity, or its bases, alone."""
    rows: Any = list.__new__(striking_kind(list))
    list.extend(rows, [1, 2, 3])

    def count(rows: Any) -> int:
        return sum(1 for _ in ja.track(rows))

    async with ja.open_jobs() as jobs:
        keyed = jobs.options(key="k", hold=True)
        first = keyed.submit(count, rows)
        again = keyed.submit(count, rows)
        assert again == first, "these arguments are one object"
        with pytest.raises(ja.DuplicateJob, match="other arguments"):
            keyed.submit(count, of_striking_type(object))
        first.release()
        assert await first == 3
        assert first.snapshot().progress.done == 3
        phases = [ja.phase("Count", count, {"rows": rows}), ja.phase("Take", take, {"row": rows})]
        assert (await jobs.submit(ja.chain(*phases))).success


async def test_a_class_whose_metaclass_raises_is_a_function_without_a_signature() -> None:
    """As a builtin may be: nothing can be said about the arguments before it is called."""

    class Meta(type):
        def __eq__(cls, other: object) -> bool:
            raise RuntimeError("a class is not compared")

        def __hash__(cls) -> int:
            raise RuntimeError("a class is not hashed")

    class Model(metaclass=Meta):
        pass

    async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
        assert type(await jobs.submit(Model)) is Model
        with pytest.raises(TypeError, match="key must be hashable, not "):
            jobs.options(key=Model)
