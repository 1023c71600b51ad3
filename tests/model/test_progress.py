"""Levels folded into one fraction, and the speed between two samples."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jobactors.model.progress import Level, Progress, Speed, fraction_of, shown_level

ANY_NUMBER = st.one_of(
    st.integers(-1000, 10**18),
    st.floats(allow_nan=True, allow_infinity=True),
)
LEVELS = st.lists(
    st.builds(
        Level,
        done=ANY_NUMBER,
        total=st.none() | ANY_NUMBER,
        worth=ANY_NUMBER,
        counts=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
SOUND_LEVELS = st.lists(
    st.builds(
        Level,
        done=st.integers(0, 100),
        total=st.none() | st.integers(0, 100),
        worth=st.integers(0, 100),
    ),
    min_size=1,
    max_size=5,
)


def test_one_level_is_what_is_done_of_what_there_is() -> None:
    assert fraction_of([Level(3, 12)]) == 0.25


def test_an_empty_list_is_complete_and_not_unknown() -> None:
    assert fraction_of([Level(0, 0)]) == 1.0


@pytest.mark.parametrize("total", [None, -1])
def test_an_unknown_total_has_no_fraction(total: float | None) -> None:
    assert fraction_of([Level(7, total)]) is None


def test_an_inner_loop_is_a_part_of_the_present_item() -> None:
    assert fraction_of([Level(1, 4), Level(1, 2)]) == 0.375
    assert fraction_of([Level(1, 4), Level(1, 2), Level(1, 2)]) == 0.4375


def test_an_empty_inner_loop_completes_the_present_item() -> None:
    assert fraction_of([Level(1, 4), Level(0, 0)]) == 0.5


def test_an_inner_loop_of_unknown_length_adds_nothing() -> None:
    assert fraction_of([Level(1, 4), Level(90, None)]) == 0.25


def test_a_level_of_unknown_length_hides_what_is_inside_it() -> None:
    """Otherwise the bar would run from 0 to 100 for every file of a directory."""
    assert fraction_of([Level(5, None), Level(1, 2)]) is None
    assert fraction_of([Level(1, 4), Level(5, None), Level(1, 2)]) == 0.25


def test_what_only_holds_stages_hides_nothing() -> None:
    assert fraction_of([Level(0, None, counts=False), Level(1, 2)]) == 0.5


def test_a_stage_adds_the_percentage_it_is_worth() -> None:
    job = Level(30, 100, counts=False)
    assert fraction_of([job, Level(1, 2, worth=70)]) == pytest.approx(0.65)
    assert fraction_of([job, Level(0, None, worth=70)]) == 0.3


def test_more_done_than_there_was_is_complete() -> None:
    assert fraction_of([Level(12, 10)]) == 1.0


@given(LEVELS)
def test_no_numbers_whatever_lead_outside_of_0_and_1(levels: list[Level]) -> None:
    fraction = fraction_of(levels)
    assert fraction is None or 0 <= fraction <= 1


@given(SOUND_LEVELS, st.data(), st.integers(0, 50))
def test_more_work_done_never_means_less_progress(
    levels: list[Level], data: st.DataObject, more: int
) -> None:
    where = data.draw(st.integers(0, len(levels) - 1))
    further = levels.copy()
    further[where] = replace(levels[where], done=levels[where].done + more)
    before, after = fraction_of(levels), fraction_of(further)
    assert (before is None) is (after is None)
    if before is not None and after is not None:
        assert after >= before


@given(SOUND_LEVELS)
def test_all_levels_done_is_complete(levels: list[Level]) -> None:
    known = [level for level in levels if level.total is not None]
    if known:
        complete = [replace(level, done=level.total or 0) for level in known]
        assert fraction_of(complete) == 1.0


@pytest.mark.parametrize(
    ("fraction", "percent"),
    [(None, None), (0.0, 0), (0.5, 50), (0.999999, 99), (1 - 2**-53, 99), (1.0, 100)],
)
def test_100_percent_means_done(fraction: float | None, percent: int | None) -> None:
    assert Progress(fraction=fraction).percent == percent


def test_a_person_reads_the_outermost_level_that_counts_something() -> None:
    stage = Level(30, 100, unit="%", counts=False)
    files = Level(2, 10, unit="files")
    rows = Level(5, 7, unit="rows")
    assert shown_level([stage, files, rows]) is files
    assert shown_level([Level(), rows]) is rows
    assert shown_level([Level(4), rows]) == Level(4)
    assert shown_level([stage]) is stage


# -- speed


def speed_over(samples: list[tuple[float, float]]) -> Speed:
    """The speed after these samples ``(value, at)``, of which the first only begins."""
    (value, at), *others = samples
    speed = Speed(value, at)
    for value, at in others:
        speed = speed.sample(value, at)
    return speed


def test_one_sample_makes_no_speed() -> None:
    assert speed_over([(5, 1000.0)]).per_second is None
    assert speed_over([(5, 1000.0), (9, 1000.0)]).per_second is None


@given(
    st.floats(0.01, 1e6),
    st.floats(0, 2e9),
    st.lists(st.floats(0.01, 60), min_size=1, max_size=30),
)
def test_a_constant_rate_stays_constant_however_it_is_sampled(
    rate: float, begin: float, steps: list[float]
) -> None:
    elapsed, samples = 0.0, [(0.0, 0.0)]
    for step in steps:
        elapsed += step
        samples.append((rate * elapsed, elapsed))
    assert speed_over(samples).per_second == pytest.approx(rate)
    later = [(value, begin + at) for value, at in samples]
    assert speed_over(later).per_second == pytest.approx(rate, rel=1e-3)


def test_ten_quick_samples_say_the_same_as_one_slow_one() -> None:
    begin = [(0.0, 0.0), (50.0, 5.0)]
    quick = begin + [(50 + 3 * step, 5 + step / 10) for step in range(1, 11)]
    assert speed_over(quick).per_second == pytest.approx(
        speed_over([*begin, (80.0, 6.0)]).per_second
    )


def test_old_samples_fade() -> None:
    slow_then_fast = [(0.0, 0.0), (10.0, 10.0)]
    slow_then_fast += [(10 + 100 * step, 10 + step) for step in range(1, 121)]
    assert speed_over(slow_then_fast).per_second == pytest.approx(100, rel=0.01)


def test_a_pause_does_not_count() -> None:
    speed = speed_over([(0, 0.0), (20, 10.0)]).resumed(3610.0).sample(40, 3620.0)
    assert speed.per_second == pytest.approx(2)


def test_a_value_that_goes_back_starts_anew() -> None:
    speed = speed_over([(0, 0.0), (500, 1.0), (0, 2.0)])
    assert speed.per_second is None
    assert speed.sample(3, 3.0).per_second == 3


def test_a_clock_that_goes_back_is_waited_for() -> None:
    speed = speed_over([(0, 100.0), (10, 110.0)])
    assert speed.sample(20, 50.0) == speed


def test_what_stands_still_slows_down_to_nothing() -> None:
    speed = speed_over([(0, 0.0), (10, 10.0), (10, 10_000.0)])
    assert speed.per_second == 0


def test_the_time_left_is_the_way_left_at_the_present_speed() -> None:
    assert speed_over([(0, 0.0), (10, 5.0)]).time_to(30) == 10
    assert speed_over([(0, 0.0), (10, 5.0)]).time_to(4) == 0


@pytest.mark.parametrize("samples", [[(0, 0.0)], [(5, 0.0), (5, 9.0)]])
def test_without_a_speed_nobody_knows_the_time_left(samples: list[tuple[float, float]]) -> None:
    assert speed_over(samples).time_to(10) is None
