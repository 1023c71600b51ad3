"""When a rule is due: across changes of the clocks, on odd days, and for texts that are none."""

# ruff: noqa: D103, DTZ001 - wall times have no zone; a test's name is its sentence

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobactors.model.schedule_rule import (
    Cron,
    Interval,
    Moment,
    Rule,
    as_rule,
    at,
    check_zone,
    every,
)


class Changes(NamedTuple):
    """The two changes of the clocks in one zone, in 2026."""

    zone: str
    missing: datetime
    """The first wall time that is missing; an hour is."""
    twice: datetime
    """The first wall time that comes twice; an hour does."""


ZONES = [
    Changes("Europe/Berlin", datetime(2026, 3, 29, 2), datetime(2026, 10, 25, 2)),
    Changes("America/New_York", datetime(2026, 3, 8, 2), datetime(2026, 11, 1, 1)),
    Changes("Europe/London", datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)),
    Changes("Australia/Sydney", datetime(2026, 10, 4, 2), datetime(2026, 4, 5, 2)),
]
in_four_zones = pytest.mark.parametrize("changes", ZONES, ids=[zone.zone for zone in ZONES])
as_at: Any = at  # for values of a wrong type
as_every: Any = every
DAY, HOUR, HALF = timedelta(days=1), timedelta(hours=1), timedelta(minutes=30)


def due(rule: str, zone: str, after: datetime, count: int) -> list[str]:
    """Return the next moments as wall times with their offset from UTC."""
    key = ZoneInfo(zone)
    moments = Cron(rule, zone).after(after.replace(tzinfo=key).timestamp())
    return [f"{datetime.fromtimestamp(m, key):%d %H:%M%z}" for m in islice(moments, count)]


def shown(*times: datetime, zone: str) -> list[str]:
    """Return wall times in the same form; ``fold`` tells two of one name apart."""
    return [f"{time.replace(tzinfo=ZoneInfo(zone)):%d %H:%M%z}" for time in times]


# --- the six rows of the changes of the clocks --------------------------------------------------


@in_four_zones
def test_a_fixed_time_that_is_missing_is_due_once_when_the_clock_has_jumped(
    changes: Changes,
) -> None:
    zone, missing = changes.zone, changes.missing
    found = due(f"30 {missing.hour} * * *", zone, missing - DAY, 3)
    expected = (missing - DAY + HALF, missing + HOUR, missing + DAY + HALF)
    assert found == shown(*expected, zone=zone)


@in_four_zones
def test_a_fixed_time_that_comes_twice_is_due_the_first_time(changes: Changes) -> None:
    zone, twice = changes.zone, changes.twice
    found = due(f"30 {twice.hour} * * *", zone, twice - DAY, 3)
    assert found == shown(twice - DAY + HALF, twice + HALF, twice + DAY + HALF, zone=zone)


@in_four_zones
def test_every_hour_is_due_in_both_hours_of_one_name(changes: Changes) -> None:
    zone, twice = changes.zone, changes.twice
    found = due("0 * * * *", zone, twice - HALF, 3)
    assert found == shown(twice, twice.replace(fold=1), twice + HOUR, zone=zone)


@in_four_zones
def test_every_hour_leaves_out_the_hour_that_is_missing(changes: Changes) -> None:
    zone, missing = changes.zone, changes.missing
    found = due("0 * * * *", zone, missing - HOUR - HALF, 3)
    assert found == shown(missing - HOUR, missing + HOUR, missing + 2 * HOUR, zone=zone)


@in_four_zones
def test_every_half_hour_is_due_four_times_in_the_hour_that_comes_twice(changes: Changes) -> None:
    zone, twice = changes.zone, changes.twice
    found = due("*/30 * * * *", zone, twice - timedelta(minutes=15), 5)
    second = twice.replace(fold=1)
    assert found == shown(
        twice, twice + HALF, second, (second + HALF).replace(fold=1), twice + HOUR, zone=zone
    )


@pytest.mark.parametrize("minute", [0, 15, 29])
def test_a_change_of_half_an_hour_moves_what_is_missing_to_its_end(minute: int) -> None:
    """Lord Howe: at 02:00 on 4 October it is 02:30."""
    found = due(f"{minute} 2 * * *", "Australia/Lord_Howe", datetime(2026, 10, 3, 12), 2)
    assert found == ["04 02:30+1100", f"05 02:{minute:02}+1100"]


# --- more of the calendar ----------------------------------------------------------------------


def test_a_zone_that_goes_back_for_ramadan_is_followed() -> None:
    """Casablanca: from 15 February to 22 March 2026 it is at UTC+0, else at UTC+1."""
    found = due("30 2 * * *", "Africa/Casablanca", datetime(2026, 2, 14), 3)
    assert found == ["14 02:30+0100", "15 02:30+0100", "16 02:30+0000"]
    found = due("30 2 * * *", "Africa/Casablanca", datetime(2026, 3, 21), 3)
    assert found == ["21 02:30+0000", "22 03:00+0100", "23 02:30+0100"]


def test_a_zone_that_has_given_up_the_change_is_followed() -> None:
    """Istanbul stayed on summer time in 2016; Samoa left out a whole day in 2011."""
    found = due("0 3 31 1,7 *", "Europe/Istanbul", datetime(2016, 1, 1), 3)
    assert found == ["31 03:00+0200", "31 03:00+0300", "31 03:00+0300"]
    found = due("0 12 * * *", "Pacific/Apia", datetime(2011, 12, 29), 3)
    assert found == ["29 12:00-1000", "31 00:00+1400", "31 12:00+1400"]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29"]),
        ("0 0 31 * *", ["2026-01-31", "2026-03-31"]),
        ("0 0 L * *", ["2026-01-31", "2026-02-28"]),
        ("0 0 * * 0", ["2026-01-04", "2026-01-11"]),
        ("0 0 * * 7", ["2026-01-04", "2026-01-11"]),
        ("0 0 * * MON#2", ["2026-01-12", "2026-02-09"]),
        ("0 0 13 * FRI", ["2026-01-02", "2026-01-09"]),
        ("@weekly", ["2026-01-04", "2026-01-11"]),
        ("@monthly", ["2026-02-01", "2026-03-01"]),
        ("@yearly", ["2027-01-01", "2028-01-01"]),
        ("@daily", ["2026-01-02", "2026-01-03"]),
    ],
)
def test_days_are_those_of_the_calendar(rule: str, days: list[str]) -> None:
    """Days of the month and of the week are alternatives, as cron has it."""
    moments = islice(Cron(rule).after(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), 2)
    assert [f"{datetime.fromtimestamp(m, UTC):%Y-%m-%d}" for m in moments] == days


def test_six_fields_begin_with_seconds_and_an_hour_has_a_nickname() -> None:
    assert list(islice(Cron("*/20 * * * * *").after(5), 3)) == [20, 40, 60]
    assert list(islice(Cron("@hourly").after(5), 2)) == [3600, 7200]


def test_a_rule_reads_as_a_sentence() -> None:
    rules: list[Rule] = [Cron("30  2 * * *"), every(minutes=5), every(seconds=1.5), every(hours=1)]
    assert [rule.in_words for rule in rules] == [
        "At 02:30 every day",
        "Every 5 minutes",
        "Every 1.5 seconds",
        "Every hour",
    ]
    assert [str(rule) for rule in rules] == [
        "30 2 * * *",
        "every 5 minutes",
        "every 1.5 seconds",
        "every hour",
    ]
    assert at(0).in_words.startswith("Once, at 19")


@given(
    start=st.integers(1_774_000_000, 1_776_000_000) | st.integers(1_792_000_000, 1_794_000_000),
    zone=st.sampled_from([change.zone for change in ZONES]),
    rule=st.sampled_from(["30 2 * * *", "30 1 * * *", "0 * * * *", "*/30 1-3 * * *"]),
)
def test_the_moments_are_the_same_wherever_they_are_followed_from(
    start: int, zone: str, rule: str
) -> None:
    """Each comes after the one before, and a later start finds the rest of them."""
    cron = Cron(rule, zone)
    moments = list(islice(cron.after(float(start)), 12))
    assert moments == sorted(set(moments))
    for place, moment in enumerate(moments[:-1]):
        assert next(cron.after(moment)) == moments[place + 1]
        assert next(cron.after(moments[place + 1] - 1)) == moments[place + 1]


# --- intervals and single moments ---------------------------------------------------------------


def test_an_interval_stays_in_elapsed_seconds_across_a_change_of_the_clocks() -> None:
    zone = ZoneInfo("Europe/Berlin")
    anchor = datetime(2026, 3, 28, 12, tzinfo=zone)
    rule = every(days=1, anchor=anchor)
    moments = [datetime.fromtimestamp(m, zone) for m in islice(rule.after(anchor.timestamp()), 2)]
    assert [f"{moment:%d %H:%M}" for moment in moments] == ["29 13:00", "30 13:00"]


@given(
    seconds=st.floats(0.1, 1e6),
    anchor=st.floats(0, 2e9),
    after=st.floats(0, 2e9),
)
def test_an_interval_is_due_after_the_moment_and_within_one_length(
    seconds: float, anchor: float, after: float
) -> None:
    first, second = islice(Interval(seconds, anchor).after(after), 2)
    assert after < first < second
    assert first - after <= seconds * 1.001


def test_a_moment_is_due_once() -> None:
    moment = at(datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=1))))
    assert moment == Moment(1_796_112_000.0)
    assert list(moment.after(0)) == [moment.at]
    assert list(moment.after(moment.at)) == []


def test_a_moment_without_a_zone_is_local_time() -> None:
    local = datetime(2026, 12, 1, 9)
    assert at(local).at == local.timestamp()


# --- what is no rule ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("* * * *", r"wrong number of fields.*such as \"30 2 \* \* \*\""),
        ("61 * * * *", "bad minute"),
        ("0 0 30 2 *", "bad day-of-month"),
        ("0 0 * * 8", "bad day-of-week"),
        ("@reboot", "@daily"),
        ("", "is no cron text"),
        ("* " * 200, "at most 200 characters"),
        ("0 0 31 2 *", "bad day"),
    ],
)
def test_a_text_that_is_no_rule_is_refused_at_once(rule: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        as_rule(rule, "UTC")


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        (300, r"ja\.every\(seconds=…\)"),
        (timedelta(minutes=5), r"ja\.every\("),
        (datetime(2026, 1, 1, tzinfo=UTC), r"ja\.at\(…\)"),
        (None, "a rule is a cron text"),
    ],
)
def test_a_value_that_is_no_rule_is_refused_with_the_cure(value: Any, cure: str) -> None:
    with pytest.raises(TypeError, match=cure):
        as_rule(value, "UTC")


@pytest.mark.parametrize("zone", ["Berlin", "", "../etc/passwd", "Europe", "/etc/localtime", "\0"])
def test_a_zone_that_does_not_exist_is_refused_with_the_cure(zone: str) -> None:
    with pytest.raises(ValueError, match=r"IANA key.*pip install tzdata"):
        Cron("@daily", zone)


def test_a_zone_may_be_the_object_itself() -> None:
    assert check_zone(ZoneInfo("Europe/Berlin")).key == "Europe/Berlin"
    with pytest.raises(TypeError, match="IANA key"):
        check_zone(UTC)


@pytest.mark.parametrize(
    "make",
    [
        every,
        lambda: every(seconds=0.01),
        lambda: every(seconds=-1),
        lambda: every(seconds=float("nan")),
        lambda: every(days=10**9),
        lambda: every(seconds=1, anchor=-5),
        lambda: at(float("inf")),
    ],
)
def test_an_interval_or_moment_out_of_its_bounds_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"every|interval|anchor|at"):
        make()


@pytest.mark.parametrize(
    "make",
    [partial(as_every, minutes="5"), partial(as_every, seconds=True), partial(as_at, "9:00")],
)
def test_an_interval_or_moment_of_a_wrong_type_is_refused(make: Any) -> None:
    with pytest.raises(TypeError, match=r"ja\.(every|at)"):
        make()


def test_without_cronsim_a_cron_text_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(ImportError, match=r"pip install 'jobactors\[schedule\]'"):
        Cron("@daily")
    assert every(minutes=5).seconds == 300
