"""Chains in words: phases, what each needs of earlier ones, and what became of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from msgspec import Struct

from .checks import is_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

CHAIN_TYPE: Final = "chain"
"""The job type that chains are."""
NO_ARGUMENTS: Final[Mapping[str, Any]] = {}
_REFERENCE: Final = "$result_of"


class ResultOf(Struct, frozen=True):
    """Stands in a phase's arguments for what an earlier phase returned."""

    phase: str
    """The earlier phase's name."""


class ItemError(Struct, frozen=True):
    """An error of one item that did not stop the others."""

    item: str
    """Which item."""
    error: str
    """The error's type and message."""

    def __str__(self) -> str:
        return f"{self.item}: {self.error}"


def _check_name(value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"a phase's name is text, not {value!r:.100}")
    if not value:
        raise ValueError("a phase's name is not empty")


def _check_weight(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a phase's weight is a number, not {value!r:.100}")
    if not 0 < value < float("inf"):
        raise ValueError(f"a phase's weight is a number above 0, not {value}")


def _check_work(value: object) -> None:
    if not (callable(value) or (isinstance(value, str) and value)):
        raise TypeError(f"a phase takes a function or the name of a job type, not {value!r:.100}")


def _check_arguments(value: object) -> None:
    if not is_mapping(value) or not all(isinstance(name, str) for name in value):
        raise TypeError(
            'a phase takes its arguments as one dictionary: ja.phase("Index", index, '
            '{"folder": "wiki/"})'
        )


def as_phase_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Accept one phase's name or several.

    Raises:
        TypeError: for anything but texts.
    """
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"after= takes names of phases, not {name!r:.100}")
    return names


class Phase(Struct, frozen=True):
    """One phase of a chain.  Made by :func:`~jobactors.phase`."""

    name: str
    """What a person reads, and what other phases call it."""
    work: Callable[..., Any] | str
    """A function, or the name of a job type."""
    arguments: Mapping[str, Any] = NO_ARGUMENTS
    """What it is called with, by name."""
    weight: float = 50
    """Its share of the whole, beside the other phases' weights."""
    after: tuple[str, ...] = ()
    """Phases that must come before it, if they are in the chain at all."""

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_work(self.work)
        _check_arguments(self.arguments)
        _check_weight(self.weight)

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


class ChainProblem(Struct, frozen=True):
    """Something about a chain that a person should know before it starts."""

    severity: Literal["error", "warning"]
    """With an error it is not started."""
    phase: str
    """Which phase it is about; empty for the whole chain."""
    text: str
    """What is wrong, and what to do."""

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
        raise TypeError(f'a phase is {{"name": …, "type": …}}, not {value!r:.100}')
    unknown = value.keys() - {"name", "type", "arguments", "weight", "after"}
    if unknown or "type" not in value:
        what = f"{sorted(unknown)} is not known" if unknown else '"type" is missing'
        raise ValueError(
            f'a phase has "name", "type", "arguments", "weight" and "after"; {what}: {value!r:.100}'
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


# -- what became of it


class PhaseResult(Struct, frozen=True):
    """What became of one phase."""

    name: str
    """The phase's name; the second of one name is "Index (2)"."""
    status: Literal["completed", "failed", "cancelled", "skipped"]
    """"skipped": it was not begun, because an earlier one did not complete."""
    value: Any = None
    """What it returned; None if that was in an earlier process and could not be kept."""
    kept_from_before: bool = False
    """Whether it was completed by an earlier attempt or job, and not run again."""
    errors: tuple[ItemError, ...] = ()
    """The errors of single items that it has collected."""


class ChainResult(Struct, frozen=True):
    """What became of a chain."""

    status: Literal["succeeded", "failed", "cancelled"]
    """As the job's own state."""
    message: str
    """One sentence for a person."""
    phases: tuple[PhaseResult, ...]
    """All phases, in order."""
    resumed: bool = False
    """Whether it went on from a checkpoint."""
    stopped_at: str | None = None
    """The phase in which it stopped; None if it came to its end."""
    reason: str | None = None
    """Why it stopped: the error, or the reason of the cancel."""
    notes: tuple[str, ...] = ()
    """What else to know, such as a phase that had to be run again."""

    @property
    def success(self) -> bool:
        """Whether every phase is completed."""
        return self.status == "succeeded"

    @property
    def completed(self) -> tuple[str, ...]:
        """The names of the completed phases."""
        return self._named("completed")

    @property
    def skipped(self) -> tuple[str, ...]:
        """The names of the phases that were not begun."""
        return self._named("skipped")

    @property
    def results(self) -> dict[str, Any]:
        """What the completed phases returned, by name."""
        return {phase.name: phase.value for phase in self.phases if phase.status == "completed"}

    @property
    def errors(self) -> tuple[ItemError, ...]:
        """The errors of single items, of all phases."""
        return tuple(error for phase in self.phases for error in phase.errors)

    def _named(self, status: str) -> tuple[str, ...]:
        return tuple(phase.name for phase in self.phases if phase.status == status)

    def __repr__(self) -> str:
        # Values stay out: they may be huge, and hold what nobody should see in a log.
        return f"<ChainResult {self.status}: {self.message}>"
