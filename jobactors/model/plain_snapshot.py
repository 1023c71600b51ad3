"""A snapshot as plain values: what ``json``, web frameworks and data frames take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from .checks import class_name_of, is_number, shown
from .exact import NotExact, exact_json

Getter = Callable[[Any], object]
"""Gets a value from a snapshot, whose class is above this module and cannot be named here."""


def _info(name: str) -> Getter:
    return lambda snapshot: getattr(snapshot.info, name)


def _own(name: str) -> Getter:
    return lambda snapshot: getattr(snapshot, name)


def _number(name: str) -> Getter:
    return lambda snapshot: _finite(getattr(snapshot.progress, name))


def _word(name: str) -> Getter:
    def get(snapshot: Any) -> object:
        value = getattr(snapshot, name)
        return None if value is None else str(value)

    return get


def _finite(value: object) -> object:
    """Return a number that JSON has; None for another."""
    return value if is_number(value) and math.isfinite(value) else None


def _plain(value: object) -> object:
    """Return a value that JSON holds exactly, or the name of its type."""
    try:
        exact_json(value)
    except (NotExact, RecursionError):
        return class_name_of(value)
    return value


def _text(name: object) -> str:
    """Return a name as text; it may be any object of the user's."""
    try:
        return str.__str__(str(name))
    except Exception:  # its own code
        return shown(name)


def _key(snapshot: Any) -> object:
    key = snapshot.info.key
    return key if key is None or type(key) is str or type(key) is int else shown(key)


def _answer(snapshot: Any) -> object:
    answer = None if snapshot.outcome is None else snapshot.outcome.answer
    return None if answer is None else answer.value


PLAIN: Final[Mapping[str, Getter]] = {
    **{name: _info(name) for name in ("id", "type", "name", "subject", "description")},
    "tags": lambda snapshot: list(snapshot.info.tags),
    "metadata": lambda snapshot: {
        _text(name): _plain(value) for name, value in snapshot.info.metadata.items()
    },
    **{name: _info(name) for name in ("icon", "priority")},
    "key": _key,
    **{name: _info(name) for name in ("batch", "index", "item")},
    **{name: _info(name) for name in ("continues", "schedule", "occurrence")},
    **{name: _word(name) for name in ("state", "waiting")},
    "waits_for": lambda snapshot: list(snapshot.waits_for),
    "request": _word("request"),
    "reason": _own("reason"),
    "answer": _answer,
    **{name: _own(name) for name in ("stuck", "attempt", "runner", "where")},
    "submitted_at": _info("submitted_at"),
    **{name: _own(name) for name in ("started_at", "finished_at", "changed_at", "due")},
    "paused_for": _own("paused_for"),
    **{name: _number(name) for name in ("done", "total", "fraction")},
    "unit": lambda snapshot: snapshot.progress.unit,
    "message": lambda snapshot: snapshot.progress.message,
    "counters": lambda snapshot: {
        name: _finite(value) for name, value in snapshot.progress.counters.items()
    },
    "stages": lambda snapshot: list(snapshot.progress.stages),
    "error": _word("error"),
    **{name: _own(name) for name in ("log_lines", "log_cut", "read")},
}
"""The names of the values, and how each is got from a snapshot."""
