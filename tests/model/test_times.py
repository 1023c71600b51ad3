"""Milliseconds, points in time and infinity are refused where they cannot be meant."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

import jobactors as ja

NOW = time.time()


def options(**given: Any) -> ja.Options:
    return ja.Options().changed(**given)


LENGTHS: dict[str, Callable[[float], Any]] = {
    "timeout": lambda value: options(timeout=value),
    "start_deadline": lambda value: options(start_deadline=value),
    "grace": lambda value: options(grace=value),
    "Retention(age=…)": lambda value: ja.Retention(age=value),
    "Keep(age=…)": lambda value: ja.Keep(age=value),
    "Keep(by_state={'failed': …})": lambda value: ja.Keep(by_state={"failed": value}),
    "Every(seconds=…)": lambda value: ja.Every(seconds=value),
}


FINITE: dict[str, Callable[[float], Any]] = {
    **LENGTHS,
    "Limits(cpu=…)": lambda value: ja.Limits(cpu=value),
}


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("value", [NOW, NOW * 1000])
def test_a_length_is_neither_a_point_in_time_nor_in_milliseconds(name: str, value: float) -> None:
    says = r"at most ten years.*divide milliseconds by 1000"
    with pytest.raises(ValueError, match=says) as error:
        FINITE[name](value)
    assert str(error.value).startswith(name)


@pytest.mark.parametrize("name", LENGTHS)
def test_an_infinite_length_is_no_limit(name: str) -> None:
    assert LENGTHS[name](math.inf)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (NOW * 1000, "divide milliseconds by 1000"),
        (math.inf, "hold=True waits for ever"),
        (-math.inf, "at least 0"),
        (math.nan, "at least 0"),
        (-1, "at least 0"),
    ],
)
def test_a_point_in_time_is_in_seconds_since_the_epoch(value: float, says: str) -> None:
    with pytest.raises(ValueError, match=f"^start_at is .*{says}"):
        options(start_at=value)
    assert options(start_at=NOW).start_at == NOW


async def test_a_waiting_job_cannot_be_put_off_to_a_time_that_never_comes() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True).submit(int)
        with pytest.raises(ValueError, match="divide milliseconds by 1000"):
            job.update(start_at=NOW * 1000)
        job.release()
        assert await job == 0
