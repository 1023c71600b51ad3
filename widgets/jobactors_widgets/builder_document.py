"""The document of a builder: what the kernel holds of it, and what a browser may change.

A browser has one kind of number: 1.0 comes back as 1, and a large integer without its last digits.
So a value that the browser has left as it was is the kernel's own again.  Private arguments are
taken out of whatever arrives.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import jobactors as ja

from .wire import LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Document = dict[str, Any]
_MOST_SHOWN: Final = 100
_LONGEST_VALUE: Final = 120


def _is_object(value: object) -> TypeGuard[Document]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def as_object(value: object) -> Document:
    """Return a JSON object; an empty one for anything else."""
    return value if _is_object(value) else {}


def as_list(value: object) -> list[Any]:
    """Return a JSON list; an empty one for anything else."""
    return value if _is_list(value) else []


def empty_document() -> Document:
    """Return the document of a chain without phases."""
    return {"version": 1, "name": "", "phases": [], "options": {}}


def phases_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what can be phases in a document that a browser or a user has written."""
    return [one for one in as_list(document.get("phases")) if _is_object(one)]


def without_private(document: Document) -> Document:
    """Return the document without private arguments, which no document holds."""
    phases = [_without_private(one) for one in as_list(document.get("phases"))]
    return {**document, "phases": phases} if "phases" in document else document


def _without_private(phase: Any) -> Any:
    hidden, arguments = _private_of(phase), as_object(as_object(phase).get("arguments"))
    if not hidden & arguments.keys():
        return phase
    kept = {name: value for name, value in arguments.items() if name not in hidden}
    return {**as_object(phase), "arguments": kept}


def with_private(document: Document, private: object) -> Document:
    """Return the document with private values put in, for one check or one run.

    Args:
        document: The document.
        private: Phase ids, with the values by argument; anything else counts for nothing.
    """
    given = as_object(private)
    if not given:
        return document
    phases: list[Any] = []
    for one in phases_of(document):
        hidden, values = _private_of(one), as_object(given.get(str(one.get("id"))))
        own = {name: value for name, value in values.items() if name in hidden}
        arguments = {**as_object(one.get("arguments")), **own}
        phases.append({**one, "arguments": arguments} if own else one)
    return {**document, "phases": phases}


def _private_of(phase: Any) -> frozenset[str]:
    name = as_object(phase).get("type")
    kind = ja.job_types().get(name) if isinstance(name, str) else None
    return frozenset() if kind is None else kind.options.private


class KnownValues:
    """Remembers the arguments of phases exactly, and finds them again in what a browser returns."""

    def __init__(self) -> None:
        self._arguments: dict[str, Any] = {}

    def note(self, document: Document) -> None:
        """Remember a document."""
        for one in phases_of(document):
            if isinstance(one.get("id"), str):
                self._arguments[one["id"]] = (one.get("arguments"), one.get("weight"))

    def exact(self, document: Document) -> Document:
        """Return the document with its unchanged values as they were known."""
        phases: list[Any] = []
        for one in phases_of(document):
            known = self._arguments.get(str(one.get("id")))
            if known is None:
                phases.append(one)
                continue
            arguments = _exact(one.get("arguments"), known[0])
            weight = _exact(one.get("weight"), known[1])
            phases.append({**one, "arguments": arguments, "weight": weight})
        return {**document, "phases": phases}


def _exact(new: object, old: object) -> object:
    """Return ``old`` where a browser sees no difference."""
    if _is_object(new) and _is_object(old):
        return {n: _exact(v, old[n]) if n in old else v for n, v in new.items()}
    if _is_list(new) and _is_list(old):
        return [_exact(v, old[i]) if i < len(old) else v for i, v in enumerate(new)]
    if _is_number(new) and _is_number(old):
        return old if _in_browser(new, old) else new
    return new


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_browser(one: Any, other: Any) -> bool:
    try:
        return float(one) == float(other)
    except OverflowError:
        return bool(one == other)


# --- what is saved with a notebook -----------------------------------------------------------


def html_list(document: Document) -> str:
    """Return the phases as one escaped HTML list without script."""
    items = "".join(f"<li>{escape(line)}</li>" for line in _lines(document))
    return f"<p>{escape(_head(document))}</p><ol>{items}</ol>"


def text_list(document: Document) -> str:
    """Return the same as plain text."""
    lines = [f"{number}. {line}" for number, line in enumerate(_lines(document), 1)]
    return "\n".join([_head(document), *lines])


def _head(document: Document) -> str:
    name, count = document.get("name"), len(phases_of(document))
    phases = "1 phase" if count == 1 else f"{count} phases"
    return safe_text(f"Chain {name}: {phases}" if name else f"Chain of {phases}", LONGEST_NAME)


def _lines(document: Document) -> list[str]:
    return [_line(one) for one in phases_of(without_private(document))[:_MOST_SHOWN]]


def _line(one: Mapping[str, Any]) -> str:
    given = as_object(one.get("arguments"))
    said = ", ".join(f"{name}={_short(value)}" for name, value in given.items())
    name, kind = str(one.get("name", "")), str(one.get("type", ""))
    title = name if name == kind else f"{name} ({kind})"
    off = "" if one.get("enabled", True) else " · switched off"
    return safe_text(f"{title}: {said}{off}" if said else f"{title}{off}", 4 * LONGEST_NAME)


def _short(value: Any) -> str:
    match value:
        case {"$result_of": str(phase)}:
            return f"the result of {phase}"
        case _:
            return safe_text(repr(value), _LONGEST_VALUE)


def places_by_key(document: Document) -> dict[str, int]:
    """Return the place of each enabled phase by the name that a running chain has for it."""
    places: dict[str, int] = {}
    seen: dict[str, int] = {}
    for place, one in enumerate(phases_of(document)):
        if one.get("enabled", True):
            name = str(one.get("name"))
            seen[name] = seen.get(name, 0) + 1
            places[name if seen[name] == 1 else f"{name} ({seen[name]})"] = place
    return places


def shares(document: Document) -> Sequence[float]:
    """Return the share of each phase in the progress of the whole, from 0 to 1."""
    weights = [
        float(one.get("weight", 50)) if one.get("enabled", True) else 0.0
        for one in phases_of(document)
    ]
    total = sum(weights) or 1.0
    return [weight / total for weight in weights]
