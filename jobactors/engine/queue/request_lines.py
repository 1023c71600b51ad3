"""The requests of running jobs, and the lines in which they stand: by resource and units."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from msgspec import field

from jobactors.inside.signals.latch import Latch

from .wait_graph import WaitEdge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    Line = OrderedDict["ResourceRequest", None]


class ResourceRequest(WaitEdge, eq=False):
    """One job waits for one of several needs.  Written in the loop's thread."""

    doing: str = ""
    """The purpose of the units, as the job states it."""
    granted: Latch = field(default_factory=Latch)
    """Set once the units are held, or never will be."""
    taken: Mapping[str, int] | None = None
    """The alternative that was granted."""
    order: int = 0
    """First come, first served."""

    @property
    def names(self) -> dict[str, None]:
        """The resources with which it could be met, in the order of its alternatives."""
        return dict.fromkeys(name for needs in self.units for name in needs)

    @property
    def is_plain(self) -> bool:
        """Whether it wants units of one resource, and nothing else will do."""
        return len(self.units) == 1 and len(self.units[0]) == 1

    @property
    def places(self) -> dict[tuple[str, int], None]:
        """The lines in which it stands: resources, each with a number of units."""
        return dict.fromkeys(place for needs in self.units for place in needs.items())


class RequestLines:
    """Lines of requests; a resource without one has no entry.

    Written by ``ResourceRequests``.  The job queue reads it: queued jobs go after running ones.
    """

    def __init__(self) -> None:
        self._lines: dict[str, dict[int, Line]] = {}
        self._plain: dict[str, Counter[int]] = {}
        """The number of requests for so many units of the resource, and nothing else."""
        self._mixed: dict[str, dict[ResourceRequest, None]] = {}
        """The other ones."""

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def of(self, name: str) -> Collection[int]:
        """Return the numbers of units that are requested of a resource."""
        return self._lines.get(name, {})

    def line(self, name: str, units: int) -> Iterator[ResourceRequest]:
        """Go through one line, first come first served."""
        return iter(self._lines[name][units])

    def most_units(self, name: str) -> int:
        """Return the most units that a request wants which wants nothing else; 0 for none."""
        return max(self._plain.get(name, ()), default=0)

    def mixed(self, name: str) -> Collection[ResourceRequest]:
        """Return the requests that want other resources besides, or instead."""
        return self._mixed.get(name, ())

    def add(self, request: ResourceRequest) -> None:
        """Add a request to the end of every line of its resources."""
        for name, units in request.places:
            self._lines.setdefault(name, {}).setdefault(units, OrderedDict())[request] = None
            if request.is_plain:
                self._plain.setdefault(name, Counter())[units] += 1
            else:
                self._mixed.setdefault(name, {})[request] = None

    def remove(self, request: ResourceRequest) -> list[str]:
        """Take a request out of all lines; return the resources that have none any more."""
        for name, units in request.places:
            line = self._lines[name][units]
            del line[request]
            if not line:
                del self._lines[name][units]
        for name in request.names:
            self._forget(name, request)
        return [name for name in request.names if name not in self._lines]

    def _forget(self, name: str, request: ResourceRequest) -> None:
        if not self._lines[name]:
            del self._lines[name]
        if not request.is_plain:
            del self._mixed[name][request]
            if not self._mixed[name]:
                del self._mixed[name]
            return
        plain, units = self._plain[name], request.units[0][name]
        plain[units] -= 1
        if not plain[units]:
            del plain[units]
        if not plain:
            del self._plain[name]
