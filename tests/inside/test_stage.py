"""Named, weighted parts of one function's progress."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobactors as ja
from jobactors.inside.context.current_job import CURRENT

from .conftest import make_job

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext


def fraction(job: JobContext) -> float:
    """How far the job is."""
    known = job._meter.read().fraction
    assert known is not None
    return known


def test_a_stage_is_worth_its_percentage_when_it_ends(job: JobContext) -> None:
    with ja.stage("download", weight=30):
        assert fraction(job) == 0
        ja.progress(1, 2)
        assert fraction(job) == pytest.approx(0.15)
    assert fraction(job) == pytest.approx(0.3)
    with ja.stage("index", weight=70):
        ja.progress(5, 10)
        assert fraction(job) == pytest.approx(0.65)
    assert job._meter.read().percent == 100


def test_a_stage_is_half_unless_it_says_otherwise(job: JobContext) -> None:
    with ja.stage("first"):
        pass
    assert fraction(job) == 0.5


def test_the_open_stages_are_named_outermost_first(job: JobContext) -> None:
    with ja.stage("index"), ja.stage("read"):
        assert job._meter.read().stages == ("index", "read")
    assert job._meter.read().stages == ()


def test_stages_may_be_nested(job: JobContext) -> None:
    with ja.stage("index", weight=40):
        with ja.stage("read", weight=50):
            ja.progress(1, 2)
            assert fraction(job) == pytest.approx(0.1)
        assert fraction(job) == pytest.approx(0.2)
        with ja.stage("write", weight=50):
            pass
        assert fraction(job) == pytest.approx(0.4)
    assert fraction(job) == pytest.approx(0.4)


def test_a_loop_in_a_stage_fills_it(job: JobContext) -> None:
    seen = []
    with ja.stage("rows", weight=50):
        for _ in ja.track(range(4), unit="rows"):
            seen.append(fraction(job))
            assert job._meter.read().unit == "rows"
        seen.append(fraction(job))
    assert seen == [0, 0.125, 0.25, 0.375, 0.5]
    assert fraction(job) == 0.5


def test_what_a_person_reads_in_a_stage_is_what_the_stage_counts(job: JobContext) -> None:
    with ja.stage("download", weight=30):
        ja.progress(200, 1000, unit="B")
        progress = job._meter.read()
        assert (progress.done, progress.total, progress.unit) == (200, 1000, "B")


def test_a_stage_that_raises_is_closed_and_takes_nothing_back(job: JobContext) -> None:
    def download() -> None:
        with ja.stage("download", weight=30):
            ja.progress(1, 2)
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        download()
    assert fraction(job) == pytest.approx(0.15)
    with ja.stage("download", weight=30):
        assert fraction(job) == pytest.approx(0.15)
        ja.progress(2, 2)
        assert fraction(job) == pytest.approx(0.3)
    assert job._meter.read().stages == ()


def test_a_stage_that_was_told_to_stop_is_not_complete(job: JobContext) -> None:
    with ja.stage("download", weight=60):
        ja.progress(1, 4)
        job._control.cancel(None)
        assert job.cancel_checker()
    assert fraction(job) == pytest.approx(0.15)
    with ja.stage("tidy up", weight=40):
        pass
    assert fraction(job) == pytest.approx(0.4)


def test_a_stage_in_a_loop_is_a_part_of_the_present_item(job: JobContext) -> None:
    seen = []
    for _ in ja.track([1, 2]):
        with ja.stage("read", weight=50):
            seen.append(fraction(job))
            ja.progress(1, 2)
            seen.append(fraction(job))
    assert seen == [0, 0.125, 0.5, 0.625]
    assert fraction(job) == 1


def test_a_stage_in_a_loop_of_unknown_length_leaves_it_unknown(job: JobContext) -> None:
    seen = []
    for _ in ja.track(n for n in range(3)):
        with ja.stage("read", weight=50):
            pass
        progress = job._meter.read()
        seen.append((progress.done, progress.total, progress.fraction))
    assert seen == [(0, None, None), (1, None, None), (2, None, None)]


def test_a_stage_after_progress_is_a_part_of_the_present_unit(job: JobContext) -> None:
    ja.progress(2, 4)
    with ja.stage("third", weight=50):
        ja.progress(1, 2)
        assert fraction(job) == 0.5625
    assert fraction(job) == 0.5


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=8))
def test_stages_never_lead_outside_of_0_and_1_or_back(stages: list[tuple[int, int]]) -> None:
    job = make_job()
    token = CURRENT.set(job)
    before = 0.0
    try:
        for weight, done in stages:
            with ja.stage("s", weight):
                for step in range(done + 1):
                    ja.progress(step, 10)
                    assert before <= fraction(job) <= 1
                    before = fraction(job)
            assert before <= fraction(job) + 1e-9
            before = fraction(job)
    finally:
        CURRENT.reset(token)


@pytest.mark.parametrize("weight", [0, -1, math.nan, "50", None])
def test_a_weight_is_a_percentage_above_0(weight: Any) -> None:
    with pytest.raises(ValueError, match="a percentage above 0"), ja.stage("x", weight):
        pass


def test_outside_a_job_a_stage_does_nothing() -> None:
    with ja.stage("download", weight=30):
        ja.progress(1, 2)
    with pytest.raises(ValueError, match="boom"), ja.stage("download"):
        raise ValueError("boom")


def test_two_stages_of_loops_go_from_0_to_100_without_a_step_back(job: JobContext) -> None:
    seen: list[float] = []
    for label in ("read", "write"):
        with ja.stage(label, weight=50):
            seen += [fraction(job) for _ in ja.track([1, 2])]
            seen.append(fraction(job))
        seen.append(fraction(job))
    assert seen == [0, 0.25, 0.5, 0.5, 0.5, 0.75, 1, 1]


def test_a_stage_that_says_nothing_shows_the_loop_in_it(job: JobContext) -> None:
    with ja.stage("rows", weight=50):
        for _ in ja.track([1, 2], unit="rows"):
            progress = job._meter.read()
            assert (progress.total, progress.unit) == (2, "rows")


def test_a_stage_is_entered_once_at_a_time(job: JobContext) -> None:
    opened = ja.stage("read")
    with opened, pytest.raises(RuntimeError, match="open already"), opened:
        pass
    assert job._meter.read().stages == ()


def test_a_decorated_function_is_a_stage_at_each_call(job: JobContext) -> None:
    seen: list[tuple[str, ...]] = []

    @ja.stage("read", weight=20)
    def read(times: int) -> None:
        seen.append(job._meter.read().stages)
        if times > 1:
            read(times - 1)

    read(2)
    read(1)
    assert seen == [("read",), ("read", "read"), ("read",)]
    assert fraction(job) == pytest.approx(0.4)
