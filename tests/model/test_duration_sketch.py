"""Quantiles out of counts: right within a few percent, and the same after any split."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobactors.model.duration_sketch import DurationSketch

DURATIONS = st.lists(st.floats(0, 1e7), min_size=1)
SHARES = st.floats(0, 1)


def sketch_of(durations: list[float]) -> DurationSketch:
    """Return the sketch of some durations."""
    sketch = DurationSketch()
    for seconds in durations:
        sketch.add(seconds)
    return sketch


@given(DURATIONS, SHARES)
def test_a_quantile_is_right_within_the_width_of_a_bucket(
    durations: list[float], share: float
) -> None:
    """The true one is the nearest rank's; what is below a microsecond counts as that."""
    true = sorted(durations)[max(1, ceil(share * len(durations))) - 1]
    found = sketch_of(durations).quantile(share)
    assert found == pytest.approx(true, rel=0.032, abs=1e-6)


@given(DURATIONS, DURATIONS)
def test_two_sketches_merge_to_the_sketch_of_both(one: list[float], other: list[float]) -> None:
    """Hours add up to days."""
    merged, both = sketch_of(one), sketch_of(one + other)
    merged.merge(sketch_of(other))
    assert merged.buckets == both.buckets
    assert (merged.count, merged.longest) == (both.count, both.longest)
    assert merged.total == pytest.approx(both.total)


@given(DURATIONS)
def test_the_stored_form_is_read_back(durations: list[float]) -> None:
    """All of it survives."""
    sketch = sketch_of(durations)
    total, longest, buckets = sketch.as_plain()
    again = DurationSketch.from_plain(total, longest, buckets)  # type: ignore[arg-type]
    assert again.as_plain() == sketch.as_plain()
    assert again.count == sketch.count


def test_a_clock_that_was_set_back_counts_as_no_time() -> None:
    """The sum does not sink."""
    sketch = sketch_of([-5.0, 1.0])
    assert (sketch.count, sketch.total) == (2, 1.0)
    assert sketch.quantile(0) == pytest.approx(0, abs=2e-6)


def test_nothing_has_no_quantile() -> None:
    """None, and no error."""
    assert DurationSketch().quantile(0.5) is None
