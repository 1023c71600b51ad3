"""Whether two functions do the same: one comparison, for all of the engine."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
import sys
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.model import job_type as register
from jobactors.model.identity import own_names, same_function, type_names
from jobactors.model.job_type import job_type_named

if TYPE_CHECKING:
    from collections.abc import Callable


def cell(text: str, name: str = "work", file: str = "cell", lines_before: int = 0) -> Any:
    """Return a function of a notebook's cell that is run."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile("\n" * lines_before + text, file, "exec"), space)  # noqa: S102 - as IPython does
    return space[name]


WORK = "def work(n=1):\n    return [i + 1.5 for i in range(n) if i in {1, 2}]"


def test_a_cell_that_is_run_again_makes_the_same_function() -> None:
    """Elsewhere in its cell, too, and under the other file name that an edit of the rest gives."""
    assert same_function(cell(WORK), cell(WORK))
    assert same_function(cell(WORK), cell(WORK, file="other", lines_before=3))


@pytest.mark.parametrize(
    "edited",
    [
        WORK.replace("1.5", "2.5"),
        WORK.replace("+", "-"),
        WORK.replace("range", "iter"),
        WORK.replace("{1, 2}", "{1, 3}"),
        WORK.replace("n=1", "n=2"),
        WORK.replace("n=1", "n=True"),
        WORK.replace("n=1", "n=1.0"),
        WORK.replace("n=1", "*, n=1"),
        WORK.replace("n=1", "m=1, n=1"),
        "async " + WORK,
    ],
)
def test_a_cell_that_was_edited_makes_another(edited: str) -> None:
    assert not same_function(cell(WORK), cell(edited))


def test_other_modules_and_other_names_make_other_functions() -> None:
    one, other = cell(WORK), cell(WORK)
    other.__module__ = "elsewhere"
    assert not same_function(one, other)
    assert not same_function(one, cell(WORK.replace("work", "play"), "play"))


def make(value: object) -> Callable[[], object]:
    """Return a function that has closed over a value."""

    def give() -> object:
        return value

    return give


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (3, 3, True),
        (3, 4, False),
        (1, True, False),
        (1, 1.0, False),
        (0.0, -0.0, False),
        (math.nan, float("nan"), True),
        (None, None, True),
        ("a", "a", True),
        ([1, ("b", {"c": b"d"})], [1, ("b", {"c": b"d"})], True),
        ([1, ("b", {"c": b"d"})], [1, ("b", {"c": b"e"})], False),
        ({1, 2}, {2, 1}, True),
        ({1}, {True}, False),
        (make(3), make(3), True),
        (make(3), make(4), False),
        (len, len, True),
        (object(), object(), False),
        (lambda: 3, lambda: 3, False),
        (list(range(20_000)), list(range(20_000)), False),
    ],
)
def test_the_values_that_a_function_has_closed_over_count(
    one: object, other: object, same: bool
) -> None:
    """Plain ones by value, with their types; others by being the same; very many of them not."""
    assert same_function(make(one), make(other)) is same


def test_values_are_compared_without_their_own_code() -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

        def __getattr__(self, name: str) -> object:
            raise AssertionError

    one = Hostile()
    assert same_function(make(one), make(one))
    assert not same_function(make(one), make(Hostile()))
    assert not same_function(make([one]), make([Hostile()]))
    assert not same_function(one, Hostile())


def test_a_function_that_refers_to_itself_has_an_end() -> None:
    def made() -> Callable[[int], int]:
        def count(n: int) -> int:
            return count(n - 1) if n else 0

        return count

    assert same_function(made(), made())


def test_a_variable_that_is_not_set_yet_is_one() -> None:
    def made(early: bool) -> Callable[[], object]:
        def give() -> object:
            return later

        if early:
            return give
        later = 3
        return give

    assert same_function(made(early=True), made(early=True))
    assert not same_function(made(early=True), made(early=False))


def test_a_lambda_is_itself_alone() -> None:
    def made() -> Any:
        return lambda: 3

    one = made()
    assert same_function(one, one)
    assert not same_function(one, made())


def test_a_method_is_that_of_its_object() -> None:
    class Index:
        def build(self) -> None: ...

        def drop(self) -> None: ...

    one, other = Index(), Index()
    assert same_function(one.build, one.build)
    assert not same_function(one.build, other.build)
    assert not same_function(one.build, one.drop)
    assert same_function([].append, [].append) is False
    assert same_function(sys.intern, sys.intern)


def test_a_partial_is_its_function_with_its_arguments() -> None:
    assert same_function(partial(cell(WORK), 3, a=[1]), partial(cell(WORK), 3, a=[1]))
    assert not same_function(partial(cell(WORK), 3), partial(cell(WORK), 4))
    assert not same_function(partial(make(3)), partial(make(4)))
    assert not same_function(partial(make(3)), make(3))


def test_a_registered_type_is_its_name() -> None:
    """Whatever its code is by now; a function of that name which is not registered is another."""
    one, plain = cell(WORK), cell(WORK)
    ja.job("index")(one)
    other = cell(WORK.replace("+", "-"))
    ja.job("index")(other)
    assert same_function(one, other)
    assert not same_function(one, plain)
    assert not same_function(plain, other)


def test_a_registered_type_is_its_aliases_too() -> None:
    old = cell(WORK)
    old.__dict__[register._ATTRIBUTE] = ja.JobType("film_index", old)
    new = ja.job("film_index_online", aliases="film_index")(make(1))
    assert same_function(old, new)
    assert same_function(new, old)
    other = ja.job("film_index_archive", aliases="film_index")(make(1))
    assert not same_function(new, other), "a shared alias makes no two types one"
    assert not same_function(old, new), "and it is open which of them has the past"


def test_look_ups_know_all_names_of_a_type() -> None:
    online = ja.job("film_index_online", aliases=["film_index", "online"])(make(1))
    archive = ja.job("film_index_archive", aliases="film_index")(make(2))
    both = {"film_index", "film_index_online", "film_index_archive", "online"}
    assert type_names("film_index") == both
    assert type_names(online) == type_names("film_index_online") == both - {"film_index_archive"}
    assert type_names(job_type_named("film_index_archive")) == {"film_index", "film_index_archive"}
    assert own_names(job_type_named("film_index_online")) == ("film_index_online", "online")
    assert own_names(job_type_named("film_index_archive")) == ("film_index_archive",)
    assert type_names(archive) == {"film_index", "film_index_archive"}
    assert type_names(make) == {"make"}
    assert type_names("unheard of") == {"unheard of"}
    assert isinstance(online, FunctionType)
    with pytest.raises(TypeError, match="takes the name of a job type, or a function, not 3"):
        type_names(3)  # type: ignore[arg-type]
