"""JSON that comes back as exactly what went in, or not at all.

A value that ``json`` would bend (a tuple into a list, a number key into text, a NaN into something
no other reader takes) is refused, so that what a store gives back is never *nearly* what a job had.
"""

from __future__ import annotations

import math
from typing import Any, Final, cast

import msgspec.json

from .checks import class_name_of

_encode: Final = msgspec.json.Encoder().encode
_format: Final = msgspec.json.format
_DEEPEST: Final = 200
_MOST_PARTS: Final = 1_000_000  # lists and dictionaries; what they hold is not counted
_LONGEST_INTEGER: Final = 10_000  # bits; Python refuses to read much longer ones as text


class NotExact(TypeError):
    """JSON cannot hold this value exactly; ``kind`` is the name of the offending type."""

    def __init__(self, path: str, kind: str, why: str = "") -> None:
        super().__init__(f"{path} is {why or kind}, which JSON cannot hold exactly")
        self.kind = kind


def exact_json(value: object, name: str = "the value") -> str:
    """Return ``value`` as JSON text that reads back equal, of the same types, in ASCII.

    Args:
        value: None, bool, int of up to 3,000 digits, a finite float, str, or lists and dictionaries
            (with text keys) of these, at most 200 deep.
        name: What to call it in the error.

    Raises:
        NotExact: for anything else; the message names its place.

    Example::

        >>> exact_json({"page": 3, "ids": [1, 2]})
        '{"page": 3, "ids": [1, 2]}'
    """
    if not _is_plain(value):
        _check(value, name)
    try:
        text = _encode(value)
    except UnicodeEncodeError:  # half a surrogate, which only json writes out
        return _by_json(value)
    # In the form that json gives it, so that texts can be compared with those of earlier versions.
    return _format(text, indent=0).decode() if text.isascii() else _by_json(value)


def _by_json(value: object) -> str:
    import json  # a program that stores plain values alone does not load it

    return json.dumps(value)


def from_json(text: str) -> Any:
    """Read what :func:`exact_json` wrote.

    Raises:
        ValueError: if it is no JSON, or nested too deeply.
    """
    import json  # a program that reads nothing back does not load it

    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


_Path = tuple["_Path | str", object]
"""The place of a part: its container, and its index or key there; text only in an error."""


def _check(value: object, name: str) -> None:
    """Go through all parts level by level; a circle ends at the depth limit."""
    level: list[tuple[_Path | str, Any]] = [(name, value)]
    seen = 0
    for _ in range(_DEEPEST):
        below: list[tuple[_Path | str, Any]] = []
        for path, part in level:
            _add_parts(path, part, below)
        seen += len(below)
        if seen > _MOST_PARTS:
            raise NotExact(name, class_name_of(value), "too large")
        if not below:
            return
        level = below
    raise NotExact(name, class_name_of(value), "nested too deeply, or in a circle")


def _add_parts(path: _Path | str, part: Any, below: list[tuple[_Path | str, Any]]) -> None:
    kind = cast("type[object]", type(part))
    if kind is list:
        below += [((path, i), item) for i, item in enumerate(part) if not _is_plain(item)]
    elif kind is dict:
        for key, item in part.items():
            if type(key) is not str:
                raise NotExact(f"a key of {_place(path)}", class_name_of(key))
            if not _is_plain(item):
                below.append(((path, key[:40]), item))
    else:
        _check_leaf(part, path)


def _place(path: _Path | str) -> str:
    keys: list[str] = []
    while not isinstance(path, str):
        path, key = path
        keys.append(f"[{key!r}]")
    return path + "".join(reversed(keys))


def _is_plain(part: object) -> bool:
    """Whether a part needs no further look: most of a long list are such."""
    kind = type(part)
    if kind is float:
        return math.isfinite(part)  # type: ignore[arg-type]
    if kind is int:
        return -(2**63) <= part < 2**63  # type: ignore[operator]
    return _is_leaf(kind)


def _is_leaf(kind: type[object]) -> bool:
    # Not `in` a set: a class is hashed by its metaclass, whose code may be a user's.
    return kind is str or kind is bool or kind is type(None)


def _check_leaf(part: Any, path: _Path | str) -> None:
    kind = cast("type[object]", type(part))
    if _is_leaf(kind):
        return
    if kind is int:
        if part.bit_length() > _LONGEST_INTEGER:
            raise NotExact(_place(path), "int", "an integer of more than 3,000 digits")
    elif kind is float:
        if not math.isfinite(part):
            raise NotExact(_place(path), "float", str(part))
    else:
        raise NotExact(_place(path), class_name_of(part))
