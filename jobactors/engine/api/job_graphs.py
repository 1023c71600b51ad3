"""The graph of jobs that come after each other: ``jobs.graph()``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobactors.engine.system.job_system import JobSystem
from jobactors.model.errors import UnknownJob
from jobactors.model.job_node import JobNode

from .job import Job

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from jobactors.engine.records.record import Record
    from jobactors.model.job_graph import JobGraph

MOST_NODES = 2000
"""Jobs of one graph, at most: more could not be seen."""


class JobGraphs:
    """The part of :class:`~jobactors.Jobs` that draws what comes after what."""

    _system: JobSystem

    def graph(self, job: Job[Any] | str | None = None) -> JobGraph:
        """Return the jobs that come after each other, with their states and the critical path.

        A notebook draws it, and goes on as jobs do; a saved one has a still drawing, as
        :meth:`JobGraph.html`.  The critical path has the jobs
        that took longest in sum, one after the other.

        Args:
            job: A job, or its id: all that it comes after, and all that come after it, however
                many jobs are between them; default: all jobs of the registry that come after
                others.

        Raises:
            UnknownJob: if there is no such job (any more).

        Example::

            jobs.graph(report)
        """
        from .live_drawings import LiveJobGraph  # for a drawing alone

        job_id = job.id if isinstance(job, Job) else job
        nodes = self._system.parts.portal.look(self._nodes, job_id)
        return LiveJobGraph(nodes, self, partial(self.graph, job_id))

    def _nodes(self, job_id: str | None) -> list[JobNode]:
        now = self._system.core.clock.now()
        records = {record.id: record for record in self._system.parts.registry}
        after = {record.id: earlier_jobs(record) for record in records.values()}
        if job_id is None:
            wanted = {one for one, earlier in after.items() if earlier}
            wanted |= {other for earlier in after.values() for other in earlier}
        elif job_id in records:
            wanted = _connected(job_id, after) | _connected(job_id, _reversed(after))
        else:
            raise UnknownJob(job_id)
        known = [i for i in records if i in wanted]
        gone = sorted(wanted - records.keys())
        nodes = [_node(records[i], after[i], now) for i in known[-MOST_NODES:]]
        return [JobNode(i, i, None, (), 0.0) for i in gone[:MOST_NODES]] + nodes


def earlier_jobs(record: Record) -> tuple[str, ...]:
    """Return the ids of the jobs that a job comes, or came, after."""
    if record.submit is not None:
        return tuple(job_id for job_id, _ in record.submit.after)
    return record.came_after or tuple(record.edges)


def _node(record: Record, after: tuple[str, ...], now: float) -> JobNode:
    snapshot = record.snapshot
    seconds = snapshot.elapsed(now) or 0.0
    return JobNode(record.id, snapshot.info.name, snapshot.state, after, seconds)


def _connected(first: str, neighbours: Mapping[str, Iterable[str]]) -> set[str]:
    found, ready = {first}, [first]
    while ready:
        for other in neighbours.get(ready.pop(), ()):
            if other not in found:
                found.add(other)
                ready.append(other)
    return found


def _reversed(after: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    later: dict[str, list[str]] = {}
    for job_id, earlier in after.items():
        for other in earlier:
            later.setdefault(other, []).append(job_id)
    return later
