"""When a failed attempt is followed by another, and after how long."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobactors.model.chain_result import ChainResult
from jobactors.model.checks import TEN_YEARS
from jobactors.model.errors import ChainFailed, JobactorsError
from jobactors.model.retry import Retry
from jobactors.model.snooze import Snooze

BOOM = ValueError("boom")


def test_each_delay_is_longer_than_the_one_before() -> None:
    retry = Retry(max=5, base=1, factor=2, jitter=0)
    assert [retry.delay_after(attempt, BOOM, 0) for attempt in range(1, 6)] == [1, 2, 4, 8, None]


def test_max_counts_all_attempts() -> None:
    assert Retry(max=1).delay_after(1, BOOM, 0) is None
    assert Retry(max=2).delay_after(1, BOOM, 0) is not None
    assert Retry(max=2).delay_after(2, BOOM, 0) is None
    assert Retry(max=2).delay_after(99, BOOM, 0) is None


@pytest.mark.parametrize(
    ("exc", "again"),
    [
        (ConnectionError(), True),
        (ConnectionResetError(), True),
        (ValueError(), False),
        (KeyboardInterrupt(), False),
        (None, False),
    ],
)
def test_only_what_is_worth_another_attempt_gets_one(
    exc: BaseException | None, again: bool
) -> None:
    delay = Retry(on=(ConnectionError,)).delay_after(1, exc, 0)
    assert (delay is not None) is again


def failed_chain(cause: BaseException) -> ChainFailed:
    failed = ChainFailed(ChainResult("failed", "a phase has failed", ()))
    failed.__cause__ = cause
    return failed


@pytest.mark.parametrize(
    ("on", "again"),
    [
        (ConnectionError, True),
        (OSError, True),
        (ChainFailed, True),
        (JobactorsError, True),
        (ValueError, False),
    ],
)
def test_a_chain_is_tried_again_by_what_its_phase_has_raised(
    on: type[BaseException], again: bool
) -> None:
    """Also when that phase is a chain."""
    exc = failed_chain(failed_chain(ConnectionResetError()))
    assert (Retry(on=on).delay_after(1, exc, 0) is not None) is again


def test_causes_in_a_circle_are_not_followed_for_ever() -> None:
    exc = failed_chain(BOOM)
    exc.__cause__ = exc
    assert Retry(on=OSError).delay_after(1, exc, 0) is None


@pytest.mark.parametrize("exc", [SystemExit(), KeyboardInterrupt(), GeneratorExit()])
def test_only_ordinary_exceptions_are_tried_again_by_default(exc: BaseException) -> None:
    assert Retry().delay_after(1, exc, 0) is None


@given(
    base=st.floats(0, TEN_YEARS) | st.integers(0, 10**8),
    factor=st.floats(0, 1e300) | st.integers(0, 10**300),
    jitter=st.floats(0, 1),
    longest=st.floats(0, TEN_YEARS) | st.just(math.inf),
    attempt=st.integers(1, 10**6),
    chance=st.floats(0, 1),
)
def test_a_delay_is_between_nothing_and_the_longest(
    base: float, factor: float, jitter: float, longest: float, attempt: int, chance: float
) -> None:
    retry = Retry(max=10**7, base=base, factor=factor, jitter=jitter, longest=longest)
    full = retry.delay_after(attempt, BOOM, 0)
    spread = retry.delay_after(attempt, BOOM, chance)
    assert full is not None
    assert spread is not None
    assert full * (1 - jitter) <= spread <= full <= min(longest, TEN_YEARS)


def test_chance_takes_away_up_to_the_jitter() -> None:
    retry = Retry(base=10, jitter=0.2)
    assert retry.delay_after(1, BOOM, 0) == 10
    assert retry.delay_after(1, BOOM, 0.5) == pytest.approx(9)
    assert retry.delay_after(1, BOOM, 1) == pytest.approx(8)


@pytest.mark.parametrize("factor", [2.0, 2, 1e300])
def test_a_delay_too_large_to_compute_is_the_longest(factor: float) -> None:
    assert Retry(max=10**6, factor=factor, jitter=0).delay_after(50_000, BOOM, 0) == 3600


def test_no_delay_stays_no_delay_however_many_attempts() -> None:
    retry = Retry(max=10**6, base=0)
    assert retry.delay_after(1, BOOM, 0) == retry.delay_after(5_000, BOOM, 0) == 0


@pytest.mark.parametrize("value", ["3", None, True, math.nan, [2]])
@pytest.mark.parametrize("name", ["max", "base", "factor", "jitter", "longest"])
def test_what_is_no_number_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Retry\({name}=…\)"):
        Retry(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("max", 0), ("max", -3), ("max", 2.5), ("jitter", -0.1), ("jitter", 1.1)]
    + [(name, -1) for name in ("base", "factor", "longest")],
)
def test_a_number_out_of_bounds_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Retry\({name}=…\)"):
        Retry(**{name: value})


@pytest.mark.parametrize("on", [BOOM, "ValueError", (ValueError, "KeyError"), None, [ValueError]])
def test_what_to_retry_on_are_exception_classes(on: Any) -> None:
    with pytest.raises(TypeError, match=r"Retry\(on=…\) takes exception classes in a tuple"):
        Retry(on=on)


def test_a_snooze_says_for_how_long() -> None:
    assert Snooze(5).delay == 5
    assert Snooze(0).delay == 0
    assert str(Snooze(2.5)) == "snoozed for 2.5 s"


@pytest.mark.parametrize("delay", [-1, math.nan, math.inf, "5", None, True])
def test_a_snooze_is_a_number_of_seconds(delay: Any) -> None:
    with pytest.raises(ValueError, match="number of seconds of at least 0"):
        Snooze(delay)
