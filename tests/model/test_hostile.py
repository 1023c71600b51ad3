"""Whatever a user's objects do, the pure functions over them return."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

import jobactors as ja
from jobactors.model.checks import TEN_YEARS, class_name_of, shown
from jobactors.model.error_text import LONGEST_MESSAGE, LONGEST_TRACEBACK, ErrorText
from jobactors.model.exact import NotExact, exact_json
from jobactors.model.exception_tree import (
    family_of,
    is_a,
    is_group,
    leaves_of,
    members_of,
    release_frames,
    traceback_of,
)
from jobactors.model.object_size import size_of
from jobactors.model.outcome import (
    NotKept,
    Outcome,
    Partial,
    Raised,
    RaisedElsewhere,
    Returned,
    ending_of,
    error_for_waiter,
    is_success,
    judge,
    unwrap,
)
from jobactors.model.retry import Retry
from jobactors.model.snooze import Snooze, asked_delay
from jobactors.model.states import JobState, Request
from tests.model.hostile import (
    EXCEPTIONS,
    RESULTS,
    SNOOZES,
    Struck,
    chained,
    nested,
    of_striking_type,
    striking_kind,
    take_apart,
    wide,
)


class Held:
    """Holds an object out of the sight of pytest, which shows what its tests are given."""

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.fixture(params=EXCEPTIONS)
def held(request: pytest.FixtureRequest) -> Iterator[Held]:
    """Each hostile exception, raised and caught."""
    made = EXCEPTIONS[request.param]()
    try:
        throw(made)
    except BaseException as exc:
        caught = exc
    assert caught is made
    yield Held(caught)
    take_apart(made)


def throw(exc: BaseException) -> NoReturn:
    """Raise an exception, so that it has a frame."""
    raise exc


# -- exceptions


def test_its_text_is_taken_within_its_bounds(held: Held) -> None:
    hostile = held.value
    text = ErrorText.of(hostile)
    assert {type(part) for part in (text.type, text.message, text.traceback)} == {str}
    assert text.type
    assert text.traceback
    assert len(text.type) <= 1_000
    assert len(text.message) <= LONGEST_MESSAGE
    assert len(text.traceback) <= LONGEST_TRACEBACK
    assert str(text)


def test_its_ending_is_kept_and_judged(held: Held) -> None:
    hostile = held.value
    ending = ending_of(hostile)
    assert ending.exception is hostile
    assert not is_success(ending)
    for request in (None, *Request):
        outcome = judge(ending, request, "why")
        assert outcome.exception is hostile
        assert type(repr(outcome)) is str


def test_its_frames_are_let_go(held: Held) -> None:
    hostile = held.value
    release_frames(hostile)
    assert traceback_of(hostile) is None


def test_a_waiter_gets_it_or_an_error_that_names_it(held: Held) -> None:
    hostile = held.value
    ending = ending_of(hostile)
    outcome = Outcome(JobState.FAILED, None, ending.exception, ending.text)
    for _ in range(2):
        error = error_for_waiter("j-1", outcome)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - any of them
            unwrap("j-1", outcome)
        got = caught.value
        assert got is error or type(got) is type(error) is ja.JobFailed
        assert got is hostile or type(got) is ja.JobFailed


def test_it_is_tried_again_or_not_as_an_except_clause_decides(held: Held) -> None:
    hostile = held.value
    for kind in (Exception, ValueError, SystemExit, striking_kind(Exception)):
        try:
            throw(hostile)
        except kind:
            caught = True
        except BaseException:
            caught = False
        assert (Retry(on=kind).delay_after(1, hostile, 0) is not None) is caught


@pytest.mark.parametrize("make", [EXCEPTIONS["a class of a striking type"], ValueError])
def test_a_class_that_cannot_be_asked_is_asked_nothing(make: Callable[[], BaseException]) -> None:
    exc, kind = make(), striking_kind(Exception)
    assert not is_a(exc, kind)
    assert is_a(exc, kind, Exception)
    with pytest.raises(Struck):
        isinstance(exc, kind)


def test_a_group_is_one_whatever_it_says() -> None:
    for name in ("members that strike", "members without end"):
        group = EXCEPTIONS[name]()
        assert is_group(group)
        assert [type(member) for member in members_of(group)] == [ValueError]
    assert not is_group(EXCEPTIONS["a __class__ that strikes"]())
    assert members_of(ValueError()) == ()


def test_the_leaves_of_groups_come_in_order_without_recursion() -> None:
    exc = nested(5_000)
    assert [type(leaf) for leaf in leaves_of(exc)] == [ValueError]
    take_apart(exc)
    first, second, third = ValueError(1), ValueError(2), ValueError(3)
    group = ExceptionGroup("g", [first, ExceptionGroup("h", [second]), third])
    assert [*leaves_of(group)] == [first, second, third]
    assert [*leaves_of(first)] == [first]


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: chained(10_000), 10_001),
        (lambda: nested(5_000), 5_001),
        (lambda: wide(10_000), 10_001),
        (EXCEPTIONS["its own cause"], 1),
        (EXCEPTIONS["another cause at each look"], 1),
        (EXCEPTIONS["cause, context, traceback and notes that strike"], 1),
    ],
)
def test_a_family_is_seen_once_each_without_recursion(
    make: Callable[[], BaseException], count: int
) -> None:
    exc = make()
    family = [error for error, _ in family_of(exc)]
    assert len(family) == len({id(error) for error in family}) == count
    assert family[0] is exc
    take_apart(exc)


@pytest.mark.parametrize("make", [lambda: chained(10_000), lambda: wide(10_000)])
def test_no_more_is_formatted_than_is_shown(make: Callable[[], BaseException]) -> None:
    exc = make()
    text = ErrorText.of(exc)
    assert "… 9,986 further exceptions are not shown …" in text.traceback
    assert "Exception 1 of 10,001:\n" in text.traceback
    assert "Exception 10,001 of 10,001:\n" in text.traceback
    assert "Exception 5,000 of" not in text.traceback
    take_apart(exc)


def test_no_more_texts_are_taken_than_are_shown() -> None:
    taken: list[int] = []

    class Counted(ValueError):
        def __str__(self) -> str:
            taken.append(1)
            return "counted"

    ErrorText.of(ExceptionGroup("many", [Counted() for _ in range(10_000)]))
    assert 0 < len(taken) < 100


def test_what_lies_deepest_in_groups_is_shown() -> None:
    exc = nested(900)
    text = ErrorText.of(exc)
    assert text.type == "ExceptionGroup"
    assert "ValueError: innermost" in text.traceback
    assert "886 further exceptions" in text.traceback
    take_apart(exc)


def test_a_traceback_too_long_shows_its_end_and_counts_the_rest() -> None:
    text = ErrorText.of(EXCEPTIONS["10,000 frames"]())
    assert "… 9,900 earlier frames are not shown …" in text.traceback
    assert text.traceback.endswith("ValueError: deep down\n")


def test_a_list_shows_the_notes_of_each() -> None:
    first = wide(200)
    first.add_note("a note")
    assert "a note\n" in ErrorText.of(first).traceback


def test_an_ordinary_exception_is_formatted_as_python_does() -> None:
    try:
        try:
            throw(KeyError("inner"))
        except KeyError as exc:
            raise ExceptionGroup("outer", [ValueError(1), OSError(2)]) from exc
    except ExceptionGroup as exc:
        text = ErrorText.of(exc)
    assert "The above exception was the direct cause" in text.traceback
    assert "+-+---------------- 1 ----------------" in text.traceback


def test_the_frames_of_a_hostile_exception_hold_nothing() -> None:
    class Data:
        pass

    watched: list[weakref.ref[Data]] = []

    def fail(make: Callable[[], BaseException]) -> None:
        data = Data()
        watched.append(weakref.ref(data))
        raise make()

    endings: list[Raised] = []
    for name in ("with_traceback and add_note that strike", "every attribute strikes"):
        try:
            fail(EXCEPTIONS[name])
        except Exception as exc:
            endings.append(ending_of(exc))
    gc.collect()
    assert [data() for data in watched] == [None, None]


def test_an_ending_from_elsewhere_is_taken_as_it_is() -> None:
    raised = Raised(ValueError(), ErrorText("ValueError", "", "there"))
    elsewhere = RaisedElsewhere(raised)
    assert ending_of(elsewhere) == raised


def test_a_class_has_a_name_whatever_its_metaclass_does() -> None:
    assert class_name_of(of_striking_type(Exception)) == "OfStrikingType"
    assert class_name_of(ValueError()) == "ValueError"
    assert class_name_of(NotKept("")) == "jobactors.model.outcome.NotKept"


# -- results


@pytest.fixture(params=RESULTS)
def held_result(request: pytest.FixtureRequest) -> Held:
    """Each hostile result."""
    return Held(RESULTS[request.param]())


def test_a_hostile_result_is_a_result(held_result: Held) -> None:
    result = held_result.value
    ending = Returned(result)
    assert is_success(ending)
    for request in (None, *Request):
        outcome = judge(ending, request, None)
        assert outcome.state is JobState.SUCCEEDED
        assert type(repr(outcome)) is str
        assert error_for_waiter("j-1", outcome) is None
        assert unwrap("j-1", outcome) is result


def test_a_hostile_partial_result_is_one(held_result: Held) -> None:
    result = held_result.value
    ending = Returned(Partial(result))
    assert not is_success(ending)
    outcome = judge(ending, None, "why")
    assert outcome.state is JobState.CANCELLED
    error = error_for_waiter("j-1", outcome)
    assert isinstance(error, ja.JobCancelled)
    assert error.partial is result


def test_the_size_of_a_hostile_result_is_a_number(held_result: Held) -> None:
    result = held_result.value
    size = size_of(result)
    assert type(size) is int
    assert 0 <= size < 2**70


def test_a_hostile_result_is_none_that_json_can_hold(held_result: Held) -> None:
    result = held_result.value
    with pytest.raises(NotExact) as caught:
        exact_json([result])
    assert type(caught.value.kind) is str


def test_a_hostile_value_is_shown_in_an_error_all_the_same() -> None:
    class Mute:
        def __repr__(self) -> str:
            raise ValueError

    assert shown(Mute()).endswith("Mute that has no repr")
    assert shown(10**5_000) == "a int that has no repr"
    assert len(shown("x" * 10_000)) == 100


# -- delays


@pytest.mark.parametrize(("make", "says"), SNOOZES.values(), ids=SNOOZES)
def test_a_bad_snooze_becomes_an_error_that_says_what_was_wrong(
    make: Callable[[], Snooze], says: str
) -> None:
    snooze = make()
    error = asked_delay(snooze)
    assert type(error) is ValueError
    assert says in str(error)
    assert type(snooze).__name__ in str(error)
    assert error.__traceback__ is None


def test_a_good_snooze_of_any_class_is_a_number_of_seconds() -> None:
    class Later(Snooze):
        def __init__(self) -> None:
            self.delay = 7

    for snooze, delay in (
        (Snooze(5), 5),
        (Snooze(0), 0),
        (Later(), 7),
        (Snooze(TEN_YEARS), TEN_YEARS),
    ):
        asked = asked_delay(snooze)
        assert type(asked) is float
        assert asked == delay


@pytest.mark.parametrize("delay", [-1, math.nan, math.inf, "5", None, True, 1_700_000_000, 10**400])
def test_a_snooze_refuses_what_no_clock_could_wait_for(delay: Any) -> None:
    with pytest.raises(ValueError, match="number of seconds of at least 0, at most ten years"):
        Snooze(delay)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(name, value) for name in ("base", "longest") for value in (-1, math.nan, 1.7e12, "1 s")],
        *[("base", math.inf), ("factor", math.inf), ("factor", 10**400), ("max", 0)],
        *[("jitter", 2), ("jitter", math.nan), ("factor", math.nan), ("max", math.nan)],
    ],
)
def test_a_retry_refuses_what_no_clock_could_wait_for(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Retry\({field}=…\)"):
        Retry(**{field: value})


@pytest.mark.parametrize("attempt", [1, 2, 1_000, 10**9])
@pytest.mark.parametrize("factor", [0, 1, 2, 10**300, 1e-300, 1e308])
@pytest.mark.parametrize("base", [0, 5e-324, 1, TEN_YEARS])
def test_a_delay_is_computed_at_once_and_within_bounds(
    attempt: int, factor: float, base: float
) -> None:
    retry = Retry(max=10**10, base=base, factor=factor, longest=math.inf)
    delay = retry.delay_after(attempt, ValueError(), 0.5)
    assert type(delay) is float
    assert 0 <= delay <= TEN_YEARS
