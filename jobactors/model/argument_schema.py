"""The parameters of a job type as JSON Schema.

A form, a schedule or an HTTP request gives arguments as JSON, by name.  From the function's
signature comes a schema, which says what may be given; :mod:`.argument_check` says what is wrong
with what was given.

Each parameter is looked at by itself, and not all of them as one struct: one annotation that
msgspec refuses would cost the schema of all the others.  Private arguments have no default there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import msgspec.json

from .parameters import (
    NEEDS_CODE,
    POSITIONAL,
    Parameter,
    Signature,
    described_arguments,
    is_path,
    schema_of_class,
    signature_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .argument_problem import Validate
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

    @property
    def validate(self) -> Validate | None:
        """A function that finds what the annotations cannot say."""
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
    """Return the schemas of annotations, and those of the classes that they refer to by name.

    Two classes may have one full name: a cell that was run again has made a second one.  msgspec
    gives each a name of its own, since 0.23.
    """
    return msgspec.json.schema_components(
        hints, schema_hook=schema_of_class, ref_template="#/$defs/{name}"
    )


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
    why += [f"{name}: {POSITIONAL}" for name, needed in signature.positional_only.items() if needed]
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
