"""Exceptions in parts, from one process to another: each part that can arrive does."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import pickle
import threading
from typing import Any, Self

import pytest

import jobactors as ja
from jobactors.model.exception_parts import MOST, put_together, take_apart
from jobactors.model.exception_tree import (
    attributes_of,
    cause_of,
    context_of,
    family_of,
    is_context_hidden,
    members_of,
    notes_of,
    release_frames,
)
from tests.model.hostile import EXCEPTIONS, chained, nested, wide
from tests.model.hostile import take_apart as dismantle


def sent(exc: BaseException) -> Any:
    """Send an exception through a pickle of its parts."""
    parts = pickle.loads(pickle.dumps(take_apart(exc, pickle.dumps)))  # noqa: S301
    return put_together(parts, pickle.loads)


class Coded(Exception):
    """Takes more than it passes on."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Named(Exception):
    """Takes names only."""

    def __init__(self, *, need: int) -> None:
        super().__init__(f"need {need}")
        self.need = need


class Slotted(OSError):
    """Has slots of its own, beside those of a builtin."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        super().__init__(2, "not there", path)
        self.path = path


class Made(ValueError):
    """Is made by a call that nobody can repeat."""

    def __new__(cls, one: int, two: int) -> Self:  # noqa: D102
        return super().__new__(cls, one + two)

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


class Group(ExceptionGroup[Exception]):
    """Takes something else than other groups."""

    def __new__(cls, errors: list[Exception]) -> Self:  # noqa: D102
        made = super().__new__(cls, "of ours", errors)
        made.count = len(errors)
        return made

    count: int


class Local(ja.Snooze, TimeoutError):
    """Two builtin layouts in one class."""


@pytest.mark.parametrize(
    "exc",
    [
        Coded("hello", 12),
        Named(need=3),
        Slotted("/x"),
        Made(1, 2),
        Local(3),
        OSError(2, "not there", "a", None, "b"),
        BlockingIOError(11, "later", 5),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
        UnicodeEncodeError("ascii", "\xff", 0, 1, "why"),
        SyntaxError("bad", ("f.py", 1, 2, "x y", 1, 3)),
        ImportError("no", name="m", path="/m"),
        StopIteration(3),
        SystemExit(4),
        KeyError("k"),
        KeyboardInterrupt(),
        ja.JobTimedOut("j", "why"),
        ja.JobCancelled("j", "why", [1]),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_an_exception_is_the_same_on_the_other_side(exc: BaseException) -> None:
    twin = sent(exc)
    assert type(twin) is type(exc)
    assert (str(twin), twin.args, vars(twin)) == (str(exc), exc.args, vars(exc))
    for name in ("errno", "filename", "filename2", "path", "start", "object", "lineno", "value"):
        assert getattr(twin, name, None) == getattr(exc, name, None)


def test_causes_contexts_groups_and_notes_arrive() -> None:
    exc = ValueError("outer")
    exc.__cause__ = inner = Coded("inner", 1)
    make: Any = Group
    inner.__context__ = make([KeyError("deep"), Named(need=2)])
    exc.add_note("a note")
    twin = sent(exc)
    assert twin.__notes__ == ["a note"]
    assert twin.__suppress_context__
    assert (type(twin.__cause__), twin.__cause__.code) == (Coded, 1)
    group = twin.__cause__.__context__
    assert (type(group), group.count, group.message) == (Group, 2, "of ours")
    assert [repr(error) for error in group.exceptions] == ["KeyError('deep')", "Named('need 2')"]


def test_what_two_exceptions_share_is_shared_on_the_other_side() -> None:
    cause = KeyError("one")
    first, second = ValueError("a"), ValueError("b")
    first.__cause__ = second.__cause__ = cause
    cause.__context__ = first
    twin = sent(ExceptionGroup("g", [first, second]))
    assert twin.exceptions[0].__cause__ is twin.exceptions[1].__cause__
    assert twin.exceptions[0].__cause__.__context__ is twin.exceptions[0]
    release(twin)


def release(exc: BaseException) -> None:
    """Break the circles."""
    for error in [error for error, _ in family_of(exc)]:
        error.__cause__ = error.__context__ = None


class Bomb:
    """Bursts when it is rebuilt."""

    def __reduce__(self) -> Any:
        return divmod, (1, 0)


def test_a_part_that_cannot_travel_costs_itself() -> None:
    exc: Any = Coded("hello", 12)
    exc.lock = threading.Lock()
    exc.bomb = Bomb()
    exc.args = ("hello", threading.Lock())
    exc.add_note("its own")
    twin = sent(exc)
    assert type(twin) is type(exc)
    assert (twin.code, twin.args, twin.lock) == (12, ("hello", "<_thread.lock>"), "<_thread.lock>")
    its_own, args, lock, bomb = twin.__notes__
    assert its_own == "its own"
    assert args.startswith("its args[1] could not be sent by its process: TypeError: ")
    assert lock.startswith("its lock could not be sent by its process: TypeError: ")
    assert bomb.startswith("its bomb could not be rebuilt here: ZeroDivisionError: ")


def test_a_class_that_cannot_travel_is_replaced_by_its_nearest_base() -> None:
    unknown: Any = type("Unknown", (Coded,), {})  # pickle finds no class without a place
    twin = sent(unknown("hello", 12))
    assert (type(twin), twin.code) == (Coded, 12)
    assert "it was a " in twin.__notes__[0]
    assert "Unknown, whose class could not be sent by its process" in twin.__notes__[0]


def test_what_is_known_only_as_an_exception_is_not_made() -> None:
    unknown: Any = type("Unknown", (Exception,), {})
    assert sent(unknown("x")) is None
    outer = ValueError("outer")
    outer.__cause__ = unknown("inner")
    assert repr(sent(outer).__cause__) == "Exception('inner')"


class OwnWay(Exception):
    """States how it is pickled."""

    def __reduce__(self) -> Any:
        return OwnWay, ("again",)


class Raising(Exception):
    """Cannot state it."""

    def __reduce__(self) -> Any:
        raise SystemExit("reduce")


class Turned(Exception):
    """Becomes something else."""

    def __reduce__(self) -> Any:
        return str, ("no exception",)


def interrupt() -> None:
    raise KeyboardInterrupt


class Interrupting(Exception):
    """Ends the program that rebuilds it."""

    def __reduce__(self) -> Any:
        return interrupt, ()


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        (OwnWay("once"), "again"),
        (Raising("once"), "once"),
        (Turned("once"), "once"),
        (Interrupting("once"), "once"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_class_that_states_how_it_is_pickled_is_asked_first(exc: Exception, text: str) -> None:
    twin = sent(exc)
    assert (type(twin), str(twin)) == (type(exc), text)


@pytest.mark.parametrize("make", [nested, chained, wide])
def test_very_many_exceptions_arrive(make: Any) -> None:
    exc = make(5_000)
    twin = sent(exc)
    assert sum(1 for _ in family_of(twin)) == sum(1 for _ in family_of(exc))
    dismantle(exc)
    dismantle(twin)


def test_of_a_larger_group_the_first_arrive_and_the_rest_is_counted() -> None:
    twin = sent(wide(MOST + 1))
    assert len(twin.exceptions) == MOST - 1
    assert twin.__notes__ == ["2 of its exceptions were left out"]


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_may_do_its_worst(name: str) -> None:
    made = EXCEPTIONS[name]()
    twin = sent(made)
    if twin is not None:
        for read in (cause_of, context_of, is_context_hidden, members_of, notes_of, attributes_of):
            read(twin)
        release_frames(twin)
        dismantle(twin)
    dismantle(made)
