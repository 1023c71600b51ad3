"""The memory that an ended job holds: that of its call, and that of its end.

The call is there for a restart alone: arguments, the variables that its function has closed over,
its defaults, the arguments of a ``partial``, and those of the ``on_done`` hook.  A function that a
module of the program holds as well takes none: to let go of it would free nothing.  One that is let
go is remembered weakly, and found again as long as the program itself holds it, as it does with the
method of an object in use.  The end is the result or the error, the metadata, and the log.

In the loop's thread only.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakMethod, ref

from jobactors.model.last_references import drop_elsewhere
from jobactors.model.object_size import size_of, size_of_plain

from .references import edges_among

if TYPE_CHECKING:
    from jobactors.model.log import Log
    from jobactors.model.outcome import Outcome

    from .record import Record

_MOST_FUNCTIONS: Final = 100
"""Functions that are looked into, of those that one function leads to."""
_A_LINE: Final = 120
"""Bytes of a line of the log beside its text."""


SMALL: Final = 10_000
"""Bytes of a part of a call that stay with their job, because they are few."""

_Function = Callable[..., Any]


class LetGo:
    """The place of a function and a hook that were let go."""

    __slots__ = ("_function", "_hook")

    def __init__(self, function: _Function, hook: _Function | None) -> None:
        self._function = _weakly(function)
        self._hook = None if hook is None else _weakly(hook)

    def __call__(self, *_: object, **__: object) -> None:
        """Do nothing: a function is asked for by its record's holders, and never called."""

    def find(self) -> tuple[_Function, _Function | None] | None:
        """Return both, if the program still holds them."""
        function = self._function()
        hook = None if self._hook is None else self._hook()
        if function is None or (self._hook is not None and hook is None):
            return None
        return function, hook


def size_of_call(record: Record) -> int:
    """Estimate the memory of a job's call, with the results of jobs among its arguments."""
    return _size_of_arguments(record) + _size_of_functions(record)


def let_go(record: Record) -> None:
    """Let the large parts of an ended job's call go."""
    if _size_of_arguments(record) > SMALL:
        drop_elsewhere((record.args, record.kwargs))
        record.args, record.kwargs = (), {}
        record.are_arguments_dropped = True
    if _size_of_functions(record) > SMALL:
        drop_elsewhere((record.function, record.options))
        record.function = LetGo(record.function, record.options.on_done)
        if record.options.on_done is not None:
            record.options = record.options.changed(on_done=None)


def has_function(record: Record) -> bool:
    """Whether a job's function is there, perhaps found again."""
    function: Any = record.function
    if type(function) is not LetGo:  # not isinstance: it may ask for the function's __class__
        return True
    found = function.find()
    if found is None:
        return False
    record.function, hook = found
    if hook is not None:
        record.options = record.options.changed(on_done=hook)
    return True


def _size_of_arguments(record: Record) -> int:
    if not (record.args or record.kwargs):
        return 0
    plain = size_of_plain((*record.args, *record.kwargs.values()))
    if plain is not None:
        return plain
    size = size_of((record.args, record.kwargs))
    for edge in edges_among(record.args, record.kwargs).values():
        outcome = edge.upstream.snapshot.outcome
        size += 0 if outcome is None else size_of(outcome.value)
    return size


def _size_of_functions(record: Record) -> int:
    held = _held_by(record.function)
    if record.options.on_done is not None:
        held += _held_by(record.options.on_done)
    return size_of(held) if held else 0


def _weakly(function: _Function) -> Callable[[], _Function | None]:
    try:
        return WeakMethod(function) if type(function) is MethodType else ref(function)
    except TypeError:  # an object that cannot be referred to so
        return _nothing


def _nothing() -> None:
    return None


def size_of_end(outcome: Outcome | None, metadata: Mapping[str, Any], log: Log | None) -> int:
    """Estimate the memory of a job's end: its result or error, its metadata, and its log."""
    size = 0 if log is None else log.size + _A_LINE * log.held
    if metadata:
        size += size_of(dict(metadata))
    if outcome is not None:
        if outcome.value is not None:
            size += size_of(outcome.value)
        if outcome.exception is not None:
            size += size_of(outcome.exception)
    return size


def _held_by(function: object) -> list[object]:
    """Return the values that a function holds, by way of other functions, too."""
    held = list[object]()
    open_ones, seen = [function], set[int]()
    while open_ones and len(seen) < _MOST_FUNCTIONS:
        part = open_ones.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if type(part) is FunctionType:
            open_ones += [] if _stands_in_module(part) else _values_of(part)
        elif type(part) is partial or type(part) is MethodType:
            open_ones += gc.get_referents(part)
        else:
            held.append(part)
    return held


def _values_of(function: FunctionType) -> list[object]:
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    values += vars(function).values()
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    return values


def _stands_in_module(function: FunctionType) -> bool:
    """Whether the module in which a function was made still has it under its name."""
    name: object = function.__module__  # which may be set to anything
    module = sys.modules.get(name) if type(name) is str else None
    if type(module) is not ModuleType:
        return False  # an object in a module's place runs its own code
    return cast("dict[str, object]", vars(module)).get(function.__name__) is function
