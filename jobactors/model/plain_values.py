"""Plain numbers and short texts, of whatever a job has reported.

A job may report anything: an array for a number, an integer of five thousand digits, a message of
a hundred megabytes.  A store, a wire and a page take plain numbers and texts of bounded length.  So
one bad value is replaced by the nearest plain one, or left out, and nothing else is; see
:meth:`~jobactors.inside.report.meter.Meter.mend`, which reports it in the job's log.

None of the user's code is run, but that of a number that converts itself.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, Final, cast

from .checks import class_name_of, shown
from .error_text import shorten

if TYPE_CHECKING:
    from .progress import Progress

LONGEST_MESSAGE: Final = 10_000
"""Characters of a message, and of the reason of a request."""
LONGEST_LABEL: Final = 1_000
"""Characters of a label, a unit and a counter's name."""
MOST_LABELS: Final = 100
"""Open levels of progress that are named, and times a counter's name is looked at."""
MOST_COUNTERS: Final = 1_000
_LARGEST: Final = 2**63
_DEEPEST: Final = 100


def plain_number(value: object) -> int | float | None:
    """Return a number that every store and page takes; None if it is not one.

    Larger integers than 64 bit hold become floats, and such as no float holds are no numbers.
    NaN and infinity stay: they are floats, and JSON writes them as null.
    """
    kind = type(value)
    if is_plain_number(value):
        return cast("int | float", value)
    if issubclass(kind, str | bytes | bytearray):
        return None  # what float() makes of texts is a guess
    try:
        whole = index(cast("int", value))
    except Exception:  # no integer; or its own code
        return _as_float(value)
    return whole if -_LARGEST <= whole < _LARGEST else _as_float(whole)


def _as_float(value: object) -> float | None:
    try:
        return float.__float__(float(cast("float", value)))
    except Exception:  # its own code may raise anything, and an integer be too large
        return None


def plain_text(value: object, longest: int) -> str:
    """Return a text of ``longest`` characters at most; of anything but a text or number its type.

    A text that is too long is cut in the middle, with a mark that counts the rest.
    """
    kind = type(value)
    if issubclass(kind, str):
        return shorten(str.__str__(cast("str", value)), longest)
    if kind is bool or kind is float or (kind is int and plain_number(value) is value):
        return str(value)
    return f"<{class_name_of(value)}>"


def checked_reason(reason: object) -> str | None:
    """Return the reason of a cancel, cut to :data:`LONGEST_MESSAGE`.

    Raises:
        TypeError: if it is neither text nor None.
    """
    if reason is None:
        return None
    if not isinstance(reason, str):
        raise TypeError(f"a reason is text, or None for no reason, not {shown(reason)}")
    return plain_text(reason, LONGEST_MESSAGE)


def copied(value: object, depth: int = 0) -> Any:
    """Return a copy of the built-in containers in a value, so that its owner can change them.

    Anything else in it stays the same object: copying it would run its code.
    """
    kind = type(value)
    if depth > _DEEPEST:
        return value
    if kind is dict:
        return {k: copied(v, depth + 1) for k, v in cast("dict[Any, Any]", value).items()}
    if kind is list:
        return [copied(item, depth + 1) for item in cast("list[Any]", value)]
    if kind is tuple:
        return tuple([copied(item, depth + 1) for item in cast("tuple[Any, ...]", value)])
    return cast("set[Any]", value).copy() if kind is set else value


def is_plain_progress(progress: Progress) -> bool:
    """Whether progress is made of plain numbers and short texts, as nearly all is."""
    return (
        is_plain_number(progress.done)
        and (progress.total is None or is_plain_number(progress.total))
        and _is_short(progress.message, LONGEST_MESSAGE)
        and _is_short(progress.unit, LONGEST_LABEL)
        and len(progress.stages) <= MOST_LABELS
        and all(_is_short(label, LONGEST_LABEL) for label in progress.stages)
        and (not progress.counters or are_plain_counters(progress.counters))
    )


def are_plain_counters(counters: object) -> bool:
    """Whether named numbers are a dictionary of plain ones, with short names."""
    if type(counters) is not dict:
        return False
    named = cast("dict[object, object]", counters)
    return len(named) <= MOST_COUNTERS and all(
        _is_short(name, LONGEST_LABEL) and is_plain_number(number) for name, number in named.items()
    )


def is_plain_number(value: object) -> bool:
    """Whether a value is a number of Python's own, and no whole one that is too large."""
    kind = type(value)
    return kind is float or (kind is int and -_LARGEST <= value < _LARGEST)  # type: ignore[operator]


def _is_short(value: object, longest: int) -> bool:
    return type(value) is str and len(value) <= longest
