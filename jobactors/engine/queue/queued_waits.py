"""Name the reasons why a queued job waits, as edges of the graph of waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wait_graph import WaitEdge, WaitGraph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jobactors.model.resources import Resources

    from .entry import Entry
    from .request_lines import RequestLines


class QueuedWaits:
    """Reads the waits of queued jobs out of the tables of the job queue, when a wait is judged.

    Args:
        entries: The jobs that wait, by their ids.
        first_parked: Returns the first job that is parked with a resource, or None.
        lines: The requests of running jobs.
        resources: Who holds what.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        first_parked: Callable[[str], Entry | None],
        lines: RequestLines,
        resources: Resources,
    ) -> None:
        self._entries = entries
        self._first_parked = first_parked
        self._lines = lines
        self.graph: WaitGraph = WaitGraph(resources, self._gates_of, self._line_before)
        """The graph of all waits, of running jobs too."""

    def _gates_of(self, job_id: str) -> Iterator[WaitEdge]:
        """Go through what a queued job waits for, whatever its place in line."""
        entry = self._entries.get(job_id)
        if entry is None:
            return
        if entry.needs:
            yield WaitEdge(job_id, units=(entry.needs,), words="is queued for")
        for upstream in entry.upstream or ():
            yield WaitEdge(job_id, (upstream,), words="comes after")

    def _line_before(self, job_id: str) -> Iterator[WaitEdge]:
        """Go through the jobs that a queued job must not overtake."""
        entry = self._entries.get(job_id)
        if entry is None or entry.overtakes:
            return
        for name in entry.needs:
            yield from self._requests_before(job_id, name)
            first = self._first_parked(name)
            if first is not None and first.rank < entry.rank:
                yield WaitEdge(job_id, (first.id,))

    def _requests_before(self, job_id: str, name: str) -> Iterator[WaitEdge]:
        """Yield the requests for a resource that a queued job must not overtake."""
        # There may be thousands.  A job that requests units of one resource, and waits for nothing
        # else, goes on as soon as these can come back; so the most units that such a one wants
        # stand for all of them.
        most = self._lines.most_units(name)
        if most:
            yield WaitEdge(job_id, units=({name: most},))
        for request in self._lines.mixed(name):
            yield WaitEdge(job_id, (request.job_id,))
        for other in self.graph.several:
            if any(name in needs for wait in self.graph.of(other) for needs in wait.units):
                yield WaitEdge(job_id, (other,))
