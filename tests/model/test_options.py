"""Options are checked the moment they are given, and say what to give instead."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from jobactors.model.options import DEFAULTS, OPTION_NAMES, Options, priority_number
from jobactors.model.retry import Retry

WRONG: list[tuple[str, object, type[Exception], str]] = [
    ("name", 3, TypeError, "text"),
    ("description", None, TypeError, "text"),
    ("subject", b"wiki", TypeError, "text"),
    ("icon", 1.5, TypeError, "text"),
    ("tags", 5, TypeError, "texts"),
    ("tags", ["a", 2], TypeError, "texts"),
    ("metadata", [("a", 1)], TypeError, "mapping"),
    ("priority", "urgent", ValueError, '"high", "normal", "low" or an integer'),
    ("priority", 1.5, TypeError, '"high", "normal", "low" or an integer'),
    ("priority", True, TypeError, '"high", "normal", "low" or an integer'),
    ("key", ["a"], TypeError, "hashable"),
    ("key", ("a", {}), TypeError, "hashable"),
    ("on_duplicate", "ignore", ValueError, '"return", "raise", "replace"'),
    ("on_duplicate", None, ValueError, '"return", "raise", "replace"'),
    ("hold", "no", TypeError, "True or False"),
    ("hold", 1, TypeError, "True or False"),
    ("start_at", "noon", TypeError, "number of seconds"),
    ("start_at", -1, ValueError, "at least 0"),
    ("retry", 3, TypeError, r"ja\.Retry\(max=3\)"),
    ("timeout", "1 min", TypeError, "number of seconds"),
    ("timeout", True, TypeError, "number of seconds"),
    ("timeout", -0.5, ValueError, "at least 0"),
    ("timeout", math.nan, ValueError, "at least 0"),
    ("start_deadline", [], TypeError, "number of seconds"),
    ("grace", None, TypeError, "number of seconds"),
    ("grace", -1, ValueError, "at least 0"),
    ("runner", 7, TypeError, "text"),
    ("on_done", "print", TypeError, "function"),
    ("mailbox", 1.5, TypeError, "whole number"),
    ("mailbox", True, TypeError, "whole number"),
    ("mailbox", -1, ValueError, "at least 0"),
]


@pytest.mark.parametrize(("name", "value", "error", "cure"), WRONG)
def test_a_wrong_value_is_refused_with_its_name_and_the_cure(
    name: str, value: Any, error: type[Exception], cure: str
) -> None:
    with pytest.raises(error, match=cure) as caught:
        Options(**{name: value})
    assert name in str(caught.value)
    with pytest.raises(error, match=cure):
        DEFAULTS.changed(**{name: value})


def test_a_huge_wrong_value_is_not_printed_in_full() -> None:
    with pytest.raises(TypeError) as caught:
        Options(timeout="x" * 10_000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("tags", "nightly", ("nightly",)),
        ("tags", ["a", "b"], ("a", "b")),
        ("tags", (word for word in "ab"), ("a", "b")),
        ("priority", "high", 10),
        ("priority", -7, -7),
        ("key", ("train", 3), ("train", 3)),
        ("timeout", None, None),
        ("timeout", 0, 0),
        ("timeout", math.inf, math.inf),
        ("retry", Retry(), Retry()),
        ("on_done", print, print),
    ],
)
def test_a_right_value_is_kept(name: str, value: Any, kept: object) -> None:
    assert getattr(Options(**{name: value}), name) == kept


def test_changing_makes_other_options_and_leaves_these() -> None:
    options = DEFAULTS.changed(name="Nightly", priority="low")
    assert (options.name, options.priority) == ("Nightly", -10)
    assert Options() == DEFAULTS
    assert options.changed() == options


def test_an_unknown_option_lists_the_known() -> None:
    with pytest.raises(TypeError, match="unknown option epochs; options are") as caught:
        DEFAULTS.changed(epochs=3)
    for name in OPTION_NAMES:
        assert name in str(caught.value)
    assert "the function's own arguments go to submit()" in str(caught.value)


def test_several_unknown_options_are_all_named() -> None:
    with pytest.raises(TypeError, match="unknown options epochs, lr; "):
        DEFAULTS.changed(lr=0.1, epochs=3)


def test_options_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        DEFAULTS.name = "x"  # type: ignore[misc]


def test_high_goes_before_normal_and_normal_before_low() -> None:
    assert priority_number("high") > priority_number("normal") > priority_number("low")
    assert priority_number("normal") == DEFAULTS.priority == 0
