"""Templates as documents of a store, and documents as templates again.

Nothing of a template is code: its job type is found again by its name, its arguments and options
are JSON.  An option that JSON cannot hold (a function, a job to come after) is refused where the
template is made.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from jobactors.model.exact import NotExact, exact_json
from jobactors.model.options import OPTION_NAMES, Options
from jobactors.model.stored_rows import TEMPLATES, DocumentRow

from .row_structs import convert, encode
from .submit_codec import LARGEST, option_as_json, option_from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEVER: Final = frozenset({"after", "on_done", "start_at"})
"""Options that mean one job, or are code."""


class TemplateRecord(Struct, frozen=True):
    """A template as its system holds it."""

    name: str
    type: str
    """The name of its job type."""
    arguments: dict[str, Any]
    """Arguments by name."""
    options: dict[str, Any]
    """Options by name, as JSON."""
    source: str = ""
    """The fingerprint of the type's source when the template was written; empty if it has none."""
    changed_at: float = 0.0
    """When it was written, in seconds since the epoch."""


def options_as_json(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON.

    Raises:
        TypeError, ValueError: for an unknown option, a wrong value, and one that cannot be stored.
    """
    for name in sorted(_NEVER & given.keys()):
        raise TypeError(f"the option {name} means one job: give it at the submit")
    checked = Options().changed(**given)
    try:
        return {name: _as_json(name, getattr(checked, name)) for name in given}
    except NotExact as exc:
        raise TypeError(f"{exc}: give it at the submit") from None


def _as_json(name: str, value: Any) -> Any:
    if name == "key" and isinstance(value, tuple):
        value = list(cast("tuple[object, ...]", value))
    elif name == "tags":
        value = list(cast("tuple[str, ...]", value))
    return option_as_json(name, value)


def options_from_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options as a submit takes them; unknown ones, of a later version, are left."""
    return {
        name: tuple(cast("list[object]", value))
        if name == "key" and isinstance(value, list)
        else option_from_json(name, value)
        for name, value in stored.items()
        if name in OPTION_NAMES
    }


def arguments_as_json(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON: a copy, which no later change of a list in them reaches.

    Raises:
        TypeError, ValueError: for what JSON does not hold exactly, or is too large.
    """
    try:
        text = exact_json(dict(arguments), "the arguments")
    except NotExact as exc:
        raise TypeError(f"{exc}: pass a path, or plain JSON, instead") from None
    if len(text) > LARGEST:
        raise ValueError("the arguments are too large to be stored: pass a path instead")
    return cast("dict[str, Any]", json.loads(text))


def document_of(template: TemplateRecord) -> DocumentRow:
    """Return the document of a template."""
    value = {
        "type": template.type,
        "arguments": template.arguments,
        "options": template.options,
        "source": template.source,
    }
    return DocumentRow(TEMPLATES, template.name, encode(value), template.changed_at)


def template_from(row: DocumentRow) -> TemplateRecord:
    """Return the template of a document.

    Raises:
        ValueError: if no template could have it.
    """
    read: Any = json.loads(row.value)
    if not isinstance(read, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the value is wrong, not its type
    fields = {**cast("dict[str, Any]", read), "name": row.name, "changed_at": row.changed_at}
    return convert(fields, TemplateRecord, [])
