"""``JobGraph``: jobs and those that come after them, drawn without a drawing library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from .graph_layout import layers_of, longest_path
from .graph_page import caption_of, page_of
from .job_node import JobNode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .graph_layout import Edge


class JobGraph(Sequence[JobNode]):
    """Jobs and those that come after them; returned by ``jobs.graph()``.

    A notebook draws it, and a saved one shows the drawing without a kernel.  Below it, a table has
    the same in words.
    """

    def __init__(self, nodes: Iterable[JobNode]) -> None:
        self._nodes = {node.job_id: node for node in nodes}

    @property
    def edges(self) -> list[Edge]:
        """The pairs of a job's id, and the id of one that comes after it."""
        return [
            (earlier, node.job_id)
            for node in self._nodes.values()
            for earlier in node.after
            if earlier in self._nodes
        ]

    @property
    def layers(self) -> list[list[str]]:
        """The ids of the jobs, those that come after none first; see the drawing."""
        return layers_of(list(self._nodes), self.edges)

    @property
    def critical_path(self) -> list[str]:
        """The ids of the jobs, one after the other, that took longest in sum."""
        seconds = {job_id: node.seconds for job_id, node in self._nodes.items()}
        return longest_path(list(self._nodes), self.edges, seconds)

    @property
    def caption(self) -> str:
        """Number of jobs, and the critical path, in words."""
        return caption_of(self._nodes, self.edges, self.critical_path)

    def html(self) -> str:
        """Return a drawing (SVG) and a table as HTML, without a script."""
        return page_of(self._nodes, self.layers, self.edges, self.critical_path)

    def to_dict(self) -> list[dict[str, object]]:
        """Return a dictionary of plain values a job, for JSON and data frames."""
        return [
            {
                "job": node.job_id,
                "name": node.name,
                "state": None if node.state is None else str(node.state),
                "after": list(node.after),
                "seconds": node.seconds,
            }
            for node in self._nodes.values()
        ]

    @overload
    def __getitem__(self, index: int) -> JobNode: ...
    @overload
    def __getitem__(self, index: slice) -> list[JobNode]: ...
    def __getitem__(self, index: int | slice) -> JobNode | list[JobNode]:
        return list(self._nodes.values())[index]

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[JobNode]:
        return iter(self._nodes.values())

    def __repr__(self) -> str:
        return f"<JobGraph: {len(self._nodes)} jobs, {len(self.edges)} dependencies>"

    def _repr_html_(self) -> str:
        return self.html()
