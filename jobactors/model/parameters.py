"""The parameters of a function, as its signature, its annotations and its docstring describe them.

Annotations are the user's own code: a name that is not defined, a class that raises when it is
subscripted, hashed or compared.  Whatever that raises marks its own parameter as one that *needs
code*: JSON cannot hold its values, so no form can offer it.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, Union, cast

import msgspec.json
from msgspec import Struct

from .call_signature import call_signature

NEEDS_CODE: Final = "x-needs-code"
"""The mark of a schema whose values JSON cannot hold."""
POSITIONAL: Final = (
    "it is positional-only, and a job's arguments are given by name: remove the / from the "
    "function's signature"
)
"""The reason for which no name reaches such a parameter."""
LONGEST: Final = 300
"""Characters of an error's text: it may quote a whole value."""


class Parameter(Struct, frozen=True):
    """One parameter that is given by name."""

    name: str
    hint: Any
    """Its annotation, resolved; Any without one that can be used."""
    default: Any
    """``inspect.Parameter.empty`` if it has none."""
    trouble: str = ""
    """The reason why JSON cannot hold its values; empty if it can."""
    is_usable: bool = True
    """Whether msgspec takes the annotation, though parts of it may be classes it does not know."""

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty


class Signature(Struct, frozen=True):
    """The arguments that a function takes by name."""

    parameters: dict[str, Parameter]
    """Those that it names, in its own order."""
    takes_more: bool
    """Whether it takes further arguments of any name."""
    positional_only: dict[str, bool]
    """The parameters that no name reaches, and whether they are required."""
    trouble: str = ""
    """The reason why nothing is known of its parameters; empty if they are."""


# --- the signature ----------------------------------------------------------------------------


def signature_of(function: Callable[..., Any]) -> Signature:
    """Return the parameters of a function; one without a signature takes anything."""
    signature = call_signature(function)
    if signature is None:
        return Signature({}, True, {}, "the parameters of the function cannot be read")
    known = signature.parameters.values()
    namespace = _namespace_of(function)
    by_name = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    return Signature(
        {one.name: _parameter(one, namespace) for one in known if one.kind in by_name},
        any(one.kind is one.VAR_KEYWORD for one in known),
        {one.name: one.default is one.empty for one in known if one.kind is one.POSITIONAL_ONLY},
    )


def _parameter(one: inspect.Parameter, namespace: dict[str, Any]) -> Parameter:
    if one.annotation is one.empty:
        return Parameter(one.name, Any, one.default)
    try:
        hint = _without_paths_beside_text(_resolved(one.annotation, namespace))
        return Parameter(one.name, hint, one.default, _trouble_with(hint))
    except NameError as exc:
        why = f"{text_of(exc)} at run time (is it imported for type checkers only?)"
    except Exception as exc:  # the annotation is the user's, and may raise anything
        why = f"{type(exc).__name__}: {text_of(exc)}"
    trouble = f"its annotation cannot be used: {why}"[:LONGEST]
    return Parameter(one.name, Any, one.default, trouble, is_usable=False)


def _trouble_with(hint: Any) -> str:
    """Return the reason why JSON cannot hold values of this type; empty if it can."""
    # msgspec, or code of the type's own, may raise anything here.
    unknown: list[str] = []

    def note(kind: Any) -> dict[str, Any]:
        schema = schema_of_class(kind)
        if NEEDS_CODE in schema:
            unknown.append(getattr(kind, "__qualname__", repr(kind)))
        return schema

    msgspec.json.schema_components([hint], schema_hook=note)
    return f"JSON cannot say {', '.join(dict.fromkeys(unknown))}" if unknown else ""


def _resolved(annotation: Any, namespace: dict[str, Any]) -> Any:
    """Evaluate an annotation, which may be text as a whole or in parts."""
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    return typing.get_type_hints(holder, namespace, include_extras=True)["it"]


def _unwrapped(function: Any) -> Any:
    """Return the function that was written: out of ``functools.partial`` and decorators."""
    while isinstance(function, functools.partial):
        function = function.func  # pyright: ignore[reportUnknownMemberType] - of whatever it is
    return inspect.unwrap(function)


def _namespace_of(function: Any) -> dict[str, Any]:
    """Return the names that the function's annotations are looked up in."""
    target = _unwrapped(function)
    if not hasattr(target, "__globals__"):
        target = getattr(cast("Any", type(target)), "__call__", target)  # noqa: B004 - for its names
    return getattr(target, "__globals__", {})


def _without_paths_beside_text(hint: Any) -> Any:
    """Make ``str | Path`` a ``str``: msgspec takes no such union, and the function takes both."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        inner, *extras = args
        return Annotated[(_without_paths_beside_text(inner), *extras)]
    if origin in {Union, types.UnionType} and str in args:
        return Union[tuple(one for one in args if not _is_path_like(one))]  # noqa: UP007 - computed
    return hint


def is_path(kind: Any) -> bool:
    """Whether this is a class of paths; known by name, as the model opens no files."""
    bases = getattr(kind, "__mro__", ())
    return any(
        base.__module__.startswith("pathlib") and base.__name__ == "PurePath" for base in bases
    )


def _is_path_like(kind: Any) -> bool:
    named = typing.get_origin(kind) or kind
    return is_path(kind) or (
        getattr(named, "__module__", "") == "os" and getattr(named, "__name__", "") == "PathLike"
    )


def text_of(exc: Exception) -> str:
    """Return the text of an exception whose class may be the user's."""
    try:
        return str(exc)
    except Exception:  # its __str__ is the user's
        return "which cannot be shown"


# --- classes that msgspec does not know -------------------------------------------------------


def schema_of_class(kind: Any) -> dict[str, Any]:
    """Return the schema of a class that msgspec does not know."""
    if kind is object:
        return {"$comment": "anything"}  # an empty schema counts as none
    if is_path(kind):
        return {"type": "string", "format": "path"}
    return {NEEDS_CODE: True}


# --- the docstring ----------------------------------------------------------------------------


def described_arguments(function: Callable[..., Any]) -> dict[str, str]:
    """Return the texts of the parameters in the ``Args:`` section of a docstring."""
    found: dict[str, str] = {}
    name = ""
    for line in _args_section(inspect.getdoc(_unwrapped(function)) or ""):
        entry = _ENTRY.match(line)
        if entry is not None:
            name = entry["name"]
            found[name] = entry["text"].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


_ENTRY: Final = re.compile(r"(?P<name>\*{0,2}\w+)\s*(\([^)]*\))?:(?P<text>.*)")


def _args_section(doc: str) -> Iterator[str]:
    """Go through the lines below ``Args:``, indented from its first line on."""
    lines = iter(doc.splitlines())
    for line in lines:
        if line.strip() in {"Args:", "Arguments:"}:
            break
    indent: int | None = None
    for line in lines:
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        if depth == 0 or depth < indent:
            return
        yield line[indent:]
