"""``save_checkpoint``: the values that may be saved, and when the engine is woken."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobactors as ja
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer, SavedCheckpoint
from jobactors.inside.report.meter import Meter

from .conftest import Child, make_job, set_buffer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Number(IntEnum):
    """An int that is not exactly one."""

    ONE = 1


class Engine:
    """What hears of a job's saves, and takes them when it likes."""

    def __init__(self, **kept: SavedCheckpoint) -> None:
        self.heard: list[str] = []
        every = ja.Every(seconds=60, items=10)
        self.buffer = CheckpointBuffer(Meter(lambda: None), every, self._wake, kept)

    def _wake(self, now: bool) -> None:
        self.heard.append("write" if now else "soon")

    def take(self) -> dict[str, Any]:
        """What has been saved since the last time, by part."""
        return {part: saved.text for part, saved in self.buffer.take()}


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The test's own code is a job whose saves this engine hears of."""
    engine = Engine()
    context = make_job()
    set_buffer(context, engine.buffer)
    token = CURRENT.set(context)
    yield engine
    CURRENT.reset(token)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (-(2**100), str(-(2**100))),
        (0.1, "0.1"),
        ("héé", '"h\\u00e9\\u00e9"'),
        ({"page": 3, "seen": ["a", {"b": None}]}, '{"page": 3, "seen": ["a", {"b": null}]}'),
    ],
)
def test_exact_json_is_saved(engine: Engine, value: object, text: str) -> None:
    ja.save_checkpoint(value)
    assert engine.take() == {"": text}


circle: list[Any] = []
circle.append(circle)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ((1, 2), "the checkpoint is tuple"),
        ({"rows": [0, {1}]}, r"the checkpoint\['rows'\]\[1\] is set"),
        ({"a": {3: 4}}, r"a key of the checkpoint\['a'\] is int"),
        (math.nan, "nan"),
        ([math.inf], "inf"),
        (Number.ONE, "Number"),
        (b"bytes", "bytes"),
        (circle, "circle"),
    ],
)
def test_anything_else_is_refused_by_name_and_place(
    engine: Engine, value: object, what: str
) -> None:
    with pytest.raises(TypeError, match=what):
        ja.save_checkpoint(value)
    assert engine.take() == {}


@pytest.mark.parametrize("items", [-1, math.nan, math.inf])
def test_a_count_that_makes_no_sense_is_refused(engine: Engine, items: float) -> None:
    with pytest.raises(ValueError, match="items"):
        ja.save_checkpoint(1, items)
    with pytest.raises(TypeError, match="items"):
        ja.save_checkpoint(1, items="three")  # type: ignore[arg-type]
    assert engine.take() == {}


def test_a_value_is_taken_as_it_is_at_the_call(engine: Engine) -> None:
    seen = ["a"]
    ja.save_checkpoint({"seen": seen})
    seen.append("b")
    assert engine.take() == {"": '{"seen": ["a"]}'}


def test_only_the_last_save_counts(engine: Engine) -> None:
    for page in range(5):
        ja.save_checkpoint(page)
    assert engine.take() == {"": "4"}
    assert engine.take() == {}


def test_the_engine_hears_of_the_first_unwritten_save_only(engine: Engine) -> None:
    ja.save_checkpoint(1)
    ja.save_checkpoint(2)
    assert engine.heard == ["soon"]
    engine.take()
    ja.save_checkpoint(3)
    assert engine.heard == ["soon", "soon"]


def test_so_many_items_are_written_at_once(engine: Engine) -> None:
    for page in range(25):
        ja.save_checkpoint(page)
    assert engine.heard == ["soon", "write"], "asked once, until it has been done"
    engine.take()
    ja.save_checkpoint("all", items=10)
    assert engine.heard == ["soon", "write", "soon", "write"]


def test_the_count_of_items_goes_on_from_what_was_kept() -> None:
    engine = Engine(part=SavedCheckpoint("3", 40))
    engine.buffer.save("part", 4, 2)
    engine.buffer.save("other", 1)
    assert {part: saved.items for part, saved in engine.buffer.take()} == {"part": 42, "other": 1}


def test_a_save_says_how_far_the_job_is() -> None:
    meter = Meter(lambda: None)
    buffer = CheckpointBuffer(meter, ja.Every(), lambda _: None)
    meter.report(45, 100)
    buffer.save("", 45)
    ((_, saved),) = buffer.take()
    assert saved.fraction == 0.45


@given(st.integers(200, 5000))
def test_it_says_so_within_a_hundredth_however_often_it_is_saved(count: int) -> None:
    meter = Meter(lambda: None)
    buffer = CheckpointBuffer(meter, ja.Every(), lambda _: None)
    for done in range(1, count + 1):
        meter.report(done, 5000)
        buffer.save("", done)
    ((_, saved),) = buffer.take()
    assert saved.fraction == pytest.approx(count / 5000, rel=0.011)


def test_progress_that_makes_no_sense_hinders_no_save(engine: Engine) -> None:
    context = ja.current_job()
    buffer = CheckpointBuffer(context._meter, ja.Every(), lambda _: None)
    set_buffer(context, buffer)
    ja.progress("three", total=10)  # type: ignore[arg-type]
    ja.save_checkpoint(3)
    ((_, saved),) = buffer.take()
    assert (saved.text, saved.fraction) == ("3", None)


def test_each_look_at_the_checkpoint_gives_a_fresh_copy() -> None:
    context = make_job()
    set_buffer(context, Engine(**{"": SavedCheckpoint('{"seen": []}', 1)}).buffer)
    context.checkpoint["seen"].append("a")
    assert context.checkpoint == {"seen": []}


def test_what_is_saved_now_is_for_the_next_attempt(engine: Engine) -> None:
    ja.save_checkpoint(3)
    assert ja.current_job().checkpoint is None


def test_outside_a_job_nothing_is_saved_and_nothing_was() -> None:
    ja.save_checkpoint(3)
    assert ja.current_job().checkpoint is None


def test_threads_that_save_to_parts_of_their_own_lose_nothing(engine: Engine) -> None:
    def work(part: str) -> None:
        for i in range(2000):
            engine.buffer.save(part, i)

    parts = {"a", "b", "c"}
    children = [Child(work, part) for part in parts]
    kept: dict[str, str] = {}
    while not all(child.ended.is_set() for child in children):
        kept |= engine.take()
    for child in children:
        child.result()
    kept |= engine.take()
    assert kept == dict.fromkeys(parts, "1999")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"seconds": -1}, ValueError),
        ({"seconds": "60"}, TypeError),
        ({"seconds": math.nan}, ValueError),
        ({"items": 0}, ValueError),
        ({"items": 1.5}, TypeError),
        ({"items": True}, TypeError),
    ],
)
def test_an_interval_that_makes_no_sense_is_refused(
    wrong: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ja.Every(**wrong)
