"""What becomes of occurrences that are due: late, missed, overlapping, and never twice."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobactors.model.schedule_decision import Decision, decide, put_off, upcoming
from jobactors.model.schedule_policy import SchedulePolicy
from jobactors.model.schedule_rule import Cron, Interval, Moment

DAY = 86400.0
BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = Cron("30 2 * * *", "Europe/Berlin")
EVERY_5 = Interval(300.0)


def moment(*parts: int, fold: int = 0) -> float:
    return datetime(*parts, tzinfo=BERLIN, fold=fold).timestamp()  # type: ignore[misc, arg-type]


def nightly(settled: float, now: float, **policy: Any) -> Decision:
    return decide("n", NIGHTLY, SchedulePolicy(**policy), settled, now)


def often(settled: float, now: float, running: bool = False, **policy: Any) -> Decision:
    return decide("f", EVERY_5, SchedulePolicy(**policy), settled, now, running=running)


THREE_NIGHTS = (moment(2026, 11, 24, 3), moment(2026, 11, 27, 9))
NIGHTS = tuple(moment(2026, 11, day, 2, 30) for day in (25, 26, 27))


def test_before_its_time_nothing_is_due() -> None:
    decision = often(0.0, 299.9)
    assert decision == Decision((), (), (), False, 0.0, 300.0, followed=1)


def test_in_time_one_is_submitted_and_settled() -> None:
    decision = often(0.0, 300.0)
    assert decision == Decision((300.0,), (), (), False, 300.0, 600.0, followed=2)


def test_after_a_downtime_the_latest_runs_for_all_that_were_missed() -> None:
    decision = nightly(*THREE_NIGHTS)
    assert (decision.submit, decision.missed) == (NIGHTS[-1:], NIGHTS[:-1])
    assert decision.settled == NIGHTS[-1]
    assert decision.wake == moment(2026, 11, 28, 2, 30)


def test_after_a_downtime_none_runs_if_none_is_to_be_caught_up() -> None:
    decision = nightly(*THREE_NIGHTS, catch_up="none")
    assert (decision.submit, decision.missed, decision.settled) == ((), NIGHTS, NIGHTS[-1])


def test_after_a_downtime_all_run_oldest_first_if_all_are_to_be_caught_up() -> None:
    decision = nightly(*THREE_NIGHTS, catch_up="all")
    assert (decision.submit, decision.missed) == (NIGHTS, ())


def test_of_very_many_that_are_to_be_caught_up_the_newest_hundred_run() -> None:
    decision = often(0.0, 300 * DAY, catch_up="all", overlap="queue")
    assert decision.submit == tuple(300 * DAY - 300 * n for n in reversed(range(100)))
    assert decision.more_missed


@pytest.mark.parametrize("rule", [EVERY_5, Cron("*/5 * * * *", "Europe/Berlin")])
def test_after_a_year_the_very_latest_runs(rule: Any) -> None:
    """Though not every one of the hundred thousand is gone through."""
    now = moment(2026, 11, 28, 9, 2)
    decision = decide("f", rule, SchedulePolicy(), now - 365 * DAY, now)
    assert decision.submit == (moment(2026, 11, 28, 9),)
    assert decision.settled == decision.submit[0]
    assert decision.wake == decision.submit[0] + 300
    assert decision.more_missed


@pytest.mark.parametrize("text", ["*/5 * * * *", "* * * * * *", "30 2 * * *", "* 9-17 * * 1-5"])
def test_after_a_year_some_hundred_moments_are_gone_through(text: str) -> None:
    """However often the rule is due: many schedules may have missed that year."""
    now = moment(2026, 11, 28, 9, 2)
    decision = decide("f", Cron(text), SchedulePolicy(), now - 365 * DAY, now)
    assert decision.more_missed
    assert len(decision.missed) + len(decision.submit) >= 200
    assert decision.followed < 1000


def test_a_little_late_is_in_time() -> None:
    for catch_up in ("latest", "none", "all"):
        assert often(0.0, 599.0, catch_up=catch_up).submit == (300.0,)
    assert often(0.0, 599.0, catch_up="none", late=200).submit == ()


def test_several_that_are_in_time_run_once() -> None:
    rule = Interval(1.0)
    assert decide("f", rule, SchedulePolicy(), 0.0, 3.0).submit == (3.0,)
    everything = SchedulePolicy(catch_up="all", overlap="allow")
    assert decide("f", rule, everything, 0.0, 3.0).submit == (1.0, 2.0, 3.0)


def test_an_occurrence_that_meets_an_unfinished_run_is_skipped_and_settled() -> None:
    decision = often(0.0, 301.0, running=True)
    assert (decision.submit, decision.skipped, decision.settled) == ((), (300.0,), 300.0)


@pytest.mark.parametrize("overlap", ["queue", "replace", "allow"])
def test_other_policies_submit_it_all_the_same(overlap: str) -> None:
    assert often(0.0, 301.0, running=True, overlap=overlap).submit == (300.0,)


def test_what_is_caught_up_waits_for_the_unfinished_run_instead_of_being_skipped() -> None:
    """Only the one that is in time is skipped, behind them."""
    decision = often(0.0, 901.0, running=True, catch_up="all")
    assert (decision.submit, decision.skipped) == ((300.0, 600.0), (900.0,))
    decision = often(0.0, 601.0, running=False, catch_up="all", late=60)
    assert (decision.submit, decision.skipped) == ((300.0,), (600.0,))


def test_a_clock_that_was_set_back_makes_nothing_due_twice() -> None:
    """It waits until the clock has caught up."""
    decision = often(3600.0, 0.0)
    assert decision == Decision((), (), (), False, 3600.0, 3900.0, followed=1)


@pytest.mark.parametrize("step", [2 * 3600.0, 365 * DAY])
def test_a_clock_that_was_set_on_is_a_downtime(step: float) -> None:
    decision = often(300.0, 300.0 + step + 1)
    assert decision.submit == (300.0 + step,)
    assert often(300.0, 300.0 + step + 1, catch_up="none").submit == (300.0 + step,)
    late = often(300.0, 300.0 + step + 299, catch_up="none", late=60)
    assert (late.submit, late.settled) == ((), 300.0 + step)


def test_a_time_that_comes_twice_is_settled_the_first_time() -> None:
    first = nightly(moment(2026, 10, 24, 12), moment(2026, 10, 25, 2, 31))
    assert first.submit == (moment(2026, 10, 25, 2, 30),)
    again = nightly(first.settled, moment(2026, 10, 25, 2, 31, fold=1))
    assert (again.submit, again.missed) == ((), ())


def test_it_ends_at_its_last_moment_and_after_its_last_run() -> None:
    decision = often(0.0, 601.0, until=700.0)
    assert (decision.submit, decision.wake) == ((600.0,), math.inf)
    policy = SchedulePolicy(runs=3)
    assert decide("f", EVERY_5, policy, 0.0, 301.0, runs=1).wake == 600.0
    assert decide("f", EVERY_5, policy, 0.0, 301.0, runs=2).wake == math.inf
    assert decide("f", EVERY_5, policy, 0.0, 301.0, runs=3).submit == ()
    everything = SchedulePolicy(runs=3, catch_up="all", overlap="allow")
    assert decide("f", EVERY_5, everything, 0.0, 1501.0).submit == (300.0, 600.0, 900.0)


def test_a_single_moment_is_due_once() -> None:
    decision = decide("once", Moment(300.0), SchedulePolicy(), 0.0, 301.0)
    assert (decision.submit, decision.wake) == ((300.0,), math.inf)


# --- jitter --------------------------------------------------------------------------------------


@given(name=st.text(), at=st.floats(0, 2e9), jitter=st.floats(0, 1e6))
def test_jitter_is_the_same_each_time_and_never_moves_into_the_past(
    name: str, at: float, jitter: float
) -> None:
    assert at <= put_off(name, at, jitter) <= at + jitter
    assert put_off(name, at, jitter) == put_off(name, at, jitter)


def test_jitter_spreads_schedules_of_one_moment() -> None:
    moments = [put_off(f"schedule {n}", 0.0, 100.0) for n in range(1000)]
    assert all(any(n <= moment < n + 10 for moment in moments) for n in range(0, 100, 10))


def test_what_is_shown_as_next_is_when_it_is_due() -> None:
    policy = SchedulePolicy(jitter=200)
    shown = upcoming("f", EVERY_5, policy, 0.0, 3)
    assert shown == [put_off("f", at, 200) for at in (300.0, 600.0, 900.0)]
    assert decide("f", EVERY_5, policy, 0.0, shown[0] - 0.01).submit == ()
    assert decide("f", EVERY_5, policy, 0.0, shown[0]).submit == (300.0,)
    assert upcoming("f", EVERY_5, SchedulePolicy(runs=3), 0.0, 9, runs=1) == [300.0, 600.0]


def test_what_is_shown_after_a_moment_of_the_past_begins_there() -> None:
    """Settled or not; the runs that are left count from now on."""
    policy = SchedulePolicy(runs=3)
    shown = upcoming("f", EVERY_5, policy, 1000.0, 9, after=300.0, settled=900.0, runs=1)
    assert shown == [600.0, 900.0, 1200.0, 1500.0]


def test_what_is_shown_after_a_later_moment_ends_with_the_last_run() -> None:
    shown = upcoming("f", EVERY_5, SchedulePolicy(runs=3), 0.0, 9, after=400.0)
    assert shown == [600.0, 900.0]


# --- never twice, never out of order --------------------------------------------------------------

POLICIES = st.builds(
    SchedulePolicy,
    late=st.sampled_from([0, 60, 300]),
    catch_up=st.sampled_from(["latest", "none", "all"]),
    overlap=st.sampled_from(["skip", "queue", "allow"]),
    jitter=st.sampled_from([0, 100, 1000]),
    runs=st.none() | st.integers(1, 20),
)


@example(
    policy=SchedulePolicy(late=60, catch_up="all", overlap="skip", jitter=1000),
    steps=[(1350, False)],  # the second of three is due last, and alone in time
)
@given(
    policy=POLICIES,
    steps=st.lists(st.tuples(st.integers(-4000, 20_000), st.booleans()), max_size=30),
)
def test_each_occurrence_is_settled_once_whatever_the_clock_does(
    policy: SchedulePolicy, steps: list[tuple[int, bool]]
) -> None:
    """Set on and back, asked often or rarely, with unfinished runs or without."""
    settled, now, runs, known = 0.0, 0.0, 0, list[float]()
    for step, running in steps:
        now = max(0.0, now + step)
        decision = decide("x", EVERY_5, policy, settled, now, running=running, runs=runs)
        these = sorted([*decision.submit, *decision.skipped, *decision.missed])
        assert these == sorted(set(these))
        assert all(put_off("x", at, policy.jitter) <= now for at in these)
        assert decision.settled >= settled
        assert list(decision.submit) == sorted(decision.submit)
        settled, runs = decision.settled, runs + len(decision.submit)
        known += these
    assert known == [300.0 * n for n in range(1, len(known) + 1)]
    assert policy.runs is None or runs <= policy.runs


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        ({"late": -1}, ValueError),
        ({"late": "5 min"}, TypeError),
        ({"jitter": math.inf}, ValueError),
        ({"catch_up": "some"}, ValueError),
        ({"overlap": None}, ValueError),
        ({"runs": 0}, ValueError),
        ({"runs": 1.5}, TypeError),
        ({"pause_on_failures": True}, TypeError),
        ({"until": "tomorrow"}, TypeError),
    ],
)
def test_a_policy_is_checked_where_it_is_written(
    policy: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=next(iter(policy))):
        SchedulePolicy(**policy)
