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
from functools import partial
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
from typing import Any, Final, TypeVar
from weakref import ref

from .exception_tree import bases_of, contents_of

_LOOKED_AT: Final = 1_000
_LARGEST: Final = 2**60
"""Bytes; a larger size that an object states is ignored."""
_FROM_EACH: Final = 32
_FEW: Final = 32
"""Parts of a value that are looked at without a plan."""
_GOLDEN_RATIO: Final = 0.6180339887498949
_T = TypeVar("_T")


_OF_THE_PROGRAM: Final = (
    *(type, ModuleType, FunctionType, BuiltinFunctionType, CodeType),
    *(FrameType, GeneratorType, CoroutineType),
)
"""Not part of a value, though it may hold them: through these all of a program is found."""
_PLAIN: Final = frozenset(map(id, (int, float, bool, complex, str, bytes, bytearray, type(None))))
_CONTAINERS: Final = frozenset(map(id, (list, dict, tuple, set, frozenset)))
_flags_of: Final[Callable[[type], int]] = vars(type)["__flags__"].__get__
_MADE_BY_CLASS_STATEMENT: Final = 1 << 9
"""Python's flag of a class that is no static one."""
_ENGINE: Final = "jobactors.engine."


def size_of(value: object) -> int:
    """Estimate the memory ``value`` takes, in bytes, by looking at no more than a thousand parts.

    Containers and objects are looked into, and the parts not looked at are taken to be like the
    others.  An object that is found twice counts once.
    """
    few = _size_of_few(value)
    if few is not None:
        return few
    size, room, seen, layouts = 0.0, _LOOKED_AT, set[int](), dict[int, _Layout]()
    level: Sequence[tuple[object, float]] = [(value, 1.0)]
    while level and room > 1:
        room //= 2  # each level of nesting gets half of what is left, spread over all of it
        taken = _spread(level, room) if len(level) > room else level
        share = len(level) / len(taken)
        from_each = max(_FROM_EACH, room // len(taken))
        found: list[tuple[object, float]] = []
        for part, worth in taken:
            weight, kind = worth * share, layouts.get(id(type(part))) or _layout_of(part, layouts)
            if kind.is_plain:
                size += weight * sys.getsizeof(part)
                continue
            if not kind.is_container:
                if id(part) in seen:
                    continue
                seen.add(id(part))
            size += weight * _own_size(part, kind)
            sample, count = _parts(part, kind, from_each, layouts)
            if sample:
                found += [(item, weight * count / len(sample)) for item in sample]
        level = found
    return int(size)


def size_of_plain(values: Sequence[object]) -> int | None:
    """Return the memory of numbers and texts; None if there is anything else among them.

    So short is the way of the arguments of most jobs.
    """
    size = 0
    for value in values:
        if id(type(value)) not in _PLAIN:
            return None
        size += sys.getsizeof(value)
    return size


def _size_of_few(value: object) -> int | None:
    """Return the memory of a few numbers and texts, perhaps in containers; None for anything else.

    So short is the way of most arguments and results, of which each job has some: the same number,
    in a tenth of the time.
    """
    size, parts = 0, [value]
    for part in parts:  # to which those of containers are added meanwhile
        of: type[Any] = type(part)
        if id(of) in _CONTAINERS:
            some: Any = part
            if len(some) > _FEW:
                return None
            parts += some
            if of is dict:
                parts += some.values()
            if len(parts) > _FEW:
                return None
        elif id(of) not in _PLAIN:
            return None
        size += sys.getsizeof(part)
    return size


def _spread(items: Sequence[_T], at_most: int) -> Sequence[_T]:
    """Choose some of more items, from all over, in no rhythm that theirs could follow."""
    return [items[int(len(items) * (n * _GOLDEN_RATIO % 1))] for n in range(at_most)]


class _Layout:
    """The facts that hold for all objects of a class, found once: every part needs them."""

    __slots__ = (
        "is_container",
        "is_measured_in_c",
        "is_of_the_program",
        "is_plain",
        "nbytes",
        "of",
    )

    def __init__(self, of: type) -> None:
        self.of = ref(of, partial(_forget, id(of)))
        self.is_plain = id(of) in _PLAIN
        # Not `in` a set of classes: a class is hashed by its metaclass, whose code may be a user's.
        self.is_container = id(of) in _CONTAINERS
        self.is_of_the_program = _is_of_the_program(of)
        self.nbytes: Any = _stated(of, "nbytes")
        """The bytes that an object's class states, as a number or by C code; else None."""
        first = next(base for base in bases_of(of) if "__sizeof__" in contents_of(base))
        self.is_measured_in_c = not _flags_of(first) & _MADE_BY_CLASS_STATEMENT


_layouts: Final[dict[int, _Layout]] = {}
"""By the class's id.  Written by any thread; two that find out the same write the same."""


def _forget(of: int, _: object) -> None:
    _layouts.pop(of, None)


def _layout_of(part: object, layouts: dict[int, _Layout]) -> _Layout:
    """Return what is known of a part's class, and add it to those of one look at a value."""
    of: type[Any] = type(part)
    known = _layouts.get(id(of))
    if known is None or known.of() is not of:
        known = _layouts[id(of)] = _Layout(of)
    layouts[id(of)] = known
    return known


def _is_of_the_program(of: type) -> bool:
    if any(type.__subclasscheck__(each, of) for each in _OF_THE_PROGRAM):
        return True
    module = contents_of(of).get("__module__")
    return type(module) is str and module.startswith(_ENGINE)  # a handle leads to all other jobs


def _stated(of: type, name: str) -> Any:
    """Return a plain number, or what is written in C, by this name in a class; None for another."""
    for base in bases_of(of):
        stated: object = contents_of(base).get(name)
        if stated is not None:
            kind = type(stated)
            is_in_c = kind is GetSetDescriptorType or kind is MemberDescriptorType
            return stated if kind is int or is_in_c else None
    return None


def _own_size(part: object, kind: _Layout) -> int:
    if kind.is_container:
        return sys.getsizeof(part)
    try:
        claimed = kind.nbytes
        if claimed is not None and type(claimed) is not int:
            claimed = claimed.__get__(part)
        if type(claimed) is int and 0 <= claimed <= _LARGEST:
            return claimed
        size: int = sys.getsizeof(part) if kind.is_measured_in_c else object.__sizeof__(part)
        return min(size, _LARGEST)
    except BaseException:  # a class written in C may raise anything, too
        return 0


def _parts(
    value: object, kind: _Layout, at_most: int, layouts: dict[int, _Layout]
) -> tuple[Sequence[object], int]:
    """Return some of the items of a container, and their number."""
    # Of exact built-in containers, some items; anything else would run its code when gone through,
    # and the garbage collector lists what it holds.
    of: type[Any] = type(value)
    part: Any = value
    try:
        if of is list or of is tuple:
            return part if len(part) <= at_most else _spread(part, at_most), len(part)
        if of is set or of is frozenset:
            return list(islice(part, at_most)), len(part)
        if of is dict:
            keys, values = islice(part.keys(), at_most), islice(part.values(), at_most)
            return [*keys, *values], 2 * len(part)
    except (IndexError, RuntimeError):  # changed meanwhile, by a thread that the job has left
        return [], 0
    if kind.is_of_the_program:
        return [], 0
    referents: list[object] = gc.get_referents(part)
    found = [
        each
        for each in referents
        if not (layouts.get(id(type(each))) or _layout_of(each, layouts)).is_of_the_program
    ]
    return found if len(found) <= at_most else _spread(found, at_most), len(found)
