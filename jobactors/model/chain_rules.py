"""The order of a chain's phases: what each needs before it, and what its type does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .job_type import JobType, job_type_of, types_known_as
from .phases import ChainProblem

if TYPE_CHECKING:
    from .phases import Phase


def problems_of_order(phases: Sequence[Phase]) -> list[ChainProblem]:
    """Find out whether each phase comes after those that it needs.

    Phases that are switched off are left out, and count for nothing.  Places are those among all.
    """
    placed = [(place, one) for place, one in enumerate(phases) if one.enabled]
    if not placed:
        text = "every phase is switched off" if phases else "a chain has at least one phase"
        return [ChainProblem("error", "", text)]
    found: list[ChainProblem] = []
    for i, (place, one) in enumerate(placed):
        before, later = placed[:i], placed[i + 1 :]
        found += _of_results(place, one, before, placed[i:], phases)
        found += _of_names(place, one, before, later)
        found += _of_types(place, one, before, later)
    return found


_Placed = Sequence[tuple[int, "Phase"]]


def _of_results(
    place: int, one: Phase, before: _Placed, rest: _Placed, phases: Sequence[Phase]
) -> Iterator[ChainProblem]:
    earlier = {other.name for _, other in before}
    for needed in sorted(one.needs - earlier):
        where = _places_of(needed, rest)
        if where:
            why = "comes later"
        elif any(other.name == needed for other in phases):
            why = "is switched off"
        else:
            why = "is not in this chain"
        text = f"it takes the result of {needed!r}, which {why}"
        places = tuple(dict.fromkeys((place, *where)))
        yield ChainProblem("error", one.name, text, places=places)


def _of_names(place: int, one: Phase, before: _Placed, later: _Placed) -> Iterator[ChainProblem]:
    for needed in one.after:
        if _places_of(needed, before):
            continue
        where = _places_of(needed, later)
        if where:
            text = f"{needed!r} has to come before it"
            yield ChainProblem("error", one.name, text, places=(place, *where))
        else:
            text = f"it usually comes after {needed!r}, which is not in this chain"
            yield ChainProblem("warning", one.name, text, places=(place,))


def _of_types(place: int, one: Phase, before: _Placed, later: _Placed) -> Iterator[ChainProblem]:
    """Apply the rule of the phase's job type: ``@ja.job("index", needs="metadata")``."""
    for kind in _types_of(one):
        for needed in kind.needs:
            if any(_is_of(other, needed) for _, other in before):
                continue
            where = tuple(at for at, other in later if _is_of(other, needed))
            if where:
                text = f"{needed} must come before {kind.name}"
                yield ChainProblem("error", one.name, text, places=(place, *where))
            else:
                text = f"{kind.name} needs {needed}, which is not in this chain"
                yield ChainProblem("warning", one.name, text, places=(place,))


def _types_of(one: Phase) -> tuple[JobType, ...]:
    if isinstance(one.work, str):
        found = types_known_as(one.work)
        return found if len(found) == 1 else ()
    kind = job_type_of(one.work)
    return () if kind is None else (kind,)


def _is_of(one: Phase, name: str) -> bool:
    return any(name in {kind.name, *kind.aliases} for kind in _types_of(one))


def _places_of(name: str, among: _Placed) -> tuple[int, ...]:
    return tuple(place for place, other in among if other.name == name)
