"""The registered job types as forms show them: title, category, schema, result."""

from __future__ import annotations

import json
import typing
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

import msgspec.json

import jobactors as ja

from .wire import LONGEST_MESSAGE, LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

NEEDS_CODE: Final = "x-needs-code"
_BUILT_IN: Final = "built-in"
_LONGEST_TEXT: Final = 100_000


class TypeEntry(TypedDict):
    """One job type, as `static/builder/catalogue.js` reads it."""

    name: str
    title: str
    description: str
    icon: str
    category: str
    schema: dict[str, Any]
    """The schema of its arguments."""
    returns: dict[str, Any] | None
    """The schema of its result; None if that is not known."""
    needs: list[str]
    """The types that must come before it in a chain."""
    obstacle: str
    """The reason for which no form can make it; empty if one can."""


def catalogue(categories: Collection[str] | None = None) -> list[TypeEntry]:
    """Return the registered types, without the built-in ones, in the order of registration.

    Args:
        categories: Only those of these categories, in the order of these; default: all.
    """
    kinds = [kind for kind in ja.job_types().values() if kind.category != _BUILT_IN]
    if categories is not None:
        order = list(categories)
        kinds = sorted(
            (kind for kind in kinds if kind.category in order),
            key=lambda kind: order.index(kind.category),
        )
    return [type_entry(kind) for kind in kinds]


def fingerprint() -> object:
    """Return what differs when a type was declared, or declared again."""
    return tuple((name, id(kind)) for name, kind in ja.job_types().items())


def type_entry(kind: ja.JobType) -> TypeEntry:
    """Return what forms show of one job type; its annotations are the user's code."""
    try:
        schema, obstacle = kind.schema(), ""
    except Exception as error:  # annotations are the user's code
        schema, obstacle = {}, f"its parameters cannot be read: {type(error).__name__}"
    if schema.get(NEEDS_CODE):
        obstacle = str(schema.get("$comment", "JSON cannot hold its arguments"))
    return {
        "name": kind.name,
        "title": safe_text(kind.title, LONGEST_NAME),
        "description": safe_text(kind.description, LONGEST_MESSAGE),
        "icon": safe_text(kind.icon, 8),
        "category": safe_text(kind.category, LONGEST_NAME),
        "schema": valid_json(schema),
        "returns": _schema_of_result(kind),
        "needs": list(kind.needs),
        "obstacle": safe_text(obstacle, LONGEST_MESSAGE),
    }


def _schema_of_result(kind: ja.JobType) -> dict[str, Any] | None:
    try:
        hint = typing.get_type_hints(kind.function).get("return", Any)
        return cast("dict[str, Any]", valid_json(msgspec.json.schema(hint)))
    except Exception:  # msgspec does not know it, or the user's code raises
        return None


def valid_json(value: Any) -> Any:
    """Return a JSON value whose texts are valid Unicode: one that is not spoils a whole message."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return _valid(value)
    return value


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return safe_text(value, _LONGEST_TEXT)
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return {_valid(key): _valid(part) for key, part in parts.items()}
    if isinstance(value, list):
        return [_valid(part) for part in cast("Sequence[Any]", value)]
    return value
