"""Values inside containers: found, and replaced in a copy.

Looked into are lists, tuples (named ones too), dictionaries, sets, the deques and dictionaries of
``collections``, and dataclasses; of other classes only their authors know how to copy them.  A
container of a class derived from one of these is a value like any other, and a dataclass is copied
field by field, without its ``__init__``: no code of the user runs here, apart from the
``__hash__`` of a key whose value is replaced.  Classes are told apart by identity: one is hashed
and compared by its metaclass, whose code may be a user's, too.

*Why the search is a loop over levels.*  Each submit passes through it, and its arguments may be a
list of a million numbers.  The types of one level are gathered in C; a Python step is paid for each
container, never for each value.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final, cast

from jobactors.model.exception_tree import bases_of, contents_of

_SIMPLE: Final = frozenset(map(id, (int, float, str, bytes, bool, type(None))))
_DICTIONARIES: Final = frozenset(map(id, (dict, OrderedDict, defaultdict)))
_COLLECTIONS: Final = frozenset(map(id, (list, tuple, set, frozenset, deque)))
_CONTAINERS: Final = _DICTIONARIES | _COLLECTIONS
Replace = Callable[[Any], Any]


def holds_any(values: Iterable[object], kinds: AbstractSet[type]) -> bool:
    """Return whether a value of one of ``kinds`` is among ``values``, or inside one of them."""
    wanted = frozenset(map(id, kinds))
    level, seen = list(values), set[int]()
    while level:
        types = _types_of(level)
        if types.keys() <= _SIMPLE:
            return False
        if types.keys() & wanted:
            return True
        looked_into = {identity for identity, kind in types.items() if _is_container(kind)}
        found = {id(value): value for value in level if id(type(value)) in looked_into}
        below: list[object] = []
        for identity in [each for each in found if each not in seen]:
            below += _parts_of(found[identity])
        seen |= found.keys()
        level = below
    return False


def _types_of(values: list[object]) -> dict[int, type]:
    """Return the classes of values, by their ids."""
    kinds: Iterable[type]
    try:
        kinds = frozenset(map(type, values))  # most of the classes of a long list are one
    except KeyboardInterrupt:
        raise
    except BaseException:  # a metaclass that does not let its classes be hashed
        kinds = map(type, values)
    return {id(kind): kind for kind in kinds}


class Replacement:
    """Puts other values into copies of containers.

    A container that stands in several places stays one container in all that one object has copied.

    Args:
        replace: Returns the value to put in the place of another one, which is no container; or
            that one itself.
        kinds: The types of the values that it replaces.
    """

    def __init__(self, replace: Replace, kinds: AbstractSet[type]) -> None:
        self._replace = replace
        self._kinds = kinds
        self._copies: dict[int, Any] = {}
        self._open: set[int] = set()
        self._met_itself = False

    def of(self, value: Any) -> Any:
        """Return ``value`` with other values in it, or itself if there is nothing to replace.

        Raises:
            TypeError: for something to replace in a set, or in the key of a dictionary.
            ValueError: for a container that contains itself, beside something to replace; for
                something to replace inside more than a hundred levels of containers.
        """
        kind = _kind_of(value)
        if id(kind) in _SIMPLE:
            return value
        if not _is_container(kind):
            return self._replace(value)
        identity = id(value)
        if identity in self._copies:
            return self._copies[identity]
        if identity in self._open:
            self._met_itself = True
            return value
        if len(self._open) >= _MOST_LEVELS:  # each is a step of the recursion here
            if holds_any([value], self._kinds):
                raise ValueError(_TOO_DEEP)
            return value
        self._open.add(identity)
        copy = self._copies[identity] = self._container(kind, value)
        self._open.discard(identity)
        if copy is not value and self._met_itself:
            raise ValueError(f"a {kind.__name__} that contains itself has a job in it")
        return copy

    def _container(self, kind: type[Any], value: Any) -> Any:
        parts = [*_parts_of(value)]
        copies = list(map(self.of, parts))
        if all(map(_is_same, parts, copies)):
            return value
        if id(kind) in _DICTIONARIES:
            return _copy_of_dict(value, copies)
        if issubclass(kind, tuple):
            return _new_tuple(kind, copies)
        if kind is list:
            return copies
        if kind is deque:
            return deque(copies, value.maxlen)
        if id(kind) in _CONTAINERS:
            raise TypeError(_HASHED)
        return _copy_of_dataclass(kind, value, copies)


def _kind_of(value: object) -> type[Any]:
    return type(value)


def _is_same(one: object, other: object) -> bool:
    return one is other


def _is_container(kind: type[object]) -> bool:
    return id(kind) in _CONTAINERS or bool(_fields_of(kind)) or _is_named_tuple(kind)


def _is_named_tuple(kind: type[object]) -> bool:
    return "_fields" in contents_of(kind) and bases_of(kind)[1] is tuple


def _fields_of(kind: type[object]) -> tuple[str, ...]:
    """Return the fields of a dataclass that is made as any object is; of anything else, nothing."""
    fields: object = contents_of(kind).get("__dataclass_fields__")
    if type(fields) is not dict:
        return ()
    made_by = next(base for base in bases_of(kind) if "__new__" in contents_of(base))
    return tuple(cast("dict[str, Any]", fields)) if made_by is object else ()


def _parts_of(value: Any) -> Iterator[Any]:
    kind = _kind_of(value)
    if id(kind) in _DICTIONARIES:
        both = cast("dict[object, object]", value)
        return iter([*both, *both.values()])
    if id(kind) in _COLLECTIONS or _is_named_tuple(kind):
        return iter([*value])
    return iter([_field(value, name) for name in _fields_of(kind)])


_HASHED: Final = (
    "a job in a set, or in the key of a dictionary, cannot be replaced by its result: put it into "
    "a list, or into the values of a dictionary"
)
_MOST_LEVELS: Final = 100
_TOO_DEEP: Final = (
    f"a job lies inside more than {_MOST_LEVELS} levels of lists, tuples and dictionaries: pass it "
    "as an argument of its own, or further up"
)
_MISSING: Final = object()
_new_tuple = cast("Callable[..., Any]", vars(tuple)["__new__"])


def _field(value: Any, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except Exception:  # a field without a value, or a descriptor of the user's
        return _MISSING


def _copy_of_dict(value: dict[Any, Any], copies: list[Any]) -> dict[Any, Any]:
    """Copy a dictionary; ``copies`` are its keys, and then its values."""
    if not all(map(_is_same, value, copies)):
        raise TypeError(_HASHED)
    copy = value.copy()  # of the same class
    for (key, before), after in zip(value.items(), copies[len(value) :], strict=True):
        if after is not before:
            copy[key] = after
    return copy


def _copy_of_dataclass(kind: type[Any], value: Any, fields: list[Any]) -> Any:
    copy: Any = object.__new__(kind)
    attributes = _field(value, "__dict__")
    if attributes is not _MISSING:
        _field(copy, "__dict__").update(attributes)
    for name, part in zip(_fields_of(kind), fields, strict=True):
        if part is not _MISSING:
            object.__setattr__(copy, name, part)
    return copy
