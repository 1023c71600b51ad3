"""The place of a job in its batch, and the short text that tells one item from another.

The text is made by whichever thread submits the job, the loop's among them, and an argument may be
anything: a data frame, an object whose ``repr`` blocks or raises, a patient's name.  So it is made
of plain values alone, without a call into the user's code; of any other value it has the name of
its type.  Of a range it has the part: "part 2/4", also outside a batch.  Private arguments are left
out.
"""

from __future__ import annotations

import datetime as dt
import decimal
import inspect
import pathlib
import sys
import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from jobactors.model.call_signature import call_signature
from jobactors.model.checks import class_name_of
from jobactors.model.loaded import loaded_class

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from jobactors.model.info import JobInfo

LONGEST: Final = 60
"""Characters of the text of an item."""
_MOST: Final = 3
"""Arguments of an item, and entries of a collection, that are shown."""
_LONGEST_NUMBER: Final = 200
"""Bits of an integer that is written out."""
_PLAIN: Final = (
    bool,
    float,
    complex,
    type(None),
    decimal.Decimal,
    dt.date,
    dt.timedelta,
    uuid.UUID,
    pathlib.PosixPath,
    pathlib.WindowsPath,
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
)
"""Types whose ``str`` is the interpreter's own code, and short enough."""
_BRACKETS: Final = ((list, "[]"), (tuple, "()"), (set, "{}"), (frozenset, "{}"))


class BatchPlace(Struct, frozen=True, gc=False):
    """The place of a job in its batch."""

    batch: str
    """The id of the batch."""
    index: int | None = None
    """Its place in the input, from 0; None for a job of a group."""
    size: int | None = None
    """The number of jobs of the batch, if that is known."""
    is_named: bool = False
    """Whether the caller has named it after its item."""
    shared: tuple[str, ...] = ()
    """The names of arguments that all jobs of the batch have in common."""

    def placed(
        self,
        info: JobInfo,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        private: Collection[str],
        *,
        is_named: bool = False,
    ) -> JobInfo:
        """Return the labels of the job with its place.

        Args:
            info: The labels without it.
            function: What runs.
            args: Its positional arguments.
            kwargs: Its arguments by name.
            private: The names of those that nothing may show.
            is_named: Whether its type has named it after its arguments.
        """
        is_named = is_named or self.is_named
        given = [] if is_named else _public(function, args, kwargs, private, self.shared)
        return replace(
            info, batch=self.batch, index=self.index, batch_size=self.size, item=item_text(given)
        )


def with_part(
    info: JobInfo,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    private: Collection[str],
) -> JobInfo:
    """Return the labels of a job outside a batch, with its part of some work as its item."""
    kind = _range_class()
    given = _public(function, args, kwargs, private, ())
    return replace(info, item=item_text([value for value in given if type(value) is kind]))


def _public(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    private: Collection[str],
    shared: Collection[str],
) -> list[object]:
    """Return the arguments that may be shown, without those that all jobs have in common."""
    named = [value for name, value in kwargs.items() if name not in private and name not in shared]
    if not private or not args:
        return [*args, *named]
    names = _positional_names(function)
    if names is None:
        return named  # no telling which of them is private
    return [*(v for name, v in zip(names, args, strict=False) if name not in private), *named]


def _positional_names(function: Callable[..., Any]) -> list[str] | None:
    signature = call_signature(function)
    if signature is None:
        return None
    known = signature.parameters.values()
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in known if one.kind in by_place]


def item_text(values: Iterable[object]) -> str:
    """Return a short text of an item's arguments; none of their own code runs."""
    return shortened(", ".join(_first([plain_text(value) for value in values])))


def plain_text(value: Any, depth: int = 0) -> str:
    """Return the text of a plain value, or the name of its type."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType] - it may be anything
    if kind is str:
        if len(value) > 4 * LONGEST:
            value = f"{value[: 2 * LONGEST]}…{value[-2 * LONGEST :]}"
        return " ".join(value.split())
    if kind is int:
        return str(value) if value.bit_length() <= _LONGEST_NUMBER else "int"
    # One by one, since a class may have a metaclass that raises when it is hashed or compared.
    if any(kind is plain for plain in _PLAIN) or (kind is dt.datetime and value.tzinfo is None):
        return str(value)
    brackets = next((both for one, both in _BRACKETS if kind is one), "")
    if brackets and not depth:
        return _collection_text(value, brackets)
    if kind is dict and not depth:
        some = islice(value.items(), _MOST + 1)
        entries = [f"{plain_text(key, 1)}: {plain_text(entry, 1)}" for key, entry in some]
        return f"{{{', '.join(_first(entries))}}}"
    if kind is _range_class():
        return f"part {value.part}"
    return _number_of_numpy(value) or class_name_of(value).rpartition(".")[2]


def _range_class() -> Any:
    return loaded_class("jobactors.inside.verbs.ranges", "Range")


def _collection_text(value: Any, brackets: str) -> str:
    entries = [plain_text(entry, 1) for entry in islice(value, _MOST + 1)]
    return f"{brackets[0]}{', '.join(_first(entries))}{brackets[1]}"


def _first(texts: list[str]) -> list[str]:
    return texts if len(texts) <= _MOST else [*texts[:_MOST], "…"]


def _number_of_numpy(value: Any) -> str:
    """Return the text of one of numpy's own scalars; empty for anything else."""
    numpy = sys.modules.get("numpy")
    scalars = getattr(numpy, "sctypeDict", {}).values()
    if not any(type(value) is scalar for scalar in scalars):
        return ""
    plain = value.item()
    return plain_text(plain, 1) if type(plain) in {int, float, bool, str} else ""


def shortened(text: str, most: int = LONGEST) -> str:
    """Cut a text in the middle: the end of a path tells more than its folders."""
    if len(text) <= most:
        return text
    first = most // 3
    return f"{text[:first]}…{text[first + 1 - most :]}"
