"""The JSON schemas of what requests bring: their bodies, and the values in their queries."""

from __future__ import annotations

from typing import Any, Final

from jobactors.engine.api.outside_commands import OPTIONS
from jobactors.model.chain_document import OPTIONS as CHAIN_OPTIONS
from jobactors.model.job_type import job_types
from jobactors.model.options import LONGEST_TEXT, PRIORITIES
from jobactors.model.states import JobState

from .job_routes import CHANGEABLE, MOST_LISTED

Schema = dict[str, Any]

ANY: Final[Schema] = {"type": "object"}
REASON: Final[Schema] = {"type": "object", "properties": {"reason": {"type": ["string", "null"]}}}
"""The body of a command, which may have none."""

_TEXT: Final[Schema] = {"type": "string", "maxLength": LONGEST_TEXT}
_SECONDS: Final[Schema] = {
    "type": "number",
    "minimum": 0,
    "description": "Seconds, up to ten years",
}
_OPTIONAL_SECONDS: Final[Schema] = {**_SECONDS, "type": ["number", "null"]}
_NAMES: Final[Schema] = {"type": ["string", "array"], "items": {"type": "string"}}
_VALUES: Final[dict[str, Schema]] = {
    "name": _TEXT,
    "description": _TEXT,
    "subject": _TEXT,
    "tags": _NAMES,
    "metadata": ANY,
    "icon": _TEXT,
    "priority": {"anyOf": [{"enum": [*PRIORITIES]}, {"type": "integer"}]},
    "key": {"type": ["string", "integer", "null"], "description": "One unfinished job a key"},
    "on_duplicate": {"enum": ["return", "raise", "replace"]},
    "resources": {
        "type": ["string", "array", "object"],
        "items": {"type": "string"},
        "description": "A name, several, or the units of each",
    },
    "on_busy": {"enum": ["wait", "raise"]},
    "hold": {"type": "boolean"},
    "start_at": {"type": ["number", "null"], "description": "Seconds since the epoch"},
    "retry": {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            "max": {"type": "integer", "minimum": 1},
            "base": _SECONDS,
            "factor": {"type": "number", "minimum": 0},
            "jitter": {"type": "number", "minimum": 0, "maximum": 1},
            "longest": _SECONDS,
        },
    },
    "timeout": _OPTIONAL_SECONDS,
    "start_deadline": _OPTIONAL_SECONDS,
    "grace": _SECONDS,
    "on_checkpoint": {"enum": ["resume", "fresh", "ask", None]},
    "log_limit": {"type": "integer", "minimum": 0, "description": "Bytes of its log in memory"},
}
"""The options that come as JSON; what a value means is said where it is refused."""

_QUERIES: Final[dict[str, Schema]] = {
    "state": {
        "type": "string",
        "description": f"Some of {', '.join(JobState)}, unfinished, finished; commas between them",
    },
    "limit": {"type": "integer", "minimum": 0, "description": f"{MOST_LISTED} at most"},
    "after": {"type": "string", "description": "The `next` of the page before"},
    "from": {"type": "integer", "minimum": 0, "description": "The `next` of the lines before"},
}


def of_query(name: str) -> Schema:
    """Return the schema of a parameter in a query."""
    return _QUERIES.get(name, {"type": "string"})


def of_submit() -> Schema:
    """Return that of a submit, with the types that are registered now."""
    return {
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {"type": "string", "enum": list(job_types())},
            "arguments": {
                "type": ["object", "null"],
                "description": "As the schema of the type: see /types",
            },
            "options": {**_options(OPTIONS), "type": ["object", "null"]},
        },
    }


def of_change() -> Schema:
    """Return that of a change of a job."""
    return _options(CHANGEABLE)


def of_chain() -> Schema:
    """Return that of a chain, as a builder makes it."""
    phase = {
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string"},
            "type": {"type": "string"},
            "name": {"type": "string"},
            "weight": {"type": "number", "exclusiveMinimum": 0},
            "arguments": {
                "type": "object",
                "description": 'A value is JSON, or {"$result_of": the name of an earlier phase}',
            },
            "after": _NAMES,
            "enabled": {"type": "boolean"},
            "runner": {"type": "string", "description": "The name of its own; else the chain's"},
        },
    }
    return {
        "type": "object",
        "required": ["phases"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1},
            "name": {"type": "string"},
            "phases": {"type": "array", "items": phase},
            "options": _options(CHAIN_OPTIONS),
        },
    }


def _options(names: frozenset[str]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _VALUES[name] for name in sorted(names)},
    }
