"""The comparison of what jobs do: the same one for keys, checkpoints, chains and resumes.

============================  ======================================================================
the function is               and agrees with
============================  ======================================================================
a registered job type         functions of the same type: its name, and its aliases
a ``def``                     one of the same module, qualified name and code, with the same default
                              values and the same values from the functions around it
a method of an object         the same method of that very object
a ``functools.partial``       one of the same arguments, of a function that agrees
anything else, as a lambda    itself alone
============================  ======================================================================

A cell that is run again makes another function that agrees with the one before; a cell that was
edited does not.  The line at which a function stands does not count, nor does its file.

Two lambdas are never compared by their code: a notebook has many of one text, over other variables.
An alias that several types share names the family of a job, and not its type; it makes no two
functions agree.

The values of a function are compared without their own code, so that this may be called in any
thread: those of Python's plain types by value, all others by being the same object.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, Final, cast

from .job_type import JobType, job_type_of, types_known_as

_LAMBDA: Final = "<lambda>"
_MOST_STEPS: Final = 10_000
"""Comparisons of parts: two functions with more of them count as different."""
_DEEPEST: Final = 100
"""Functions inside one another that are looked through."""
_PLAIN: Final = frozenset(
    map(id, (type(None), type(...), bool, int, complex, str, bytes))
)  # by identity: a class may not let itself be hashed
_CODE_FIELDS: Final = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_exceptiontable",
)
"""All that a function does, without the lines that it stands at; its constants come to these."""


def same_function(one: object, other: object) -> bool:
    """Whether two functions do the same, by the module's table; from any thread."""
    try:
        return _Comparison().functions(one, other)
    except (RuntimeError, ValueError, MemoryError):  # a value that another thread changes meanwhile
        return False


def is_same_type(one: JobType, other: JobType) -> bool:
    """Whether two types are one: by name, or by an alias that no third type has."""
    return one.name == other.name or one.name in own_names(other) or other.name in own_names(one)


def own_names(kind: JobType) -> tuple[str, ...]:
    """Return a type's name, and those of its aliases that stand for no other type."""
    shared = {
        alias
        for alias in kind.aliases
        if any(other.name != kind.name for other in types_known_as(alias))
    }
    return (kind.name, *(alias for alias in kind.aliases if alias not in shared))


TypeOrFunction = str | JobType | Callable[..., Any]
"""A job type as look-ups take it: by a name, by the type itself, or by its function."""


def type_names(wanted: TypeOrFunction) -> frozenset[str]:
    """Return all names under which jobs of a type may be known: its name, and earlier ones.

    Args:
        wanted: A name or an alias, a job type, or a function.

    Raises:
        TypeError: for anything else; the message states what is taken.
    """
    if isinstance(wanted, str):
        kinds: Iterable[JobType] = types_known_as(wanted)
        return frozenset({wanted}.union(*((kind.name, *kind.aliases) for kind in kinds)))
    kind = wanted if isinstance(wanted, JobType) else None
    if kind is None and callable(wanted):
        kind = job_type_of(wanted)
        if kind is None:
            return frozenset({type_name_of(wanted)})
    if kind is None:
        raise TypeError(f"type= takes the name of a job type, or a function, not {wanted!r:.100}")
    return frozenset({kind.name, *kind.aliases})


def innermost(function: object) -> object:
    """Return the function inside ``functools.partial`` objects, and others with a ``func``."""
    for _ in range(_DEEPEST):
        if type(function) is FunctionType or not hasattr(function, "func"):
            break
        function = cast("Any", function).func
    return function


def type_name_of(function: Callable[..., Any]) -> str:
    """Return the type that jobs of an unregistered function have: its name."""
    target: Any = function if type(function) is FunctionType else innermost(function)
    name = getattr(target, "__name__", None) or type(target).__name__
    return "lambda" if name == _LAMBDA else str(name)


def is_lambda(function: object) -> bool:
    """Whether this is a lambda that was not registered, which has no name to be found by."""
    target = innermost(function)
    return (
        type(target) is FunctionType
        and target.__name__ == _LAMBDA
        and (job_type_of(target) is None)
    )


class _Comparison:
    """One comparison: bounded, and aware of functions that lead back to themselves."""

    def __init__(self) -> None:
        self._steps = 0
        self._begun: set[tuple[int, int]] = set()

    def functions(self, one: object, other: object) -> bool:
        if one is other:
            return True
        first, second = job_type_of(cast("Any", one)), job_type_of(cast("Any", other))
        if first is not None or second is not None:
            return first is not None and second is not None and is_same_type(first, second)
        if type(one) is FunctionType and type(other) is FunctionType:
            return self._plain_functions(one, other)
        if type(one) is MethodType and type(other) is MethodType:
            return one.__self__ is other.__self__ and self.functions(one.__func__, other.__func__)
        if type(one) is BuiltinFunctionType and type(other) is BuiltinFunctionType:
            return one.__self__ is other.__self__ and one.__name__ == other.__name__
        if type(one) is partial and type(other) is partial:
            return (
                self.functions(one.func, other.func)
                and self._values(one.args, other.args)
                and self._values(one.keywords, other.keywords)
            )
        return False

    def _plain_functions(self, one: FunctionType, other: FunctionType) -> bool:
        if _LAMBDA in {one.__name__, other.__name__}:
            return False
        pair = (id(one), id(other))
        if pair in self._begun:  # a function among its own variables
            return True
        self._begun.add(pair)
        return (
            (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
            and self._codes(one.__code__, other.__code__)
            and self._values(one.__defaults__, other.__defaults__)
            and self._values(one.__kwdefaults__, other.__kwdefaults__)
            and self._values(_closed_over(one), _closed_over(other))
        )

    def _codes(self, one: CodeType, other: CodeType) -> bool:
        return all(
            getattr(one, name) == getattr(other, name) for name in _CODE_FIELDS
        ) and self._values(one.co_consts, other.co_consts)

    def _values(self, one: object, other: object) -> bool:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return False
        if one is other:
            return True
        kind = type(one)
        if kind is not type(other):
            return False
        if id(kind) in _PLAIN:
            return one == other
        if kind is float:
            return repr(one) == repr(other)  # a NaN is a NaN, and 0.0 is not -0.0
        if kind is CodeType:
            return self._codes(cast("CodeType", one), cast("CodeType", other))
        if kind is tuple or kind is list:
            return self._sequences(cast("list[object]", one), cast("list[object]", other))
        if kind is dict:
            first, second = cast("dict[object, object]", one), cast("dict[object, object]", other)
            return self._sequences(list(first.items()), list(second.items()))
        if kind is set or kind is frozenset:
            return _same_sets(cast("set[object]", one), cast("set[object]", other))
        return self.functions(one, other)

    def _sequences(self, one: list[Any], other: list[Any]) -> bool:
        return len(one) == len(other) and all(map(self._values, one, other))


def _closed_over(function: FunctionType) -> list[object]:
    found: list[object] = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            found.append(inspect.Parameter.empty)
    return found


def _same_sets(one: set[object], other: set[object]) -> bool:
    """Whether two sets of plain values are equal, of the same types."""
    first, second = (
        [(type(value), value) for value in one],
        [(type(value), value) for value in other],
    )
    if any(id(kind) not in _PLAIN for kind, _ in first + second):
        return False
    return set(first) == set(second)
