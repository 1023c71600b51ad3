"""Field texts in ``help()``: the docstring under a field becomes a part of its class's.

Python forgets a text that stands under a field, and a text that is written twice is wrong once.  So
the ``__doc__`` of a value is completed when it is read for the first time, from the source of its
module.  Importing costs one assignment a class.  Where there is no source (an archive of bytecode),
the fields are listed with their types and defaults alone; under ``-OO`` there is no text at all.
"""

from __future__ import annotations

import re
import sys
from enum import Enum
from itertools import pairwise
from typing import Any, Final, Self, SupportsIndex, TypeVar, cast

K = TypeVar("K", bound=type[Any])
_NEXT_SECTION: Final = r"(?m)^(Raises|Example):"  # compiled when it is used: imports are quick
_WIDTH: Final = 96
_REQUIRED: Final = object()


def documented(kind: K) -> K:
    """Let a struct's or attrs class's ``__doc__`` list its public fields."""
    if kind.__doc__ is not None:
        kind.__doc__ = FieldDocs(kind.__doc__, kind)
    return kind


class FieldDocs(str):
    """The docstring of one class, completed when it is first read.

    ``cls.__doc__`` reads it as a descriptor.  ``help()`` reads that of a struct straight from the
    class's dictionary instead, because the metaclass is written in C and has a ``__doc__`` of its
    own; it wants a text there, and calls :meth:`expandtabs` on it first of all.
    """

    __slots__ = ("_complete", "_kind")

    _kind: type[Any]
    _complete: str | None

    def __new__(cls, written: str, kind: type[Any]) -> Self:
        """Make the docstring of ``kind`` from the one that is written in its source."""
        self = super().__new__(cls, written)
        self._kind = kind
        self._complete = None
        return self

    def __get__(self, value: object, kind: type[Any]) -> str:
        if self._complete is None:
            self._complete = complete(str(self), self._kind)
        return self._complete

    def expandtabs(self, tabsize: SupportsIndex = 8) -> str:
        """Return the complete text with spaces for tabs."""
        return self.__get__(None, self._kind).expandtabs(tabsize)


def complete(written: str, kind: type[Any]) -> str:
    """Return a class's docstring with a section that describes its public fields."""
    import inspect

    defaults = {name: d for name, d in _defaults(kind).items() if not name.startswith("_")}
    if not defaults:
        return written
    texts, types = _texts(kind), _types(kind)
    entries = [
        _entry(name, types.get(name, ""), texts.get(name, ""), default)
        for name, default in defaults.items()
    ]
    section = "\n".join(["Attributes:", *entries])
    text = inspect.cleandoc(written)
    found = re.search(_NEXT_SECTION, text)
    if found is None:
        return f"{text}\n\n{section}\n"
    return f"{text[: found.start()]}{section}\n\n{text[found.start() :]}\n"


def _entry(name: str, type: str, text: str, default: object) -> str:
    import textwrap

    if default is not _REQUIRED and "default" not in text.lower():
        text = f"{text} Default: {_shown(default)}."
    return textwrap.fill(
        f"{name} ({type}): {text.strip()}",
        _WIDTH,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _defaults(kind: Any) -> dict[str, object]:
    """Return the fields of a class in order, each with its default."""
    if hasattr(kind, "__struct_fields__"):
        import msgspec

        names, known = kind.__struct_fields__, kind.__struct_defaults__
        padded = [msgspec.NODEFAULT] * (len(names) - len(known)) + list(known)
        return {
            name: _REQUIRED if default is msgspec.NODEFAULT else _made(default)
            for name, default in zip(names, padded, strict=True)
        }
    import attrs

    return {
        field.name: _REQUIRED if field.default is attrs.NOTHING else _made(field.default)
        for field in attrs.fields(kind)
    }


def _made(default: Any) -> object:
    """Return what a default factory makes, or the default itself."""
    return default.factory() if type(default).__name__ == "Factory" else default


def _shown(value: object) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, type):
        return value.__name__
    if type(value) is tuple:
        items = [_shown(item) for item in cast("tuple[object, ...]", value)]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    if type(value) in {int, float}:
        return f"{value:,}"
    if hasattr(value, "__struct_fields__") or hasattr(value, "__attrs_attrs__"):
        return f"{type(value).__name__}()"  # no default of ours is anything else
    return repr(value)


def _types(kind: type[Any]) -> dict[str, str]:
    """Return the annotations of all fields, as they are written."""
    from inspect import get_annotations

    types: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        types.update({name: str(kind) for name, kind in get_annotations(base).items()})
    return types


def _texts(kind: type[Any]) -> dict[str, str]:
    """Return the texts of all fields, as far as there is a source."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] == __name__.partition(".")[0]:
            texts.update(_texts_under_fields(base))
    return texts


def _texts_under_fields(kind: type[Any]) -> dict[str, str]:
    import ast
    import inspect

    try:
        tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    except (OSError, TypeError, KeyError, SyntaxError):  # no source, or another one by now
        return {}
    bodies = [n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == kind.__name__]
    texts: dict[str, str] = {}
    for body in bodies:
        for field, below in pairwise(body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[name] = " ".join(text.split())
                case _:
                    pass
    return texts
