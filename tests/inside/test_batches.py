"""``batches``: incremental work, with a checkpoint after each batch."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.inside.signals.control import StopJob

from .test_resumable_loop import Attempts, Broken

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext


@pytest.fixture
def attempts() -> Attempts:
    """A job whose attempts are to come."""
    return Attempts()


def test_items_come_in_lists_of_a_hundred(job: JobContext) -> None:
    seen = list(ja.batches(range(250)))
    assert [len(batch) for batch in seen] == [100, 100, 50]
    assert [i for batch in seen for i in batch] == list(range(250))
    assert list(ja.batches([])) == []


async def test_in_trio_code_as_well(job: JobContext) -> None:
    assert [batch async for batch in ja.batches("abcde", 2)] == [["a", "b"], ["c", "d"], ["e"]]
    assert job._meter.polled is False


def test_what_is_done_is_found_out(job: JobContext) -> None:
    table = {1, 2, 5}
    assert list(ja.batches(range(8), 2, done=table)) == [[0, 3], [4, 6], [7]]
    assert list(ja.batches(range(8), 9, done=lambda i: i % 2 == 0)) == [[1, 3, 5, 7]]


def test_the_progress_counts_items_that_are_left(job: JobContext) -> None:
    seen = []
    for _ in ja.batches(range(8), 2, done={0, 1}, unit="pages"):
        progress = job._meter.read()
        seen.append((progress.done, progress.total, progress.unit))
    assert seen == [(0, 6, "pages"), (2, 6, "pages"), (4, 6, "pages")]


def test_each_batch_is_written_at_once(attempts: Attempts) -> None:
    heard: list[bool] = []
    context = attempts.begin()
    assert context._buffer is not None
    context._buffer.wake = heard.append
    for _ in ja.batches(range(6), 2):
        pass
    assert heard.count(True) == 3
    attempts.end()
    assert attempts.kept["track"].items == 6


def test_without_a_way_to_find_out_it_goes_on_behind_the_last_batch(attempts: Attempts) -> None:
    done: list[Any] = []

    def work(fail_at: int | None = None) -> None:
        for batch in ja.batches(range(7), 2):
            if fail_at in batch:
                raise Broken
            done.append(batch)

    attempts.run(lambda: work(fail_at=4))
    assert done == [[0, 1], [2, 3]]
    attempts.run(work)
    assert done == [[0, 1], [2, 3], [4, 5], [6]]


def test_with_one_it_is_asked_again_and_the_count_goes_on(attempts: Attempts) -> None:
    table: set[int] = set()

    def work(fail_at: int | None = None) -> None:
        for batch in ja.batches(range(7), 2, done=table):
            if fail_at in batch:
                raise Broken
            table.update(batch)

    attempts.run(lambda: work(fail_at=4))
    table.discard(1)  # somebody has removed it since
    attempts.run(work)
    assert table == set(range(7))
    assert attempts.kept["track"].items == 8


async def test_in_trio_code_it_goes_on_as_well(attempts: Attempts) -> None:
    attempts.begin()
    async for batch in ja.batches(range(7), 2):
        if 4 in batch:
            break
    attempts.end()
    attempts.begin()
    assert [batch async for batch in ja.batches(range(7), 2)] == [[4, 5], [6]]
    attempts.end()


def test_a_cancel_comes_between_two_batches(attempts: Attempts) -> None:
    done: list[Any] = []

    def work() -> None:
        for batch in ja.batches(range(6), 2):
            ja.current_job()._control.cancel("enough")
            done.append(batch)

    attempts.begin()
    with pytest.raises(StopJob):
        work()
    attempts.end()
    assert done == [[0, 1]]
    assert attempts.kept["track"].value == "2"


def test_outside_a_job_it_only_cuts() -> None:
    assert list(ja.batches(range(3), 2, done={0})) == [[1, 2]]


async def test_outside_a_job_it_only_cuts_in_trio_code() -> None:
    assert [batch async for batch in ja.batches(range(3), 2)] == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [({"size": 0}, ValueError), ({"size": "2"}, TypeError), ({"done": 3}, TypeError)],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ja.batches([1], **wrong)
