"""``ErrorText``: an exception as text, made from any object that a job may raise.

Python's own formatter is asked as long as it can be trusted to end.  It recurses into groups, looks
at every exception however many there are, and reads properties that a class may have overridden,
one of which may return a new exception at every look.  In these cases the exceptions are listed
instead, the first and the last of them, each with its frames, and a mark counts the rest.
"""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Final, cast

from msgspec import Struct

from .checks import class_name_of
from .exception_tree import (
    args_of,
    bases_of,
    contents_of,
    family_of,
    is_a,
    is_group,
    notes_of,
    slot,
    traceback_of,
)
from .field_docs import documented

LONGEST_MESSAGE: Final = 10_000
LONGEST_TRACEBACK: Final = 200_000
_LONGEST_NAME: Final = 1_000
_OURS: Final = "jobactors."
_MOST_FORMATTED: Final = 100
"""Exceptions that Python's formatter is given at once."""
_DEEPEST_FORMATTED: Final = 10
"""Levels of groups that it shows."""
_MOST_COUNTED: Final = 100_000
"""Exceptions that are looked at; of the rest it is only known that there are more."""
_FIRST: Final = 10
_LAST: Final = 5
"""Exceptions that a list of too many shows, from its start and its end."""
_MOST_SOON: Final = 10
"""Exceptions whose text is soon taken."""
_NUMBERS: Final = frozenset(map(id, (int, float, bool, type(None))))
_BUILTIN: Final = {id(each) for each in vars(builtins).values() if isinstance(each, type)}
_WITH_SUGGESTIONS: Final = (AttributeError, NameError, ImportError, SyntaxError)
"""Python's formatter asks an object, the job's \"self\" or a module what else they have."""
_FILE_NAMES: Final = (slot(OSError, "filename"), slot(OSError, "filename2"))
"""Their representations are in the text, and they may be missing from \"args\"."""
_MOST_FRAMES: Final = 2_000
"""Frames that Python's formatter is given of one exception."""
_LAST_FRAMES: Final = 100
"""Frames that are shown of a longer traceback."""
_MOST_NOTES: Final = 100
_LONGEST_NOTE: Final = 10_000


def shorten(text: str, longest: int) -> str:
    """Cut ``text`` to ``longest`` characters, in the middle, with a mark that counts the rest."""
    if len(text) <= longest:
        return text
    left = max(0, longest - len(_cut_mark(len(text))))
    head = left * 2 // 3
    return text[:head] + _cut_mark(len(text) - left) + text[len(text) - (left - head) :]


def _cut_mark(characters: int) -> str:
    return f"\n… {characters} characters cut …\n"


@documented
class ErrorText(Struct, frozen=True):
    """An exception as text, which outlives its frames and its process."""

    type: str
    """The name of the exception's class, with its module unless that is ``builtins``."""
    message: str
    """``str(exception)``, at most 10,000 characters."""
    traceback: str
    """The formatted traceback, at most 200,000 characters."""

    @classmethod
    def of(cls, exc: BaseException) -> ErrorText:
        """Describe ``exc``, whatever its class makes of ``__str__`` and all the rest."""
        return cls(
            shorten(class_name_of(exc), _LONGEST_NAME),
            shorten(_message_of(exc), LONGEST_MESSAGE),
            shorten(_traceback_text(exc), LONGEST_TRACEBACK),
        )

    def __str__(self) -> str:
        """Return type and message, as a row shows them: our own errors without their module."""
        name = self.type.rpartition(".")[2] if self.type.startswith(_OURS) else self.type
        return f"{name}: {self.message}" if self.message else name


def is_soon_described(exc: BaseException) -> bool:
    """Whether taking the text of an exception runs no code of its own, and takes no time.

    False for many exceptions, and for any whose text is made by a class of the user's, by a value
    of such a class, or from what was missing: an object's attribute, a name, a module.
    """
    family = [error for error, _ in islice(family_of(exc), _MOST_SOON + 1)]
    return len(family) <= _MOST_SOON and all(map(_is_plain, family))


def _is_plain(exc: BaseException) -> bool:
    return (
        not is_a(exc, *_WITH_SUGGESTIONS)
        and type(type(exc)) is type
        and not any(
            name in contents_of(base)
            for base in bases_of(type(exc))
            if id(base) not in _BUILTIN
            for name in ("__str__", "__repr__", *_READ)
        )
        and (is_group(exc) or all(map(_is_short, args_of(exc))))
        and (not is_a(exc, OSError) or all(_is_short(each(exc)) for each in _FILE_NAMES))
        and all(len(note) <= _LONGEST_NOTE for note in notes_of(exc)[:_MOST_NOTES])
    )


def _is_short(value: object) -> bool:
    kind = type(value)
    return id(kind) in _NUMBERS or (kind is str and len(cast("str", value)) <= LONGEST_MESSAGE)


def _message_of(exc: BaseException) -> str:
    try:
        return str.__str__(str(exc))  # a derived text is the job's code, too
    except BaseException as broken:  # its __str__ is the job's code: it may raise anything
        return f"<its __str__ raised {class_name_of(broken)}>"


def _traceback_text(exc: BaseException) -> str:
    family = list(islice(family_of(exc), _MOST_COUNTED))
    if _is_ordinary(family):
        with suppress(BaseException):  # an attribute's own code, or a loader's
            frames = _job_frames(traceback_of(exc))
            return "".join(traceback.format_exception(type(exc), exc, frames))
    return "".join(_listed([error for error, _ in family]))


# -- what Python's own formatter can be given


def _is_ordinary(family: list[tuple[BaseException, int]]) -> bool:
    return (
        len(family) <= _MOST_FORMATTED
        and all(depth <= _DEEPEST_FORMATTED for _, depth in family)
        and not any(_is_overriding(type(error)) or _is_long(error) for error, _ in family)
    )


_READ: Final = (
    *("__cause__", "__context__", "__suppress_context__", "__traceback__", "exceptions"),
    *("__class__", "__notes__", "__getattribute__"),
)
_OWN: Final = (BaseException, BaseExceptionGroup, object)


def _is_overriding(kind: type[BaseException]) -> bool:
    """Whether a class has code of its own where the formatter reads what hangs together."""
    bases: Iterable[type[Any]] = bases_of(kind)
    return any(
        name in contents_of(base)
        for base in bases
        if not any(base is own for own in _OWN)
        for name in _READ
    )


def _is_long(exc: BaseException) -> bool:
    return next(islice(_frames(traceback_of(exc)), _MOST_FRAMES, None), None) is not None


def _frames(first: TracebackType | None) -> Iterator[TracebackType]:
    while first is not None:
        yield first
        first = first.tb_next


_PLUMBING: Final = ("jobactors.", "trio.", "outcome.")


def _job_frames(frames: TracebackType | None) -> TracebackType | None:
    """Skip the frames that lead to the job's own code; a person looks for what comes after them."""
    for frame in _frames(frames):
        module = frame.tb_frame.f_globals.get("__name__", "")
        if not f"{module}.".startswith(_PLUMBING):
            return frame
    return frames


# -- a list instead


def _listed(family: list[BaseException]) -> Iterator[str]:
    total = f"{len(family):,}{' or more' if len(family) == _MOST_COUNTED else ''}"
    for number, error in enumerate(family, 1):
        if _FIRST < number <= len(family) - _LAST:
            if number == _FIRST + 1:
                yield f"… {len(family) - _FIRST - _LAST:,} further exceptions are not shown …\n\n"
            continue
        if len(family) > 1:
            yield f"Exception {number:,} of {total}:\n"
        yield from _shown_alone(error)
        yield "\n" if number < len(family) else ""


def _shown_alone(exc: BaseException) -> Iterator[str]:
    frames = traceback_of(exc)
    count = sum(1 for _ in _frames(frames))
    if count:
        yield "Traceback (most recent call last):\n"
    if count > _LAST_FRAMES:
        yield f"  … {count - _LAST_FRAMES:,} earlier frames are not shown …\n"
    try:
        yield "".join(traceback.format_tb(frames, -_LAST_FRAMES))
    except BaseException as broken:  # a loader that a module's globals name
        yield f"  <the frames cannot be shown: {class_name_of(broken)}>\n"
    message = shorten(_message_of(exc), LONGEST_MESSAGE)
    yield f"{class_name_of(exc)}{': ' if message else ''}{message}\n"
    yield from (f"{shorten(note, _LONGEST_NOTE)}\n" for note in notes_of(exc)[:_MOST_NOTES])
