"""Chains as JSON documents: what a builder edits, a template holds, and a person may write.

A document names job types, and holds no code::

    {
        "version": 1,
        "name": "Rebuild",
        "phases": [
            {"id": "", "type": "clear", "name": "Clear", "weight": 10, "arguments": {},
             "after": [], "enabled": true},
            {"id": "", "type": "index", "name": "Index", "weight": 90,
             "arguments": {"pages": {"$result_of": "Clear"}}, "after": [], "enabled": true}
        ],
        "options": {"subject": "wiki"}
    }

Only ``phases`` is required, and of a phase its ``type``.  What is written is complete, and is
written again exactly as it was read.  A phase with a runner of its own has its name as
``"runner"``.  Private arguments are never written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from msgspec import Struct

from .checks import is_mapping, shown
from .exact import exact_json, from_json
from .job_type import types_known_as
from .options import DEFAULTS
from .phases import Phase, ResultOf, as_phase_names

VERSION: Final = 1
_REFERENCE: Final = "$result_of"
_PHASE_KEYS: Final = ("id", "type", "name", "weight", "arguments", "after", "enabled", "runner")
_DOCUMENT_KEYS: Final = ("version", "name", "phases", "options")
OPTIONS: Final = frozenset(
    {"subject", "description", "tags", "icon", "metadata", "priority", "key", "resources"}
    | {"on_busy", "on_duplicate", "on_checkpoint", "hold", "timeout", "start_deadline", "grace"}
)
"""The job options that a chain can have of its own: those that are JSON."""


class ChainDocument(Struct, frozen=True):
    """A document that was read."""

    phases: tuple[Phase, ...]
    name: str
    options: dict[str, Any]


# --- reading ----------------------------------------------------------------------------------


def read_document(document: object) -> ChainDocument:
    """Read a document, or its text.  Job types need not be registered here.

    Raises:
        TypeError, ValueError: if it is none; the message names the place.
    """
    given: object = from_json(document) if isinstance(document, str) else document
    if not is_mapping(given):
        raise TypeError(f'a chain is {{"phases": […]}} in JSON, not {shown(given)}')
    exact_json(given, "the document")
    _refuse_unknown("a chain", given, _DOCUMENT_KEYS)
    version = given.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise ValueError(
            f"this document has the version {shown(version)}, and this jobactors reads {VERSION}: "
            "it was written by a newer one"
        )
    if "phases" not in given:
        raise ValueError('"phases" is missing: a chain is {"phases": [{"type": …}, …]}')
    phases, name = given["phases"], given.get("name", "")
    if not isinstance(phases, list):
        raise TypeError(f"phases are a list, not {shown(phases)}")
    if not isinstance(name, str):
        raise TypeError(f"a chain's name is text, not {shown(name)}")
    options = checked_options(given.get("options", {}))
    numbered = enumerate(cast("list[object]", phases), 1)
    return ChainDocument(tuple(_numbered(*one) for one in numbered), name, options)


def checked_options(value: object) -> dict[str, Any]:
    """Return the options of a chain, or refuse them.

    Raises:
        TypeError, ValueError: for options that no chain can have.
    """
    if not is_mapping(value):
        raise TypeError(f"a chain's options are a dictionary, not {shown(value)}")
    unknown = sorted(str(name) for name in value.keys() - OPTIONS)
    if unknown:
        known = ", ".join(sorted(OPTIONS))
        raise ValueError(f"a chain has no option {', '.join(unknown)}; there are: {known}")
    exact_json(dict(value), "options")
    DEFAULTS.changed(**value)
    return dict(value)


def _numbered(number: int, value: object) -> Phase:
    try:
        return phase_from_json(value)
    except (TypeError, ValueError) as exc:
        raise type(exc)(f"phase {number}: {exc}") from None


def phase_from_json(value: object) -> Phase:
    """Read what :func:`phase_as_json` made, or a person wrote.

    Raises:
        TypeError, ValueError: if it is no description of a phase.
    """
    if not is_mapping(value):
        raise TypeError(f'a phase is {{"name": …, "type": …}}, not {shown(value)}')
    _refuse_unknown("a phase", value, _PHASE_KEYS)
    if "type" not in value:
        raise ValueError(f'"type" is missing: a phase is {{"type": …}}, not {shown(value)}')
    kind = value["type"]
    if not isinstance(kind, str) or not kind:
        raise TypeError(f"a phase's type is the name of a job type, not {shown(kind)}")
    return Phase(
        value.get("name", kind),
        kind,
        _unmarked(value.get("arguments", {})),
        value.get("weight", 50),
        as_phase_names(value.get("after", ())),
        value.get("enabled", True),
        value.get("id", ""),
        runner=_runner_name(value.get("runner")),
    )


def _runner_name(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"a phase's runner is the name of one, not {shown(value)}")


def _refuse_unknown(what: str, value: Mapping[Any, Any], known: Sequence[str]) -> None:
    unknown = [key for key in value if key not in known]
    if unknown:
        listed = ", ".join(f'"{key}"' for key in known)
        raise ValueError(f"{what} has {listed}, and no {shown(unknown[0])}")


def _unmarked(value: Any) -> Any:
    if is_mapping(value):
        if list(value) == [_REFERENCE]:
            phase = value[_REFERENCE]
            if not isinstance(phase, str):
                raise TypeError(f'"{_REFERENCE}" names a phase, not {shown(phase)}')
            return ResultOf(phase)
        return {name: _unmarked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_unmarked(inner) for inner in cast("list[object]", value)]
    return value


# --- writing ----------------------------------------------------------------------------------


def document_of(
    phases: Sequence[Phase], types: Sequence[str], name: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document of a chain whose phases are of these job types.

    Raises:
        NotExact: if JSON cannot hold an argument.
    """
    document = {
        "version": VERSION,
        "name": name,
        "phases": [_phase_in_full(*pair) for pair in zip(phases, types, strict=True)],
        "options": dict(options),
    }
    exact_json(document, "the chain")
    return document


def _phase_in_full(phase: Phase, type_name: str) -> dict[str, Any]:
    said = phase_as_json(phase, type_name)
    hidden = private_names(type_name)
    shown_arguments = {n: one for n, one in said["arguments"].items() if n not in hidden}
    return {"id": phase.id, **said, "arguments": shown_arguments, "enabled": phase.enabled}


def phase_as_json(phase: Phase, type_name: str) -> dict[str, Any]:
    """Describe a phase whose function is registered as ``type_name``, private arguments included.

    This is for a run, and is stored only where nothing is private.
    """
    said = {
        "name": phase.name,
        "type": type_name,
        "arguments": _marked(phase.arguments),
        "weight": phase.weight,
        "after": list(phase.after),
    }
    runner = phase.runner
    if runner is not None:  # most have none, and documents of older versions know of none
        said["runner"] = runner if isinstance(runner, str) else runner.name
    return said


def private_names(type_name: str) -> frozenset[str]:
    """Return the private arguments of the type, or types, of this name."""
    return frozenset[str]().union(*(kind.options.private for kind in types_known_as(type_name)))


def _marked(value: Any) -> Any:
    if isinstance(value, ResultOf):
        return {_REFERENCE: value.phase}
    if is_mapping(value):
        return {name: _marked(inner) for name, inner in value.items()}
    if type(value) is list:
        return [_marked(inner) for inner in cast("list[object]", value)]
    return value
