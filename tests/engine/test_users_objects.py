"""Code of users' objects runs in the thread of the job or the caller it belongs to, not the loop's.

A trio job's own thread is the loop's, and so is that of a submit made there.
"""

# ruff: noqa: D102, D103 - a test's name is its sentence

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

import jobactors as ja

RAN_IN: set[int] = set()
"""The threads in which code of the objects below has run."""


def note() -> None:
    RAN_IN.add(threading.get_ident())


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    RAN_IN.clear()
    yield
    RAN_IN.clear()


class Noting(Exception):
    """Notes the threads in which its text is taken."""

    def __str__(self) -> str:
        note()
        return "noted"


class Later(ja.Snooze):
    """Notes where it is asked for its delay."""

    @property
    def delay(self) -> float:
        note()
        return float(self.__dict__["_delay"])

    @delay.setter
    def delay(self, delay: float) -> None:
        self.__dict__["_delay"] = delay


def fail() -> None:
    raise Noting


def fail_with_many() -> None:
    raise ExceptionGroup("many", [Noting() for _ in range(50_000)])


def fail_by_a_cause() -> None:
    raise ValueError("plain") from Noting()


def fail_with_an_argument() -> None:
    raise ValueError(Value())


class Pretending(Exception):
    """Notes where it is asked for its class, as ``isinstance`` does."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        note()
        return Exception


class WithNotes(Exception):
    """Notes where it is asked for its notes."""

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        note()
        return []


class Naming(type):
    """Notes where a class is asked for its module."""

    def __getattribute__(cls, name: str) -> Any:
        note()
        return type.__getattribute__(cls, name)


class OfAMetaclass(Exception, metaclass=Naming):
    """Has a class with code of its own."""


class Suggesting:
    """Notes where it is looked through for an attribute or variable that is meant."""

    def __getattr__(self, name: str) -> Any:
        note()
        raise AttributeError(name)

    def run(self) -> None:
        if sys.version_info < (3, 12):
            self.missing  # noqa: B018 - nothing looks through it for a name before
        missing  # type: ignore[name-defined]  # noqa: B018, F821


def fail_with_a_class_that_lies() -> None:
    raise Pretending


def fail_with_notes() -> None:
    raise WithNotes


def fail_with_a_metaclass() -> None:
    raise OfAMetaclass


def fail_with_a_file() -> None:
    raise OSError(2, "not found", Value())


class Rebuilt:
    """Notes where it is rebuilt."""

    def __setstate__(self, state: object) -> None:
        note()

    def __getstate__(self) -> object:
        return {"a": 1}


def fail_with_a_rebuilt_value() -> None:
    raise ValueError(Rebuilt())


def snooze_once() -> None:
    if ja.current_job().attempt == 1:
        raise Later(0)
    fail()


async def fail_in_asyncio() -> None:
    fail()


def failing_chain() -> Any:
    return ja.chain(ja.phase("Fail", fail), name="failing")


@pytest.mark.parametrize(
    ("work", "runner"),
    [
        (fail, "thread"),
        (fail_with_many, "thread"),
        (fail_by_a_cause, "thread"),
        (fail_with_an_argument, "thread"),
        (fail_with_a_metaclass, "thread"),
        (fail_with_a_file, "thread"),
        (Suggesting().run, "thread"),
        (snooze_once, "thread"),
        (fail_in_asyncio, "asyncio"),
        (fail_with_a_rebuilt_value, "process"),
        (failing_chain, None),
    ],
)
async def test_the_text_of_an_exception_is_taken_elsewhere(
    work: Callable[[], Any], runner: Any
) -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        submitter = jobs if runner is None else jobs.options(runner=runner)
        job = submitter.submit(work() if runner is None else work)
        assert (await job.wait()).state == "failed"
    assert RAN_IN
    assert threading.get_ident() not in RAN_IN


@pytest.mark.parametrize("work", [fail_with_a_class_that_lies, fail_with_notes])
async def test_an_exception_is_not_asked_for_its_class_and_its_notes(
    work: Callable[[], Any],
) -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        assert (await jobs.submit(work).wait()).state == "failed"
    assert not RAN_IN


class Value:
    """Notes where it is measured, hashed, compared and shown."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    @property
    def nbytes(self) -> int:
        note()
        return 8

    def __sizeof__(self) -> int:
        note()
        return 8

    def __hash__(self) -> int:
        note()
        return self.number % 2

    def __eq__(self, other: object) -> bool:
        note()
        return isinstance(other, Value) and other.number == self.number

    def __repr__(self) -> str:
        note()
        return f"Value({self.number})"


async def test_a_result_is_measured_without_its_own_code() -> None:
    async with ja.open_jobs() as jobs:
        await jobs.run(Value)
    assert not RAN_IN


def hold(value: object = None) -> object:
    ja.current_job().check()
    return value


async def test_keys_and_arguments_are_compared_by_the_thread_that_submits() -> None:
    async with ja.open_jobs() as jobs:

        def submit() -> list[ja.Job[Any]]:
            held = jobs.options(hold=True)
            first = held.options(key=Value(1)).submit(hold, Value(5))
            same = held.options(key=Value(1)).submit(hold, Value(5))
            other = held.options(key=Value(3)).submit(hold, Value(5))  # of the same hash
            with pytest.raises(ja.DuplicateJob, match=r"key Value\(1\) .*other arguments") as error:
                held.options(key=Value(1)).submit(hold, Value(6))
            assert isinstance(error.value.key, Value)
            assert (same.id, other.id == first.id) == (first.id, False)
            return [first, other]

        held = await trio.to_thread.run_sync(submit)
        for job in held:
            job.cancel()
            await job.wait()
        again = await trio.to_thread.run_sync(
            lambda: jobs.options(key=Value(1)).submit(hold, Value(6))
        )
        await again
    assert RAN_IN
    assert threading.get_ident() not in RAN_IN


async def test_a_key_is_free_again_when_its_job_has_ended_between_two_looks() -> None:
    """The submit is tried again with what is true then."""
    async with ja.open_jobs() as jobs:

        class Ending(Value):
            __hash__ = None  # type: ignore[assignment]

            def __eq__(self, other: object) -> bool:
                first.cancel()
                return True

        first = jobs.options(key="k", hold=True).submit(hold, Ending())
        second = await trio.to_thread.run_sync(lambda: jobs.options(key="k").submit(hold, Ending()))
        assert second.id != first.id
        assert isinstance(await second, Ending)


async def test_a_submit_in_the_loop_compares_there() -> None:
    async with ja.open_jobs() as jobs:
        held = jobs.options(key=Value(1), hold=True)
        first = held.submit(hold, Value(5))
        assert held.submit(hold, Value(5)) == first
        with pytest.raises(ja.DuplicateJob):
            held.submit(hold, Value(6))
        first.cancel()
    assert {threading.get_ident()} == RAN_IN
