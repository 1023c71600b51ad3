"""Finds what in a call cannot be pickled, since pickle names a type deep inside it alone.

``cannot pickle 'socket' object`` is what comes of a function of a cell that uses ``jobs``.  So the
parts of the call are pickled once more, one by one: its arguments, and what its function uses.
"""

from __future__ import annotations

import dis
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Dump = Callable[[object], object]


def why_not_pickled(
    exc: Exception,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dump: Dump,
) -> str:
    """Return the text of an error of pickling a call, with the name of its cause if that is found.

    In a worker thread: it runs the code of the pickled classes.

    Args:
        exc: The error.
        function: The function.
        args: Its positional arguments.
        kwargs: Its named arguments.
        dump: Pickles one value.
    """
    found = next(_culprits(function, args, kwargs, dump), "")
    return f"{found} cannot be: {exc}" if found else str(exc)


def _culprits(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], dump: Dump
) -> Iterator[str]:
    for number, value in enumerate(args, 1):
        if not _is_sendable(value, dump):
            yield f"argument {number}"
    for name, value in kwargs.items():
        if not _is_sendable(value, dump):
            yield f"argument '{name}'"
    yield from _used(function, dump, set())


def _used(function: object, dump: Dump, seen: set[int]) -> Iterator[str]:
    """Yield what a function that is sent whole uses, by name: what is deepest first."""
    if type(function) is MethodType:
        function = function.__func__
    if type(function) is not FunctionType or id(function) in seen or _is_sendable(function, dump):
        return
    seen.add(id(function))
    for name, value in _variables_of(function):
        if not _is_sendable(value, dump):
            yield from _used(value, dump, seen)
            yield f"'{name}', which '{function.__name__}' uses,"


def _variables_of(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name in _globals_in(function.__code__):
        if name in function.__globals__:
            yield name, cast("object", function.__globals__[name])
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            yield name, cast("object", cell.cell_contents)
        except ValueError:  # it has no value yet
            continue


def _globals_in(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            yield step.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _globals_in(inner)


def _is_sendable(value: object, dump: Dump) -> bool:
    try:
        dump(value)
    except Exception:  # whatever its classes raise
        return False
    return True
