"""Chains in words: phases, and the results of earlier ones that each needs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast

from attrs import field, frozen
from msgspec import Struct

from .checks import Field, is_mapping, is_number, shown
from .field_docs import documented

CHAIN_TYPE: Final = "chain"
"""The job type that chains are."""
NO_ARGUMENTS: Final[Mapping[str, Any]] = {}
_REFERENCE: Final = "$result_of"


class ResultOf(Struct, frozen=True):
    """Stands in a phase's arguments for what an earlier phase returned."""

    phase: str
    """The earlier phase's name."""


def _name(phase: Phase, field: Field, value: Any) -> None:
    del phase, field
    if not isinstance(value, str):
        raise TypeError(f"a phase's name is text, not {shown(value)}")
    if not value:
        raise ValueError("a phase's name is not empty")


def _work(phase: Phase, field: Field, value: Any) -> None:
    del phase, field
    if not (callable(value) or (isinstance(value, str) and value)):
        raise TypeError(f"a phase takes a function or the name of a job type, not {shown(value)}")


def _arguments(phase: Phase, field: Field, value: Any) -> None:
    del phase, field
    if not is_mapping(value) or not all(isinstance(name, str) for name in value):
        raise TypeError(
            'a phase takes its arguments as one dictionary: ja.phase("Index", index, '
            '{"folder": "wiki/"})'
        )


def _weight(phase: Phase, field: Field, value: Any) -> None:
    del phase, field
    if not is_number(value):
        raise TypeError(f"a phase's weight is a number, not {shown(value)}")
    if not 0 < value < math.inf:
        raise ValueError(f"a phase's weight is a number above 0, not {shown(value)}")


def as_phase_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Accept one phase's name or several.

    Raises:
        TypeError: for anything but texts.
    """
    given: object = value
    if not isinstance(given, Iterable):
        raise TypeError(f"after= takes names of phases, not {shown(given)}")
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"after= takes names of phases, not {shown(name)}")
    return names


@documented
@frozen
class Phase:
    """One phase of a chain.  Made by :func:`~jobactors.phase`.

    Raises:
        TypeError, ValueError: for what no chain could run.
    """

    name: str = field(validator=_name)
    """The label that a person reads, and by which other phases call it."""
    work: Callable[..., Any] | str = field(validator=_work)
    """A function, or the name of a job type."""
    arguments: Mapping[str, Any] = field(hash=False, default=NO_ARGUMENTS, validator=_arguments)
    """The arguments it is called with, by name."""
    weight: float = field(default=50, validator=_weight)
    """Its share of the whole, beside the other phases' weights; above 0."""
    after: tuple[str, ...] = field(default=(), converter=as_phase_names)
    """The phases that must come before it, if they are in the chain at all."""

    @property
    def needs(self) -> frozenset[str]:
        """The phases whose results are among its arguments."""
        return frozenset(_references(self.arguments))


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, ResultOf):
        yield value.phase
    elif is_mapping(value):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Iterable[object]", value):
            yield from _references(inner)


def filled_in(value: Any, result_of: Callable[[str], Any]) -> Any:
    """Return ``value`` with results in the place of what stands for them."""
    if isinstance(value, ResultOf):
        return result_of(value.phase)
    if type(value) is dict:
        items = cast("dict[str, object]", value).items()
        return {name: filled_in(inner, result_of) for name, inner in items}
    if type(value) is list:
        return [filled_in(inner, result_of) for inner in cast("list[object]", value)]
    if type(value) is tuple:
        return tuple(filled_in(inner, result_of) for inner in cast("tuple[object, ...]", value))
    return value


def keys_of(phases: Sequence[Phase]) -> list[str]:
    """Return a name for each phase that no other one has: the second "Index" is "Index (2)"."""
    seen: Counter[str] = Counter()
    keys: list[str] = []
    for phase in phases:
        seen[phase.name] += 1
        count = seen[phase.name]
        keys.append(phase.name if count == 1 else f"{phase.name} ({count})")
    return keys


@documented
class ChainProblem(Struct, frozen=True):
    """A fault of a chain, found before it starts."""

    severity: Literal["error", "warning"]
    """An "error" prevents the start, a "warning" does not."""
    phase: str
    """The phase it is about; empty for the whole chain."""
    text: str
    """The fault, and its cure."""

    def __str__(self) -> str:
        return f"{self.phase}: {self.text}" if self.phase else self.text


def problems_of_order(phases: Sequence[Phase]) -> list[ChainProblem]:
    """Find out whether each phase comes after those that it needs."""
    found = [] if phases else [ChainProblem("error", "", "a chain has at least one phase")]
    names = [phase.name for phase in phases]
    for i, phase in enumerate(phases):
        before = set(names[:i])
        for needed in sorted(phase.needs - before):
            where = "comes later" if needed in names[i:] else "is not in this chain"
            text = f"it takes the result of {needed!r}, which {where}"
            found.append(ChainProblem("error", phase.name, text))
        for needed in phase.after:
            if needed in before:
                continue
            if needed in names[i + 1 :]:
                text = f"{needed!r} has to come before it"
                found.append(ChainProblem("error", phase.name, text))
            else:
                text = f"it usually comes after {needed!r}, which is not in this chain"
                found.append(ChainProblem("warning", phase.name, text))
    return found


# -- as JSON


def phase_as_json(phase: Phase, type_name: str) -> dict[str, Any]:
    """Describe a phase whose function is registered as ``type_name``."""
    return {
        "name": phase.name,
        "type": type_name,
        "arguments": _marked(phase.arguments),
        "weight": phase.weight,
        "after": list(phase.after),
    }


def _marked(value: Any) -> Any:
    if isinstance(value, ResultOf):
        return {_REFERENCE: value.phase}
    if is_mapping(value):
        return {name: _marked(inner) for name, inner in value.items()}
    if type(value) is list:
        return [_marked(inner) for inner in cast("list[object]", value)]
    return value


def phase_from_json(value: Any) -> Phase:
    """Read what :func:`phase_as_json` made, or a person wrote.

    Raises:
        TypeError, ValueError: if it is no description of a phase.
    """
    if not is_mapping(value):
        raise TypeError(f'a phase is {{"name": …, "type": …}}, not {shown(value)}')
    unknown = value.keys() - {"name", "type", "arguments", "weight", "after"}
    if unknown or "type" not in value:
        what = f"{sorted(unknown)} is not known" if unknown else '"type" is missing'
        raise ValueError(
            f'a phase has "name", "type", "arguments", "weight" and "after"; {what}: {shown(value)}'
        )
    kind = value["type"]
    return Phase(
        value.get("name", kind),
        kind,
        _unmarked(value.get("arguments", {})),
        value.get("weight", 50),
        as_phase_names(value.get("after", ())),
    )


def _unmarked(value: Any) -> Any:
    if is_mapping(value):
        if list(value) == [_REFERENCE]:
            return ResultOf(value[_REFERENCE])
        return {name: _unmarked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_unmarked(inner) for inner in cast("list[object]", value)]
    return value
