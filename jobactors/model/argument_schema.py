"""The parameters of a job type as JSON Schema, and arguments that are checked against them.

A launcher, a schedule or an HTTP request gives arguments as JSON, by name.  From the function's
signature come a schema, which says what may be given, and a check, which says what is wrong with
what was given and converts the rest: an ISO date into a ``date``, an object into a dataclass.

msgspec does both.  Each parameter is looked at by itself, and not all of them as one struct: a
struct stops at its first error, where a form shows all of them, and one annotation that msgspec
refuses would cost the schema of all the others.

Private arguments leave nothing in either: no default in the schema, no value in an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import msgspec.json

from .argument_problem import ArgumentProblem, ArgumentsInvalid
from .parameters import (
    LONGEST,
    NEEDS_CODE,
    Parameter,
    Signature,
    described_arguments,
    is_path,
    schema_of_class,
    signature_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .options import Options

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


# --- the schema -------------------------------------------------------------------------------


class Described(Protocol):
    """A job type, as its schema is made of it."""

    @property
    def name(self) -> str:
        """The registered name."""
        ...

    @property
    def description(self) -> str:
        """The first sentence of the function's docstring."""
        ...

    @property
    def function(self) -> Callable[..., Any]:
        """The function."""
        ...

    @property
    def options(self) -> Options:
        """The default options of its jobs."""
        ...


def schema_of(kind: Described) -> dict[str, Any]:
    """Return the JSON Schema of a type's arguments; see :meth:`JobType.schema`."""
    signature = signature_of(kind.function)
    texts = described_arguments(kind.function)
    private = kind.options.private
    known = {name: one for name, one in signature.parameters.items() if one.is_usable}
    said, components = _components([one.hint for one in known.values()])
    schemas = dict(zip(known, said, strict=True))
    properties: dict[str, Any] = {
        name: _property(one, schemas.get(name, {}), texts.get(name, ""), is_private=name in private)
        for name, one in signature.parameters.items()
    }
    for name in sorted(private - properties.keys()):  # those that **kwargs takes
        properties[name] = {"writeOnly": True}
    return {
        "$schema": DIALECT,
        "title": kind.name,
        **({"description": kind.description} if kind.description else {}),
        "type": "object",
        "properties": properties,
        "required": [name for name, one in signature.parameters.items() if one.is_required],
        "additionalProperties": signature.takes_more,
        **_marks(signature),
        **({"$defs": dict(components)} if components else {}),
    }


def _components(hints: Sequence[Any]) -> tuple[Sequence[dict[str, Any]], dict[str, Any]]:
    """Return the schemas of annotations, and those of the classes that they refer to by name."""
    # Two classes may have one full name: a cell that was run again has made a second one.  msgspec
    # names classes for all annotations at once, and fails then; each by itself has its own name.
    # An annotation that holds both is not usable, and is refused before.
    try:
        return _named(hints)
    except KeyError:
        pass
    schemas: list[dict[str, Any]] = []
    components: dict[str, Any] = {}
    for number, hint in enumerate(hints, 1):
        (schema,), classes = _named([hint])
        if any(components.get(name, one) != one for name, one in classes.items()):
            (schema,), classes = _named([hint], f"-{number}")
        schemas.append(schema)
        components |= classes
    return schemas, components


def _named(
    hints: Sequence[Any], suffix: str = ""
) -> tuple[Sequence[dict[str, Any]], dict[str, Any]]:
    said, components = msgspec.json.schema_components(
        hints, schema_hook=schema_of_class, ref_template=f"#/$defs/{{name}}{suffix}"
    )
    return said, {f"{name}{suffix}": one for name, one in components.items()}


def _property(
    one: Parameter, said: dict[str, Any], text: str, *, is_private: bool
) -> dict[str, Any]:
    schema = dict(said)
    if text:
        schema.setdefault("description", text)
    if one.trouble:
        schema |= {NEEDS_CODE: True, "$comment": one.trouble}
    if is_private:
        schema["writeOnly"] = True
    elif not one.is_required:
        # msgspec would leave out mutable ones, for which it wants a factory.
        schema |= _default_said(one.default)
    return schema


def _marks(signature: Signature) -> dict[str, Any]:
    """Describe whether a call needs code, and why: it does if a required parameter does."""
    why = [
        f"{one.name}: {one.trouble}"
        for one in signature.parameters.values()
        if one.is_required and one.trouble
    ]
    why += [
        f"{name}: {_POSITIONAL}" for name, needed in signature.positional_only.items() if needed
    ]
    why += [signature.trouble] if signature.trouble else []
    return {NEEDS_CODE: True, "$comment": "; ".join(why)} if why else {}


def _default_said(default: object) -> dict[str, Any]:
    """Return the default as JSON, or nothing."""
    try:
        plain = msgspec.to_builtins(default, enc_hook=_path_as_text, str_keys=True)
        return {"default": json.loads(json.dumps(plain, allow_nan=False))}
    except Exception:  # JSON cannot hold it: the parameter has a default all the same
        return {}


def _path_as_text(value: object) -> str:
    if is_path(type(value)):
        return str(value)
    raise NotImplementedError


# --- the check --------------------------------------------------------------------------------


def check_arguments(kind: Described, arguments: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the arguments, converted; see :meth:`JobType.check`.

    Raises:
        ArgumentsInvalid: with all that is wrong with them.
    """
    if not isinstance(arguments, Mapping):
        text = f"arguments are a JSON object, not {type(arguments).__name__}"
        raise ArgumentsInvalid(kind.name, [ArgumentProblem("", text)])
    signature = signature_of(kind.function)
    problems: list[ArgumentProblem] = []
    checked: dict[str, Any] = {}
    for name, value in arguments.items():
        one = signature.parameters.get(name) if isinstance(name, str) else None
        if one is None:
            problems += _problems_of_name(signature, name)
            checked[name] = value
            continue
        try:
            checked[name] = _converted(one, value)
        except _Refused as exc:
            if name in kind.options.private:
                problems.append(ArgumentProblem(name, _UNSAID))
            else:
                problems.append(ArgumentProblem(f"{name}{exc.path}", exc.text))
    problems += _problems_of_missing(signature, arguments)
    if problems:
        raise ArgumentsInvalid(kind.name, problems)
    return checked


_POSITIONAL: Final = (
    "it is positional-only, and a job's arguments are given by name: remove the / from the "
    "function's signature"
)
_UNSAID: Final = "it does not fit its annotation (no more is said of a private argument)"


def _problems_of_missing(
    signature: Signature, given: Mapping[Any, Any]
) -> Iterator[ArgumentProblem]:
    for one in signature.parameters.values():
        if one.is_required and one.name not in given:
            yield ArgumentProblem(one.name, "it is required, and was not given")
    for name, needed in signature.positional_only.items():
        if needed:
            yield ArgumentProblem(name, _POSITIONAL)


def _problems_of_name(signature: Signature, name: object) -> Iterator[ArgumentProblem]:
    if not isinstance(name, str):
        yield ArgumentProblem(f"{name!r:.100}", "names of arguments are text")
    elif signature.takes_more:
        return
    elif name in signature.positional_only:
        if not signature.positional_only[name]:  # else it is said anyway
            yield ArgumentProblem(name, _POSITIONAL)
    else:
        known = ", ".join(signature.parameters) or "none"
        yield ArgumentProblem(name, f"there is no such argument; there are: {known}")


class _Refused(Exception):
    """A value does not fit its parameter."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text[:LONGEST]


def _converted(one: Parameter, value: object) -> Any:
    """Convert one argument, or raise _Refused if it does not fit."""
    if not one.is_usable:
        return value
    try:
        return msgspec.convert(value, one.hint, dec_hook=_from_json, str_keys=True)
    except msgspec.ValidationError as exc:
        raise _refused(text_of(exc)) from None
    except Exception as exc:  # raised by code of the value's own class
        raise _Refused("", f"{type(exc).__name__}: {text_of(exc)}") from None


_WHERE: Final = re.compile(r" - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`\Z")


def _refused(said: str) -> _Refused:
    """Separate msgspec's message about a value from the place of the value."""
    where = _WHERE.search(said)
    if where is None:
        return _Refused("", said)
    text = said[: where.start()]
    return _Refused(where["path"], f"in a key: {text}" if where["key"] else text)


def _from_json(kind: Any, value: object) -> Any:
    """Make an instance of a class that msgspec does not know; what is one already stays so."""
    if not is_path(kind) or isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise TypeError(f"Expected a path, got `{type(value).__name__}`")
    return kind(value)
