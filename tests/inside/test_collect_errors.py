"""``collect_errors``: one bad item does not stop the others."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

import jobactors as ja
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer, SavedCheckpoint
from jobactors.inside.signals.control import StopJob

from .conftest import Child, make_job, set_buffer

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext


def test_an_error_is_written_down_and_the_block_is_left(job: JobContext) -> None:
    done = []
    for item in ["a", "b", "c"]:
        with ja.collect_errors(item):
            if item == "b":
                raise ValueError("bad")
            done.append(item)
    assert done == ["a", "c"]
    assert job.errors == (ja.ItemError("b", "ValueError: bad"),)
    assert str(job.errors[0]) == "b: ValueError: bad"


def test_the_number_of_errors_is_a_counter(job: JobContext) -> None:
    for i in range(3):
        with ja.collect_errors(i):
            raise KeyError(i)
    assert job._meter.read().counters == {"errors": 3}


@pytest.mark.parametrize("error", [StopJob(), KeyboardInterrupt(), GeneratorExit()])
def test_a_cancel_goes_through(job: JobContext, error: BaseException) -> None:
    with pytest.raises(type(error)), ja.collect_errors("item"):
        raise error
    assert job.errors == ()


def test_outside_a_job_an_error_is_an_error() -> None:
    with pytest.raises(ValueError, match="bad"), ja.collect_errors("item"):
        raise ValueError("bad")


def test_of_very_many_the_first_are_kept_and_all_are_counted(job: JobContext) -> None:
    for i in range(1_100):
        with ja.collect_errors(i):
            raise ValueError("x" * 100_000)
    assert [error.item for error in job.errors] == [str(i) for i in range(1_000)]
    assert len(job.errors[0].error) <= 1_000
    assert job._meter.read().counters == {"errors": 1_100}


def test_they_are_kept_for_the_next_attempt() -> None:
    first = make_job()
    buffer = CheckpointBuffer(first._meter, ja.Every(), lambda _: None)
    set_buffer(first, buffer)
    Child(collect_in, first, "a").result()
    kept = {part: SavedCheckpoint(saved.text, saved.items) for part, saved in buffer.take()}
    second = make_job()
    set_buffer(second, CheckpointBuffer(second._meter, ja.Every(), lambda _: None, kept))
    Child(collect_in, second, "b").result()
    assert [error.item for error in second.errors] == ["a", "b"]
    assert second._meter.read().counters == {"errors": 2}


def collect_in(context: JobContext, item: str) -> None:
    """Meet an error in a job."""
    from jobactors.inside.context.current_job import CURRENT

    CURRENT.set(context)
    with ja.collect_errors(item):
        raise ValueError(item)


def test_threads_of_a_job_lose_none(job: JobContext) -> None:
    set_buffer(job, CheckpointBuffer(job._meter, ja.Every(), lambda _: None))
    children = [Child(collect_in, job, f"{i}") for i in range(20)]
    for child in children:
        with contextlib.suppress(Exception):
            child.result()
    assert sorted(error.item for error in job.errors) == sorted(f"{i}" for i in range(20))
