"""The memory that a value takes, estimated without running its own code.

Results and arguments are measured in the loop, which nothing of a user may hold up.  So neither
``__sizeof__`` nor a property such as ``nbytes`` of a class written in Python is asked; the size of
such an object is that of its parts, which the garbage collector knows.  Classes written in C, such
as numpy's arrays, are asked for both.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from types import (
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any, Final, TypeVar, cast

from .exception_tree import bases_of, contents_of

_LOOKED_AT: Final = 1_000
_LARGEST: Final = 2**60
"""Bytes; a larger size that an object states is ignored."""
_FROM_EACH: Final = 32
_GOLDEN_RATIO: Final = 0.6180339887498949
_T = TypeVar("_T")


_OF_THE_PROGRAM: Final = (
    *(type, ModuleType, FunctionType, BuiltinFunctionType, CodeType),
    *(FrameType, GeneratorType, CoroutineType),
)
"""Not part of a value, though it may hold them: through these all of a program is found."""
_PLAIN: Final = frozenset(map(id, (int, float, bool, complex, str, bytes, bytearray, type(None))))
_flags_of: Final[Callable[[type], int]] = vars(type)["__flags__"].__get__
_MADE_BY_CLASS_STATEMENT: Final = 1 << 9
"""Python's flag of a class that is no static one."""
_ENGINE: Final = "jobactors.engine."


def size_of(value: object) -> int:
    """Estimate the memory ``value`` takes, in bytes, by looking at no more than a thousand parts.

    Containers and objects are looked into, and the parts not looked at are taken to be like the
    others.  An object that is found twice counts once.
    """
    if id(type(value)) in _PLAIN:
        return sys.getsizeof(value)
    size, room, seen = 0.0, _LOOKED_AT, set[int]()
    level: list[tuple[object, float]] = [(value, 1.0)]
    while level and room > 1:
        room //= 2  # each level of nesting gets half of what is left, spread over all of it
        taken = _spread(level, room)
        share = len(level) / len(taken)
        level = []
        for part, worth in taken:
            weight = worth * share
            if not _is_container(type(part)) and id(type(part)) not in _PLAIN:
                if id(part) in seen:
                    continue
                seen.add(id(part))
            size += weight * _own_size(part)
            sample, count = _parts(part, max(_FROM_EACH, room // len(taken)))
            level += [(item, weight * count / len(sample)) for item in sample]
    return int(size)


def _spread(items: Sequence[_T], at_most: int) -> Sequence[_T]:
    """Choose items from all over, in no rhythm that theirs could follow."""
    if len(items) <= at_most:
        return items
    return [items[int(len(items) * (n * _GOLDEN_RATIO % 1))] for n in range(at_most)]


def _is_container(kind: type[object]) -> bool:
    # Not `in` a set: a class is hashed by its metaclass, whose code may be a user's.
    return kind is list or kind is dict or kind is tuple or kind is set or kind is frozenset


def _own_size(part: object) -> int:
    kind = type(part)
    if id(kind) in _PLAIN or _is_container(kind):
        return sys.getsizeof(part)
    try:
        claimed = _nbytes(part)
        if claimed is not None and 0 <= claimed <= _LARGEST:
            return claimed
        first = next(base for base in bases_of(kind) if "__sizeof__" in contents_of(base))
        size: int = sys.getsizeof(part) if _is_static(first) else object.__sizeof__(part)
        return min(size, _LARGEST)
    except BaseException:  # a class written in C may raise anything, too
        return 0


def _nbytes(part: object) -> int | None:
    """Return the bytes that an object's class states in C, or as a plain number."""
    for base in bases_of(type(part)):
        stated = contents_of(base).get("nbytes")
        if stated is not None:
            if type(stated) in {GetSetDescriptorType, MemberDescriptorType}:
                stated = stated.__get__(part)
            return stated if type(stated) is int else None
    return None


def _is_static(kind: type) -> bool:
    """Whether a class is written in C, and so are its methods."""
    return not _flags_of(kind) & _MADE_BY_CLASS_STATEMENT


def _parts(part: Any, at_most: int) -> tuple[Sequence[object], int]:
    """Return some of the items of a container, and their number."""
    # Of exact built-in containers, some items; anything else would run its code when gone through,
    # and the garbage collector lists what it holds.
    kind = cast("type[object]", type(part))
    try:
        if kind is list or kind is tuple:
            return _spread(part, at_most), len(part)
        if kind is set or kind is frozenset:
            return list(islice(part, at_most)), len(part)
        if kind is dict:
            held = cast("dict[object, object]", part)
            keys, values = islice(held.keys(), at_most), islice(held.values(), at_most)
            return [*keys, *values], 2 * len(held)
    except (IndexError, RuntimeError):  # changed meanwhile, by a thread that the job has left
        return [], 0
    if id(kind) in _PLAIN or _is_of_the_program(part):
        return [], 0
    found = [each for each in gc.get_referents(part) if not _is_of_the_program(each)]
    return _spread(found, at_most), len(found)


def _is_of_the_program(part: object) -> bool:
    kind = type(part)
    if any(type.__subclasscheck__(each, kind) for each in _OF_THE_PROGRAM):
        return True
    module = contents_of(kind).get("__module__")
    return type(module) is str and module.startswith(_ENGINE)  # a handle leads to all other jobs
