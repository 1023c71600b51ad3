"""Chains in words: phases, and the results of earlier ones that each needs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast

from attrs import field, frozen
from msgspec import Struct

from .checks import Field, is_mapping, is_number, is_of, shown
from .field_docs import documented
from .runner_value import RunnerValue, check_runner

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


def _switch(phase: Phase, field: Field, value: Any) -> None:
    del phase, field
    if not isinstance(value, bool):
        raise TypeError(f"a phase is enabled or not, True or False, not {shown(value)}")


def _id(phase: Phase, field: Field, value: Any) -> None:
    del phase, field
    if not isinstance(value, str):
        raise TypeError(f"a phase's id is text, not {shown(value)}")


def _runner(phase: Phase, field: Field, value: Any) -> None:
    del phase, field
    if value is not None:
        check_runner("ja.phase(runner=…)", value)


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
    enabled: bool = field(default=True, validator=_switch)
    """Whether it is run; one that is switched off stays in documents alone."""
    id: str = field(default="", eq=False, validator=_id)
    """Identifies it in a document, through all edits; without a meaning for a run."""
    runner: str | RunnerValue | None = field(
        default=None, hash=False, kw_only=True, validator=_runner
    )
    """The runner that runs it alone; None for that of its job type, or where its chain runs."""

    @property
    def needs(self) -> frozenset[str]:
        """The phases whose results are among its arguments."""
        return frozenset(name for one in self.arguments.values() for name in _references(one))

    @property
    def waiting(self) -> frozenset[str]:
        """The arguments that hold the result of another phase, and have no value before it."""
        return frozenset(name for name, value in self.arguments.items() if any(_references(value)))


def _references(value: Any) -> Iterable[str]:
    if is_of(value, ResultOf):
        yield value.phase
    elif type(value) is dict:
        for inner in cast("dict[str, object]", value).values():
            yield from _references(inner)
    elif type(value) is list or type(value) is tuple:
        for inner in cast("list[object]", value):
            yield from _references(inner)


def filled_in(value: Any, result_of: Callable[[str], Any]) -> Any:
    """Return ``value`` with results in the place of what stands for them."""
    if is_of(value, ResultOf):
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
    path: str = ""
    """The argument that it is about, and the way inside it; empty for the whole phase."""
    places: tuple[int, ...] = ()
    """The places of the phases that it is about, from 0, that of ``phase`` first."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.phase, self.path, self.text) if part)


class ChainProblems(list[ChainProblem]):
    """The problems of a chain: a list like any other, that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        from .html_table import counted, html_table  # for a notebook alone

        errors = sum(problem.severity == "error" for problem in self)
        warnings = counted(len(self) - errors, "warning")
        caption = f"{counted(errors, 'error')}, {warnings}" if self else "No problems"
        rows = [(one.severity, one.phase, one.path, one.text) for one in self]
        return html_table(caption, ("", "phase", "argument", "problem"), rows)
