"""The way of one exception through pickle, and so into another process.

By default pickle calls an exception's class with its ``args``.  That fails, or makes another text,
wherever a constructor takes something else than it passes on to ``super().__init__``.  So an
exception is taken apart into its class, its ``args``, its attributes and the slots of its class,
and is rebuilt from these without its constructor.
"""

from __future__ import annotations

import builtins
import copyreg
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final, TypeVar

from msgspec import Struct

from .exception_tree import args_of, attributes_of, bases_of, contents_of, is_group, set_args

E = TypeVar("E", bound=BaseException)

_OWN_WAYS: Final = (
    *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"),
    *("__getnewargs__", "__getnewargs_ex__"),
)
_ROOTS: Final = (BaseException, BaseExceptionGroup, object)
_BUILTIN: Final = {id(each) for each in vars(builtins).values() if isinstance(each, type)}
_flags_of: Final[Callable[[type], int]] = vars(type)["__flags__"].__get__
_base_of: Final[Callable[[type], type]] = vars(type)["__base__"].__get__
_NO_FIELDS: Final[Mapping[str, object]] = {}


class ExceptionState(Struct, frozen=True):
    """The values of an exception, apart from its class."""

    args: tuple[object, ...]
    """Its ``args``; empty for a group, whose members are its content."""
    attributes: dict[str, object]
    """The content of its ``__dict__``."""
    fields: dict[str, object]
    """The values of slots: ``errno``, ``start``, and those of ``__slots__``."""


def state_of(exc: BaseException) -> ExceptionState:
    """Return the values of an exception, without running code of its class."""
    args = () if is_group(exc) else args_of(exc)
    fields = dict[str, object]()
    for name, slot in _slots_of(type(exc)).items():
        with suppress(Exception):  # a slot that has no value
            value = slot.__get__(exc)
            # A builtin's slot shows None for no value, and takes None for one.
            if value is not None or id(slot.__objclass__) not in _BUILTIN:
                fields[name] = value
    return ExceptionState(args, dict(attributes_of(exc)), fields)


def rebuild(
    kind: type[E],
    args: tuple[object, ...],
    attributes: Mapping[str, object],
    fields: Mapping[str, object] = _NO_FIELDS,
) -> E:
    """Make an exception that is no group anew from its parts, without its constructor."""
    exc = _new(kind)
    set_state(exc, args, attributes, fields)
    return exc


def set_state(
    exc: BaseException,
    args: tuple[object, ...] | None,
    attributes: Mapping[str, object],
    fields: Mapping[str, object],
) -> None:
    """Give an exception the values of another one; None leaves its ``args`` as they are."""
    if args is not None:
        set_args(exc, args)
    attributes_of(exc).update(attributes)
    slots = _slots_of(type(exc))
    for name, value in fields.items():
        if name in slots:
            with suppress(Exception):  # computed from others by the class
                slots[name].__set__(exc, value)


def has_own_way(kind: type) -> bool:
    """Whether a class states itself how it is pickled."""
    registered = copyreg.dispatch_table.get(kind)
    return (registered is not None and not is_of_tracebacks(registered)) or any(
        name in contents_of(base)
        for base in bases_of(kind)
        if id(base) not in _BUILTIN  # ids, as a metaclass may have an __eq__ of its own
        for name in _OWN_WAYS
    )


def is_of_tracebacks(reducer: object) -> bool:
    """Whether it is a function of tblib's, which distributed registers for every exception.

    It keeps an exception's traceback, and loses what its constructor does not pass on.
    """
    function = getattr(reducer, "func", reducer)
    return str(getattr(function, "__module__", "")).startswith("tblib")


def has_standard_way(value: object) -> bool:
    """Whether pickle would call a value's class with its ``args``, as it does with exceptions."""
    kind = type(value)
    return (
        type.__subclasscheck__(BaseException, kind)
        and not type.__subclasscheck__(BaseExceptionGroup, kind)
        and not has_own_way(kind)
    )


def reduced(exc: BaseException) -> tuple[Any, ...]:
    """Return what ``__reduce_ex__`` returns: a call that makes the exception anew.

    In two steps, so that an exception among whose values is itself can be made as well.
    """
    return _new, (type(exc),), state_of(exc), None, None, _set_pickled_state


def _set_pickled_state(exc: BaseException, state: ExceptionState) -> None:
    set_state(exc, state.args, state.attributes, state.fields)


def _new(kind: type[E]) -> E:
    """Make an empty exception: by the builtin class that decides about its memory."""
    base: Any = kind
    while _flags_of(base) & _MADE_BY_CLASS_STATEMENT:
        base = _base_of(base)
    exc: E = base.__new__(kind)
    return exc


_MADE_BY_CLASS_STATEMENT: Final = 1 << 9
"""Python's flag of a class that is no static one."""


def _slots_of(kind: type[BaseException]) -> dict[str, Any]:
    """Return the descriptors of a class's slots, but for those of every exception."""
    slots = dict[str, Any]()
    for base in reversed(bases_of(kind)):
        if not any(base is root for root in _ROOTS):
            for name, slot in contents_of(base).items():
                # An AttributeError's obj is left out, as by Python's own pickle: it may be huge.
                is_slot = type(slot) in {MemberDescriptorType, GetSetDescriptorType}
                if is_slot and name not in {"__dict__", "__weakref__", "obj"}:
                    slots[name] = slot
    return slots
