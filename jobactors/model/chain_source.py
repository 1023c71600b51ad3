"""A chain as Python source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from .checks import is_mapping
from .phases import Phase, ResultOf

_WIDTH: Final = 88
_INDENT: Final = " " * 4


def source_of_chain(
    phases: Sequence[Phase], types: Sequence[str], name: str, options: Mapping[str, Any]
) -> str:
    """Return Python source that makes the chain, with JSON arguments, as ``chain``."""
    parts = [_phase(*pair) for pair in zip(phases, types, strict=True)]
    if name:
        parts.append(f"name={name!r}")
    if options:
        parts.append(f"options={_literal(dict(options))}")
    return f"import jobactors as ja\n\nchain = {_call('ja.chain', parts)}\n"


def _phase(phase: Phase, type_name: str) -> str:
    parts = [repr(phase.name), repr(type_name)]
    if phase.arguments:
        parts.append(_literal(dict(phase.arguments)))
    if phase.weight != 50:  # noqa: PLR2004 - the default of ja.phase
        parts.append(f"weight={phase.weight!r}")
    if phase.after:
        after = phase.after[0] if len(phase.after) == 1 else list(phase.after)
        parts.append(f"after={after!r}")
    if not phase.enabled:
        parts.append("enabled=False")
    if phase.runner is not None:
        parts.append(f"runner={phase.runner!r}")
    return _call("ja.phase", parts)


def _call(function: str, parts: Sequence[str]) -> str:
    return _enclosed(f"{function}(", parts, ")")


def _literal(value: Any) -> str:
    if isinstance(value, ResultOf):
        return f"ja.result_of({value.phase!r})"
    if is_mapping(value):
        return _enclosed("{", [f"{key!r}: {_literal(inner)}" for key, inner in value.items()], "}")
    if isinstance(value, list):
        return _enclosed("[", [_literal(inner) for inner in cast("list[object]", value)], "]")
    return repr(value)


def _enclosed(start: str, parts: Sequence[str], end: str) -> str:
    """Return the parts on one line if there is room, or else on a line each."""
    line = f"{start}{', '.join(parts)}{end}"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    inner = "".join(f"{part},\n" for part in parts)
    indented = "".join(f"{_INDENT}{each}" for each in inner.splitlines(keepends=True))
    return f"{start}\n{indented}{end}"
