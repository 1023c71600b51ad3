"""Timelines and graphs that know their job system: a notebook shows them as they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.job_graph import JobGraph
from jobactors.model.timeline import Timeline

from .display import mimebundle_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.model.job_node import JobNode
    from jobactors.model.timeline_bars import Bar


class LiveTimeline(Timeline):
    """A timeline with the question that it answers.

    Args:
        bars: The bars.
        now: The end of what goes on, in seconds since the epoch.
        left_out: Older jobs that are not among the bars.
        jobs: The job system.
        again: Asks the same question again.
    """

    def __init__(
        self,
        bars: Iterable[Bar],
        now: float,
        left_out: int,
        jobs: object,
        again: Callable[[], Timeline],
    ) -> None:
        super().__init__(bars, now, left_out)
        self._source: tuple[object, Callable[[], Timeline]] = jobs, again

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        return mimebundle_of(self)


class LiveJobGraph(JobGraph):
    """A graph with the question that it answers.

    Args:
        nodes: The jobs.
        jobs: The job system.
        again: Asks the same question again.
    """

    def __init__(
        self, nodes: Iterable[JobNode], jobs: object, again: Callable[[], JobGraph]
    ) -> None:
        super().__init__(nodes)
        self._source: tuple[object, Callable[[], JobGraph]] = jobs, again

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        return mimebundle_of(self)
