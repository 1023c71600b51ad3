"""How long finished jobs stay."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
from typing import Any

import pytest

from jobactors.model.retention import Retention

LIMITS = ["age", "jobs", "result_bytes", "read"]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [-1, math.nan, "1 day", None, True, []])
def test_a_wrong_limit_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Retention\({name}=…\) is a number of at least 0"):
        Retention(**{name: value})


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0, 7, math.inf])
def test_a_limit_of_0_or_without_end_is_a_limit(name: str, value: Any) -> None:
    assert getattr(Retention(**{name: value}), name) == value


def test_the_defaults_are_the_ones_promised() -> None:
    assert Retention() == Retention(age=86_400, jobs=10_000, result_bytes=268_435_456, read=100)
