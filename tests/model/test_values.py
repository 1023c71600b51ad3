"""Values that people write: frozen, compared by their fields, and copied whole."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from attrs.exceptions import FrozenInstanceError

import jobactors as ja

WRITTEN: list[Any] = [
    ja.Options(name="Nightly", tags="nightly", priority="high", retry=ja.Retry()),
    ja.Retry(max=5, on=(OSError,)),
    ja.Retention(jobs=3),
    ja.Limits(cpu=60, memory=2**30),
    ja.Every(seconds=5, items=math.inf),
    ja.Keep(age=60, by_state={"failed": 3600}),
    ja.Phase("Index", len, {"obj": "abc"}, 90, ("Clear",)),
]
PLAIN = [ja.Retry(), ja.Retention(), ja.Limits(cpu=1), ja.Every()]

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def name_of(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("value", WRITTEN, ids=name_of)
def test_a_copy_by_any_way_is_equal(value: Any) -> None:
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):  # noqa: S301
        assert twin == value
        assert type(twin) is type(value)
        assert repr(twin) == repr(value)


@pytest.mark.parametrize("value", WRITTEN, ids=name_of)
def test_a_value_is_changed_only_by_making_another(value: Any) -> None:
    first = attrs.fields(type(value))[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, first, getattr(value, first))
    with pytest.raises(FrozenInstanceError):
        delattr(value, first)
    with pytest.raises(AttributeError):
        value.no_such_field = 1
    assert attrs.evolve(value) == value


@pytest.mark.parametrize("value", PLAIN, ids=name_of)
def test_equal_values_have_one_hash(value: Any) -> None:
    twin = copy.copy(value)
    assert hash(twin) == hash(value)
    assert {value: "found"}[twin] == "found"


@pytest.mark.parametrize("value", WRITTEN, ids=name_of)
def test_a_value_differs_from_what_is_of_another_class(value: Any) -> None:
    assert all((value == other) is (value is other) for other in WRITTEN)
    assert value != attrs.asdict(value, recurse=False)


@pytest.mark.parametrize("value", WRITTEN, ids=name_of)
def test_the_text_of_a_value_names_every_field(value: Any) -> None:
    text = repr(value)
    assert text.startswith(f"{name_of(value)}(")
    for field in attrs.fields(type(value)):
        assert f"{field.name}=" in text


@pytest.mark.parametrize("kind", [type(value) for value in WRITTEN])
def test_a_misspelled_field_is_refused_by_its_name(kind: Any) -> None:
    with pytest.raises(TypeError, match="no_such_field"):
        kind(no_such_field=1)


class Unprintable:
    """An object of a user that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(type(value), field.name) for value in WRITTEN for field in attrs.fields(type(value))],
)
def test_a_value_that_cannot_be_shown_is_refused_like_any_other(kind: Any, name: str) -> None:
    if (kind, name) in {(ja.Options, "key"), (ja.Options, "after")}:
        return  # they take anything
    given = {"name": "a", "work": len} if kind is ja.Phase else {}
    with pytest.raises((TypeError, ValueError)) as caught:
        kind(**(given | {name: Unprintable()}))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("make", "given", "cure"),
    [
        (ja.Options, {"timeout": "1 min"}, "write a number, 60 for a minute"),
        (
            ja.Options,
            {"timeout": datetime(2026, 1, 1, tzinfo=UTC)},
            r"subtract datetime.now\(\) from it",
        ),
        (ja.Options, {"key": ["a"]}, "write lists as tuples"),
        (ja.Every, {"seconds": "1 min"}, r"Every\(seconds=…\).* 60 for a minute"),
        (ja.Every, {"items": 0}, r"Every\(items=…\).*1 writes after each item"),
        (ja.Retention, {"age": "1 day"}, "write a number, 60 for a minute"),
        (ja.Retention, {"jobs": None}, "math.inf is no limit"),
        (ja.Keep, {"by_state": 3}, r'\{"failed": 30 \* 86400\}'),
        (ja.Limits, {"cpu": math.inf}, "None is no limit"),
        (ja.Retry, {"base": 1_700_000_000_000}, "divide milliseconds by 1000"),
        (ja.Retry, {"on": "OSError"}, r"on=\(ConnectionError, TimeoutError\)"),
        (ja.Snooze, {"delay": 1_700_000_000}, r"subtract time.time\(\)"),
    ],
)
def test_an_error_says_what_to_write_instead(make: Any, given: dict[str, Any], cure: str) -> None:
    with pytest.raises((TypeError, ValueError), match=cure):
        make(**given)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (ja.Options, "timeout"),
        (ja.Options, "start_deadline"),
        (ja.Options, "grace"),
        (ja.Every, "seconds"),
        (ja.Retention, "age"),
        (ja.Keep, "age"),
        (ja.Retry, "base"),
        (ja.Retry, "longest"),
        (ja.Snooze, "delay"),
    ],
)
def test_a_timedelta_is_as_good_as_its_seconds(make: Any, name: str) -> None:
    assert getattr(make(**{name: timedelta(minutes=2)}), name) == 120.0
    with pytest.raises((TypeError, ValueError)):
        make(**{name: timedelta(minutes=-2)})


def test_a_start_time_may_be_a_datetime() -> None:
    assert ja.Options(start_at=NOON).start_at == NOON.timestamp()
    assert ja.Options().changed(start_at=NOON).start_at == NOON.timestamp()


@pytest.mark.parametrize(
    "value",
    [
        ja.Options(metadata={"paper": 7}, resources="gpu", on_done=print),
        ja.Keep(by_state={"failed": 1}, by_type={"index": 1}),
        ja.Retention(by_type={"index": 1}),
        ja.Phase("Clear", len, {"obj": []}),
        ja.Retry(),
    ],
)
def test_equal_values_have_equal_hashes(value: Any) -> None:
    assert hash(value) == hash(attrs.evolve(value))
    assert {value: 1}[attrs.evolve(value)] == 1


def test_options_that_do_not_change_are_the_same_object() -> None:
    options = ja.Options(name="x")
    assert options.changed() is options


def test_options_changed_one_by_one_are_those_made_at_once() -> None:
    given: dict[str, Any] = {
        "tags": "nightly",
        "priority": "low",
        "resources": ["gpu"],
        "hold": True,
    }
    options = ja.Options()
    for name, value in given.items():
        options = options.changed(**{name: value})
    assert options == ja.Options(**given)


def test_one_exception_class_is_as_good_as_a_tuple() -> None:
    assert ja.Retry(on=OSError) == ja.Retry(on=(OSError,))


def test_the_ages_of_a_store_do_not_follow_the_dictionary_they_came_from() -> None:
    ages = {"failed": 60.0}
    keep = ja.Keep(by_state=ages)
    ages["failed"] = 0.0
    assert keep._age_of("failed", "add") == keep._shortest == 60
