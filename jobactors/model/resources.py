"""Named capacities, and the holdings of jobs: pure tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from .checks import is_mapping, shown
from .errors import TooMuch
from .field_docs import documented
from .rate import Rate, RateWindow

NO_NEEDS: Final[Mapping[str, int]] = {}


@documented
class Holding(Struct, frozen=True):
    """The units of one resource that one job holds."""

    job_id: str
    """The id of the job."""
    units: int
    """The number of units it holds."""
    operation: str = ""
    """The purpose, in the job's own words; may be empty."""


@documented
class ResourceState(Struct, frozen=True):
    """The state of one resource."""

    name: str
    """The name of the resource."""
    capacity: int
    """The number of units in all."""
    holders: tuple[Holding, ...]
    """The jobs that hold units of it, and how many; none for a rate."""
    per: float | None = None
    """The seconds of a rate's period, in which ``capacity`` units may be taken; None for what is
    held."""
    used: int = 0
    """The units of a rate that were taken within the last period."""

    @property
    def free(self) -> int:
        """The number of units that no job holds, or that may be taken now."""
        return self.capacity - self.used - sum(holding.units for holding in self.holders)

    @property
    def busy(self) -> bool:
        """Whether a job holds units of it, or took some within the last period."""
        return bool(self.holders or self.used)


class ResourceStates(list[ResourceState]):
    """The states of the resources of one system, by name in order; returned by ``resources()``."""

    def is_busy(self, name: str) -> bool:
        """Return whether a job holds units of the resource; one that is not listed is free."""
        return any(state.name == name and state.busy for state in self)

    def _repr_html_(self) -> str:
        from .html_table import counted, html_table  # for a notebook alone

        held = sum(1 for state in self if state.holders)
        every = counted(len(self), "resource")
        caption = f"{every}, {held} of them held" if self else "No resources"
        return html_table(caption, _HEADINGS, map(_cells, self))


_HEADINGS = ("resource", "free", "of", "held by")


def _cells(state: ResourceState) -> tuple[object, ...]:
    held = [
        f"{holding.job_id}{f' × {holding.units}' if holding.units > 1 else ''}"
        f"{f' ({holding.operation})' if holding.operation else ''}"
        for holding in state.holders
    ]
    return (state.name, state.free, state.capacity, ", ".join(held))


class Resources:
    """Capacities and holdings.  Free units are derived from the holdings, never counted.

    A name that was not declared is a resource of one unit: a mutex.
    """

    def __init__(self, capacities: Mapping[str, int | Rate]) -> None:
        self.rates: dict[str, RateWindow] = {}
        """The resources of which units come back with time alone."""
        self.changed_rates: dict[str, None] = {}
        """Those of which units were taken; emptied by who stores them."""
        self._capacities: dict[str, int] = {}
        for name, capacity in capacities.items():
            given: object = capacity
            count = capacity.count if isinstance(capacity, Rate) else capacity
            check_units(name, count)
            self._capacities[name] = count
            if isinstance(given, Rate):
                self.rates[name] = RateWindow(given)
        self._holders: defaultdict[str, dict[str, Holding]] = defaultdict(dict)
        self._held_by: defaultdict[str, set[str]] = defaultdict(set)

    def capacity(self, name: str) -> int:
        """The number of units in all."""
        return self._capacities.get(name, 1)

    def free(self, name: str) -> int:
        """The number of units that no job holds, or that may be taken now."""
        if self.rates and name in self.rates:
            return self.rates[name].free
        holders = self._holders.get(name)
        held = sum(holding.units for holding in holders.values()) if holders else 0
        return self.capacity(name) - held

    def are_free(self, needs: Mapping[str, int]) -> bool:
        """Whether all of ``needs`` could be taken now."""
        return all(units <= self.free(name) for name, units in needs.items())

    def check(self, needs: Mapping[str, int]) -> None:
        """Raise for needs that can never be met.

        Raises:
            TooMuch: if there are not as many units at all.
        """
        for name, units in needs.items():
            if units > self.capacity(name):
                window = self.rates.get(name)
                per = None if window is None else window.rate.per
                raise TooMuch(name, units, self.capacity(name), per)

    def take(self, job_id: str, needs: Mapping[str, int], operation: str = "") -> None:
        """Let a job hold ``needs`` beside what it holds already."""
        for name, units in needs.items():
            if name in self.rates:
                self.rates[name].take(units)
                self.changed_rates[name] = None
                continue
            before = self._holders[name].get(job_id)
            total = units + (before.units if before else 0)
            self._holders[name][job_id] = Holding(job_id, total, operation)
            self._held_by[job_id].add(name)

    def give_back(
        self, job_id: str, names: Iterable[str] | Mapping[str, int] | None = None
    ) -> list[str]:
        """Take units from a job: all of the names, or the numbers given; by default everything.

        Returns:
            The resources of which units came free.
        """
        held = self._held_by.get(job_id)
        if not held:
            return []
        freed = [name for name in (list(held) if names is None else names) if name in held]
        for name in freed:
            holding = self._holders[name][job_id]
            left = holding.units - names[name] if is_mapping(names) else 0
            if left > 0:
                self._holders[name][job_id] = replace(holding, units=left)
            else:
                self._drop(job_id, name)
        return freed

    def _drop(self, job_id: str, name: str) -> None:
        del self._holders[name][job_id]
        if not self._holders[name]:
            del self._holders[name]
        self._held_by[job_id].discard(name)
        if not self._held_by[job_id]:
            del self._held_by[job_id]

    def set_operation(self, job_id: str, name: str, operation: str) -> bool:
        """Record for what a job holds a resource from now on; returns whether it holds any."""
        holding = self._holders[name].get(job_id) if name in self._holders else None
        if holding is not None:
            self._holders[name][job_id] = replace(holding, operation=operation)
        return holding is not None

    def held_by(self, job_id: str) -> frozenset[str]:
        """Return the names of the resources of which a job holds units."""
        return frozenset(self._held_by.get(job_id, ()))

    def holders(self, name: str) -> tuple[str, ...]:
        """Return the ids of the jobs that hold units of a resource."""
        return tuple(self._holders.get(name, ()))

    def holdings(self, name: str) -> Collection[Holding]:
        """Return the holdings of a resource, one for each of its holders."""
        holders = self._holders.get(name)
        return holders.values() if holders else ()

    def states(self) -> ResourceStates:
        """Return the state of each resource that is declared or held, by name."""
        return ResourceStates(map(self._state, sorted({*self._capacities, *self._holders})))

    def _state(self, name: str) -> ResourceState:
        capacity, window = self.capacity(name), self.rates.get(name)
        if window is not None:
            return ResourceState(name, capacity, (), window.rate.per, window.used)
        return ResourceState(name, capacity, tuple(self._holders.get(name, {}).values()))


def as_needs(value: str | Iterable[str] | Mapping[str, int]) -> Mapping[str, int]:
    """Accept a name, several names, or names with units; returns names with units.

    Raises:
        TypeError, ValueError: for anything else.
    """
    given: object = value
    if isinstance(value, str):
        value = (value,)
    elif not isinstance(given, Iterable):
        raise TypeError(f'resources are "gpu", ["gpu", "disk"] or {{"gpu": 2}}, not {shown(given)}')
    needs: dict[str, int] = dict(value) if is_mapping(value) else dict.fromkeys(value, 1)
    for name, units in needs.items():
        check_units(name, units)
    return needs


def check_units(name: object, units: object) -> None:
    """Raise unless ``name`` is text and ``units`` a whole number of at least 1.

    Raises:
        TypeError, ValueError: with what is wrong.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"a resource has a name, not {shown(name)}")
    if isinstance(units, bool) or not isinstance(units, int):
        refused = f"resource {name!r} takes a whole number of units, not {shown(units)}"
        if isinstance(units, Rate):
            where = f"ja.start(resources={{{name!r}: {units!r}}})"
            raise TypeError(f"{refused}; declare a rate where capacities are, {where}")
        raise TypeError(refused)
    if units < 1:
        raise ValueError(f"resource {name!r} takes at least 1 unit, not {shown(units)}")
