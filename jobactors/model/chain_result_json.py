"""The result of a chain as JSON, so that it can be read in a later process."""

from __future__ import annotations

from typing import Any, Literal, cast

from .chain_result import ChainResult, ItemError, PhaseResult
from .exact import NotExact, exact_json
from .outcome import NotKept

_STATUSES = frozenset({"succeeded", "failed", "cancelled", "completed", "skipped"})


def chain_result_as_json(result: ChainResult) -> dict[str, Any]:
    """Describe a result; of a phase's value that JSON cannot hold, the name of its type."""
    return {
        "status": result.status,
        "message": result.message,
        "phases": [_phase_as_json(phase) for phase in result.phases],
        "resumed": result.resumed,
        "stopped_at": result.stopped_at,
        "reason": result.reason,
        "notes": list(result.notes),
    }


def _phase_as_json(phase: PhaseResult) -> dict[str, Any]:
    described: dict[str, Any] = {"name": phase.name, "status": phase.status}
    try:
        exact_json(phase.value)
        described["value"] = phase.value
    except NotExact as exc:
        described["type"] = exc.kind if not isinstance(phase.value, NotKept) else phase.value.type
    if phase.kept_from_before:
        described["kept_from_before"] = True
    if phase.errors:
        described["errors"] = [[error.item, error.error] for error in phase.errors]
    return described


def chain_result_from_json(described: Any) -> ChainResult:
    """Read what :func:`chain_result_as_json` wrote.

    Raises:
        ValueError: if it is no such thing.
    """
    match described:
        case {
            "status": str(status),
            "message": str(message),
            "phases": [*phases],
            "resumed": bool(resumed),
            "stopped_at": (str() | None) as stopped_at,
            "reason": (str() | None) as reason,
            "notes": [*notes],
        } if status in _STATUSES and all(isinstance(note, str) for note in notes):
            return ChainResult(
                cast("Literal['succeeded', 'failed', 'cancelled']", status),
                message,
                tuple(_phase_from_json(phase) for phase in phases),
                resumed,
                stopped_at,
                reason,
                tuple(notes),
            )
        case _:
            raise ValueError("the result of the chain has another form")


def _phase_from_json(described: Any) -> PhaseResult:
    match described:
        case {"name": str(name), "status": str(status)} if status in _STATUSES:
            value = (
                NotKept(str(described["type"])) if "type" in described else described.get("value")
            )
            return PhaseResult(
                name,
                cast("Literal['completed', 'failed', 'cancelled', 'skipped']", status),
                value,
                described.get("kept_from_before") is True,
                tuple(
                    ItemError(str(item), str(error)) for item, error in described.get("errors", [])
                ),
            )
        case _:
            raise ValueError("a phase of the chain's result has another form")
