"""Checks of what a caller gives, made where it is given.

A *validator* here has the form that attrs calls: ``(owner, field, value)``.  Each error names the
field, what it expects, the value it got, and what to write instead.
"""

from __future__ import annotations

import math
from abc import ABCMeta
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeGuard, TypeVar, cast

from .exception_tree import bases_of, contents_of

T = TypeVar("T")
TEN_YEARS: Final = 10 * 365 * 86400.0
"""The longest delay, in seconds: larger numbers are milliseconds, or points in time."""


_DIVIDE: Final = ": divide milliseconds by 1000, and subtract time.time() from a point in time"
_LAST_MOMENT: Final = 253_402_300_799.0
"""The last second of the year 9999: larger numbers are milliseconds."""


class Field(Protocol):
    """The part of ``attrs.Attribute`` that a validator reads."""

    @property
    def name(self) -> str:
        """The field's name."""
        ...


Seconds = float | timedelta
"""A length of time as users may write it."""
Validator = Callable[[Any, Field, Any], None]
"""Raises for a value that a field cannot have."""


def shown(value: object) -> str:
    """Return the start of a value's ``repr`` for an error; that is the user's, and may raise."""
    try:
        return f"{str.__str__(repr(value)):.100}"
    except Exception:
        return f"a {class_name_of(value)} that has no repr"


_name_of: Final = vars(type)["__name__"].__get__


def class_name_of(value: object) -> str:
    """Return the name of a value's class, with its module unless that is ``builtins``.

    The class may have a metaclass that raises, or lies.
    """
    kind = type(value)
    with suppress(BaseException):  # a metaclass's own code
        module, name = kind.__module__, kind.__qualname__
        if type(module) is str and type(name) is str:
            return name if module == "builtins" else f"{module}.{name}"
    return str.__str__(_name_of(kind))


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether this is an int or a float, NaN included, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether this is a mapping, of anything to anything.

    After a plain ``isinstance``, the keys and values would be *unknown* to a type checker.
    """
    return is_one_of(value, Mapping)


def is_of(value: object, kind: type[T]) -> TypeGuard[T]:
    """Whether the class of a value is ``kind`` or derives from it.

    Unlike ``isinstance``, it does not ask the value for its ``__class__``, which may be a property
    of the user's.
    """
    return issubclass(type(value), kind)


def is_one_of(value: object, *kinds: Any) -> bool:
    """Whether a value is an instance of abstract classes, as ``isinstance`` has it.

    Those look its class up in a table of theirs, for which a metaclass may have a ``__hash__`` that
    raises; then its bases are asked that have no metaclass of the user's.
    """
    try:
        return isinstance(value, kinds)
    except KeyboardInterrupt:
        raise
    except BaseException:
        bases = bases_of(type(value))
        plain = [base for base in bases if type(base) is type or type(base) is ABCMeta]
        return any(issubclass(base, kinds) for base in plain)


def has_method(value: object, name: str) -> bool:
    """Whether the class of a value defines a special method; asks neither it nor its metaclass."""
    for base in bases_of(type(value)):
        if name in contents_of(base):
            return contents_of(base)[name] is not None
    return False


def check_count(name: str, value: object) -> None:
    """Refuse all but whole numbers from 0 on.

    Raises:
        TypeError, ValueError: if it is no whole number, or negative; the message names it.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {shown(value)}")
    if value < 0:
        raise ValueError(f"{name} is a whole number of at least 0, not {shown(value)}")


def check_seconds(name: str, value: object) -> None:
    """Refuse all but lengths of time, up to ten years; infinity is one, too.

    Raises:
        TypeError, ValueError: if it is no number, not a number, or negative; the message names it.
    """
    if not is_number(value):
        raise TypeError(f"{name} is a number of seconds, not {shown(value)}{_as_seconds(value)}")
    if not value >= 0:
        raise ValueError(f"{name} is a number of seconds of at least 0, not {shown(value)}")
    check_length(name, value)


def check_length(name: str, value: float) -> None:
    """Refuse lengths of time that are milliseconds, or points in time; infinity is no limit.

    Raises:
        ValueError: the message names it, and the cure.
    """
    if TEN_YEARS < value < math.inf:
        raise ValueError(f"{name} is at most ten years, or math.inf, not {shown(value)}{_DIVIDE}")


def check_moment(name: str, value: object) -> None:
    """Refuse all but points in time, in seconds since the epoch, before the year 10,000.

    Raises:
        TypeError, ValueError: for anything else; the message names it.
    """
    if not is_number(value):
        raise TypeError(
            f"{name} is a datetime, or a number of seconds since the epoch, not {shown(value)}"
        )
    if value == math.inf:
        raise ValueError(f"{name} is a point in time, not {shown(value)}: hold=True waits for ever")
    if not 0 <= value <= _LAST_MOMENT:
        cure = ": divide milliseconds by 1000" if value > 0 else ""
        raise ValueError(
            f"{name} is a number of seconds since the epoch, at least 0, not {shown(value)}{cure}"
        )


def as_seconds(value: Seconds) -> float:
    """Return a length of time as seconds; anything else is returned as it is, to be checked."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def as_seconds_or_none(value: Seconds | None) -> float | None:
    """Do the same where None is allowed."""
    return None if value is None else as_seconds(value)


def as_timeout(value: Seconds | None) -> float | None:
    """Return the seconds that a wait may take; None for as long as it takes.

    With zero or less it does not wait, as in the standard library.

    Raises:
        TypeError, ValueError: for what is no length of time, and for NaN; the message has the cure.
    """
    seconds = as_seconds_or_none(value)
    try:
        is_nan = seconds is not None and math.isnan(seconds)
    except TypeError:
        raise TypeError(
            f"timeout is a number of seconds, not {shown(value)}{_as_seconds(value)}"
        ) from None
    if is_nan:
        raise ValueError("timeout is a number of seconds, not nan: None is as long as it takes")
    return seconds


def as_moment(value: float | datetime | None) -> float | None:
    """Return a point in time as seconds since the epoch; one without a time zone is local."""
    return value.timestamp() if isinstance(value, datetime) else value


def check_delay(name: str, value: object) -> None:
    """Refuse all but delays from 0 to ten years, in seconds.

    Raises:
        ValueError: for anything else; the message names it.
    """
    if is_number(value) and 0 <= value <= TEN_YEARS:
        return
    cure = _as_seconds(value)
    if is_number(value) and TEN_YEARS < value < math.inf:
        cure = _DIVIDE
    raise ValueError(
        f"{name} is a number of seconds of at least 0, at most ten years, not {shown(value)}{cure}"
    )


def _as_seconds(value: object) -> str:
    """Return how to write a length of time that was given in another form."""
    if isinstance(value, str):
        return ": write a number, 60 for a minute"
    if isinstance(value, datetime):
        return ": subtract datetime.now() from it"
    return ""


def named(owner: object, field: Field) -> str:
    """Return what an error calls a field of a value: "Retry(max=…)"."""
    return f"{type(owner).__name__}({field.name}=…)"


def from_zero(owner: object, field: Field, value: object) -> None:
    """Validate a number of at least 0; infinity stands for no limit."""
    if is_number(value) and value >= 0:
        return
    cure = "; math.inf is no limit" if value is None else _as_seconds(value)
    raise ValueError(f"{named(owner, field)} is a number of at least 0, not {shown(value)}{cure}")


def ages_by_name(owner: object, field: Field, value: Any) -> None:
    """Validate a mapping of names to seconds of at least 0; infinity stands for no limit."""
    name = named(owner, field)
    if not is_mapping(value):
        raise TypeError(f'{name} is a mapping, such as {{"index": 30 * 86400}}, not {shown(value)}')
    for key, age in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} has names of job types for keys, not {shown(key)}")
        if not is_number(age) or not age >= 0:
            raise ValueError(f"{name} has numbers of at least 0, not {shown(age)} for {key!r:.100}")
        check_length(name, age)


def ages_in_seconds(value: Any) -> Any:
    """Convert a mapping of ages into a dictionary of its own, in seconds.

    Anything else is left to the validator.
    """
    return {name: as_seconds(age) for name, age in value.items()} if is_mapping(value) else value


def length_from_zero(owner: object, field: Field, value: object) -> None:
    """Validate a length of time in seconds; infinity stands for no limit."""
    from_zero(owner, field, value)
    check_length(named(owner, field), cast("float", value))
