"""The progress that a running job reports, as a sampler reads it."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import pytest

from jobactors.inside.report.meter import Meter, StageFrame
from jobactors.model.progress import Progress


@pytest.fixture
def wakes() -> list[int]:
    """One entry for every time the sampler was told that there is something to see."""
    return []


@pytest.fixture
def meter(wakes: list[int]) -> Meter:
    """The meter of an attempt that has reported nothing."""
    return Meter(lambda: wakes.append(1))


def test_a_job_that_reports_nothing_has_no_progress(meter: Meter) -> None:
    assert meter.read() == Progress()
    assert not meter.polled


def test_the_job_itself_is_the_outermost_level(meter: Meter) -> None:
    meter.frames[0].done, meter.frames[0].total = 3, 4
    progress = meter.read()
    assert (progress.done, progress.total, progress.fraction) == (3, 4, 0.75)


def test_an_open_level_speaks_for_a_job_that_said_nothing_itself(meter: Meter) -> None:
    frame = StageFrame("rows", 10, "rows")
    meter.open(frame)
    frame.done = 5
    progress = meter.read()
    assert (progress.done, progress.total, progress.fraction) == (5, 10, 0.5)
    assert (progress.unit, progress.stages) == ("rows", ("rows",))


def test_what_the_job_said_itself_is_shown_and_the_level_inside_counts(meter: Meter) -> None:
    meter.frames[0].done, meter.frames[0].total = 1, 4
    frame = StageFrame(total=2)
    meter.open(frame)
    frame.done = 1
    progress = meter.read()
    assert (progress.done, progress.total, progress.fraction) == (1, 4, 0.375)


def test_the_last_closed_level_is_shown_so_that_100_percent_stays(meter: Meter) -> None:
    frame = StageFrame("rows", 10)
    meter.open(frame)
    frame.done = 10
    meter.close(frame)
    assert (meter.read().percent, meter.read().done) == (100, 10)
    meter.open(StageFrame("more", 4))
    assert meter.read().percent == 0


def test_levels_may_be_closed_in_any_order_and_twice(meter: Meter) -> None:
    """A job's own tasks open and close theirs as they come."""
    first, second = StageFrame("first", 1), StageFrame("second", 1)
    meter.open(first)
    meter.open(second)
    meter.close(first)
    assert meter.read().stages == ("second",)
    meter.close(first)
    meter.close(second)
    assert meter.read().stages == ("second",)
    assert not meter.polled


def test_levels_without_a_name_are_no_stages(meter: Meter) -> None:
    for label in ("outer", "", "inner"):
        meter.open(StageFrame(label, 1))
    assert meter.read().stages == ("outer", "inner")


def test_a_level_that_is_asked_says_more_than_it_reported(meter: Meter) -> None:
    frame = StageFrame(total=10)
    frame.probe = lambda: 7
    meter.open(frame)
    assert meter.read().done == 7
    assert meter.polled


def test_the_sampler_is_told_once_until_it_has_looked(meter: Meter, wakes: list[int]) -> None:
    meter.changed()
    meter.changed()
    assert len(wakes) == 1
    meter.quiet = True  # as the sampler does before it reads
    meter.changed()
    assert len(wakes) == 2


def test_opening_and_closing_a_level_is_news(meter: Meter, wakes: list[int]) -> None:
    frame = StageFrame()
    meter.open(frame)
    meter.quiet = True
    meter.close(frame)
    assert len(wakes) == 2


def test_a_sample_does_not_change_afterwards(meter: Meter) -> None:
    meter.counters["broken"] = 1
    before = meter.read()
    meter.counters["broken"] = 2
    assert before.counters == {"broken": 1}


def test_a_job_may_begin_to_report_while_it_is_read(meter: Meter) -> None:
    """Its thread runs between any two lines of the reader."""

    class Hasty(StageFrame):
        __slots__ = ("looked",)

        @property
        def is_silent(self) -> bool:
            self.looked = getattr(self, "looked", 0) + 1
            return self.looked == 1

    closed = StageFrame(total=1)
    meter.frames[0] = meter.top = Hasty()
    meter.open(closed)
    meter.close(closed)
    meter.frames[0].done = 3
    assert meter.read().done == 3
