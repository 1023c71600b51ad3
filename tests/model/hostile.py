"""Objects that a user's code may hand over, each of which does its worst.

Tests of any room can import these: what touches a job's exceptions, results, snoozes and options
must bear all of them.  They raise :class:`Struck`, which is no ``Exception``, so that no ``except
Exception`` in between hides a touch outside a guard.
"""

# ruff: noqa: D101, D102 - the table of each kind says what is wrong with it

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, NoReturn

import jobactors as ja


class Struck(BaseException):
    """Raised by a hostile object when it is touched."""


def strike(*_: object, **__: object) -> NoReturn:
    """Stands for any method of a hostile object."""
    raise Struck


strikes: Any = property(strike)
"""Stands for any attribute of one."""


# -- exceptions


class StrikingText(Exception):
    __str__ = __repr__ = __format__ = strike


class StrikingClass(Exception):
    __class__ = strikes


class LyingClass(Exception):
    __class__ = int  # type: ignore[assignment]


class StrikingEverywhere(Exception):
    __getattribute__ = strike


class StrikingSet(Exception):
    __setattr__ = __delattr__ = strike


class StrikingLinks(Exception):
    __cause__ = __context__ = __suppress_context__ = strikes
    __traceback__ = __notes__ = args = strikes


class StrikingWith(Exception):
    with_traceback = add_note = __reduce__ = __reduce_ex__ = strike


class StrikingComparison(Exception):
    __eq__ = __ne__ = __hash__ = __bool__ = strike


class NotedByNumber(Exception):
    __notes__ = 5  # type: ignore[assignment]


class AnotherCauseAtEachLook(Exception):
    @property
    def __cause__(self) -> BaseException:
        return AnotherCauseAtEachLook()

    @__cause__.setter
    def __cause__(self, value: object) -> None: ...


class OwnCause(Exception):
    def __init__(self) -> None:
        super().__init__("its own cause")
        self.__cause__ = self


class FalseTraceback(Exception):
    __traceback__ = "none"  # type: ignore[assignment]


class DerivedText(str):
    __slots__ = ()
    __len__ = __getitem__ = __format__ = __add__ = __str__ = strike


class WithDerivedText(Exception):
    def __str__(self) -> str:
        return DerivedText("derived")


class StrikingMembers(ExceptionGroup[Exception]):
    exceptions = split = subgroup = derive = strikes


class LyingMembers(ExceptionGroup[Exception]):
    @property
    def exceptions(self) -> Any:
        return (LyingMembers("again", [ValueError()]),)


class StrikingType(type):
    """A class that cannot even be asked its name.

    Without ``__subclasscheck__``: the interpreter itself asks that when an instance is raised.
    """

    __instancecheck__ = strike
    __hash__ = __eq__ = __call__ = __getattribute__ = strike


def striking_kind(base: type) -> Any:
    """A class of that metaclass.  Made by a call, because pytest asks each class of a module."""
    return StrikingType.__new__(StrikingType, "OfStrikingType", (base,), {})


def of_striking_type(base: type) -> Any:
    """An instance of such a class."""
    make: Any = base.__new__
    return make(striking_kind(base))


class FalselyNamed(Exception):
    __module__ = 5  # type: ignore[assignment]


def nested(depth: int) -> BaseException:
    """Groups in groups, the innermost with an error."""
    exc: Exception = ValueError("innermost")
    for _ in range(depth):
        exc = ExceptionGroup("again", [exc])
    return exc


def chained(length: int) -> BaseException:
    """An error that was caused by one that was caused by another one, and so on."""
    exc: BaseException = ValueError("the first")
    for n in range(length):
        later = ValueError(n)
        later.__cause__ = exc
        exc = later
    return exc


def wide(count: int) -> BaseException:
    """A group of many."""
    return ExceptionGroup("many", [ValueError(n) for n in range(count)])


def from_deep_down(depth: int) -> BaseException:
    """An error with a traceback of so many frames."""
    exc = ValueError("deep down")
    frame: TracebackType | None = None
    try:
        raise exc
    except ValueError as error:
        here = error.__traceback__
        assert here is not None
        for _ in range(depth):
            frame = TracebackType(frame, here.tb_frame, here.tb_lasti, here.tb_lineno)
    return exc.with_traceback(frame)


EXCEPTIONS: Final[Mapping[str, Callable[[], BaseException]]] = {
    "a text that strikes": StrikingText,
    "a __class__ that strikes": StrikingClass,
    "a __class__ that lies": LyingClass,
    "every attribute strikes": StrikingEverywhere,
    "every assignment strikes": StrikingSet,
    "cause, context, traceback and notes that strike": StrikingLinks,
    "with_traceback and add_note that strike": StrikingWith,
    "comparisons and a hash that strike": StrikingComparison,
    "notes that are a number": NotedByNumber,
    "another cause at each look": AnotherCauseAtEachLook,
    "its own cause": OwnCause,
    "a traceback that is a text": FalseTraceback,
    "a derived text that strikes": WithDerivedText,
    "members that strike": lambda: StrikingMembers("g", [ValueError()]),
    "members without end": lambda: LyingMembers("g", [ValueError()]),
    "a class of a striking type": lambda: of_striking_type(Exception),
    "a class whose module is a number": FalselyNamed,
    "an interpreter's exit": lambda: SystemExit(3),
    "groups 900 deep": lambda: nested(900),
    "groups 5,000 deep": lambda: nested(5_000),
    "10,000 causes": lambda: chained(10_000),
    "a group of 10,000": lambda: wide(10_000),
    "10,000 frames": lambda: from_deep_down(10_000),
    "a message of a million characters": lambda: ValueError("x" * 1_000_000),
    "a name of a million characters": type("E" * 1_000_000, (Exception,), {}),
    "half a surrogate": lambda: ValueError("\ud800"),
}
"""Exceptions by what is wrong with them, each made anew."""


def take_apart(exc: BaseException | None) -> None:
    """Unlink a long chain, or deep groups, from the outside: freed at once, they would recurse.

    Whatever else it is given stays as it is.
    """
    while type(exc) is ExceptionGroup or type(exc) is ValueError:
        later = exc.exceptions[0] if type(exc) is ExceptionGroup else exc.__cause__
        exc.__cause__ = None
        exc = later


# -- snoozes


class NoDelay(ja.Snooze):
    """Forgot ``super().__init__()``."""

    def __init__(self) -> None: ...


class DelayThatStrikes(ja.Snooze):
    delay = strikes

    def __init__(self) -> None: ...


class DelayOf(ja.Snooze):
    """Sets a delay that the base class never saw."""

    def __init__(self, delay: Any) -> None:
        Exception.__init__(self, "429")
        self.delay = delay


class StrikingNumber(float):
    __slots__ = ()
    __le__ = __ge__ = __lt__ = __gt__ = __float__ = __repr__ = strike


SNOOZES: Final[Mapping[str, tuple[Callable[[], ja.Snooze], str]]] = {
    "no delay at all": (NoDelay, "has no delay: call super().__init__(seconds)"),
    "a delay that strikes": (DelayThatStrikes, "raised tests.model.hostile.Struck"),
    "a number that strikes": (lambda: DelayOf(StrikingNumber(1)), "raised tests.model.hostile"),
    "a text": (lambda: DelayOf("1"), "not '1': write a number, 60 for a minute"),
    "not a number": (lambda: DelayOf(math.nan), "at most ten years, not nan"),
    "negative": (lambda: DelayOf(-5), "a number of seconds of at least 0"),
    "without end": (lambda: DelayOf(math.inf), "at most ten years, not inf"),
    "milliseconds": (lambda: DelayOf(1_700_000_000_000), "divide milliseconds by 1000"),
    "a flag": (lambda: DelayOf(True), "not True"),
    "nothing": (lambda: DelayOf(None), "not None"),
    "an integer too long to print": (lambda: DelayOf(10**5_000), "at most ten years"),
}
"""Snoozes by what is wrong with them, each with a part of the error that says so."""


# -- results


class StrikingResult:
    __eq__ = __ne__ = __hash__ = __bool__ = __repr__ = __str__ = strike
    __len__ = __iter__ = __sizeof__ = __reduce__ = __reduce_ex__ = strike


class ResultThatStrikesEverywhere:
    __getattribute__ = strike


class ResultWithStrikingClass:
    __class__ = strikes


class ClaimOf:
    """Claims to have a size."""

    def __init__(self, nbytes: Any) -> None:
        self.nbytes = nbytes


class StrikingInteger(int):
    __le__ = __ge__ = __lt__ = __gt__ = __int__ = __index__ = strike
    __mul__ = __rmul__ = __add__ = __radd__ = strike


RESULTS: Final[Mapping[str, Callable[[], object]]] = {
    "comparisons, size and texts that strike": StrikingResult,
    "every attribute strikes": ResultThatStrikesEverywhere,
    "a __class__ that strikes": ResultWithStrikingClass,
    "a class of a striking type": lambda: of_striking_type(object),
    "a size that strikes": lambda: ClaimOf(StrikingInteger(5)),
    "a size no float can hold": lambda: ClaimOf(10**400),
    "a negative size": lambda: ClaimOf(-1),
    "many of these": lambda: [StrikingResult(), of_striking_type(object)] * 1_000,
    "keys of these": lambda: {1: StrikingResult(), "a": ClaimOf(10**400)},
}
"""Results by what is wrong with them, each made anew."""
