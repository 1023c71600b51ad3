"""The drawing of a graph of jobs: one SVG and one table, as HTML without a script.

A saved notebook shows it as it is.  All text in it is escaped; a sign in each box stands for the
state as well as its colour does, and the critical path has thick lines.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from .states import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .graph_layout import Edge
    from .job_node import JobNode

_BOX: Final = (150, 34)
_GAP: Final = (56, 14)
_MARGIN: Final = 6
_LONGEST_LABEL: Final = 22
_SIGNS: Final = {
    JobState.QUEUED: "○",
    JobState.RUNNING: "▶",
    JobState.PAUSED: "‖",
    JobState.CANCELLING: "…",
    JobState.INTERRUPTED: "!",
    JobState.SUCCEEDED: "✓",
    JobState.FAILED: "✗",
    JobState.CANCELLED: "–",
}
_STYLE: Final = """
.ja-graph { font: 12px system-ui, sans-serif; color: var(--jp-ui-font-color1, CanvasText); }
.ja-graph svg { display: block; max-width: none; }
.ja-graph .ja-scroll { overflow: auto; max-height: 640px; }
.ja-graph text { fill: currentColor; font-size: 11px; }
.ja-graph rect { fill: var(--jp-layout-color1, Canvas); stroke: #8a8a8a; stroke-width: 1.2; }
.ja-graph path { fill: none; stroke: #8a8a8a; stroke-width: 1.2; }
.ja-graph .ja-critical { stroke-width: 3; }
.ja-graph .ja-running rect { stroke: #3b82c4; }
.ja-graph .ja-succeeded rect { stroke: #4a9960; }
.ja-graph .ja-failed rect { stroke: #c4453b; }
.ja-graph .ja-paused rect, .ja-graph .ja-interrupted rect { stroke: #b58900; }
.ja-graph .ja-queued rect { stroke-dasharray: 4 2; }
.ja-graph g.ja-critical rect { stroke-width: 3; }
.ja-graph g:focus { outline: none; }
.ja-graph g:focus rect { stroke: currentColor; }
.ja-graph table { border-collapse: collapse; }
.ja-graph td, .ja-graph th { text-align: left; padding: 1px 8px; }
"""


def page_of(
    nodes: Mapping[str, JobNode],
    layers: Sequence[Sequence[str]],
    edges: Sequence[Edge],
    critical: Sequence[str],
) -> str:
    """Return the drawing and the table.

    Args:
        nodes: The jobs by their ids.
        layers: Their ids in layers, from left to right.
        edges: The pairs of a job's id, and the id of one that comes after it.
        critical: The ids on the critical path.
    """
    if not nodes:
        return "<p>No job comes after another.</p>"
    caption = escape(caption_of(nodes, edges, critical))
    return (
        f"<div class='ja-graph'><style>{_STYLE}</style><div class='ja-scroll' tabindex='0' "
        f"role='group' aria-label='{caption}'>{_drawing(nodes, layers, edges, critical, caption)}"
        f"</div><details><summary>{caption}</summary>{_table(nodes)}</details></div>"
    )


def caption_of(nodes: Mapping[str, JobNode], edges: Sequence[Edge], critical: Sequence[str]) -> str:
    """Return how many jobs there are, and the critical path."""
    jobs = "1 job" if len(nodes) == 1 else f"{len(nodes):,} jobs"
    after = "1 dependency" if len(edges) == 1 else f"{len(edges):,} dependencies"
    path = " → ".join(nodes[job_id].name for job_id in critical)
    return f"{jobs}, {after}; longest path: {path}"


def _drawing(
    nodes: Mapping[str, JobNode],
    layers: Sequence[Sequence[str]],
    edges: Sequence[Edge],
    critical: Sequence[str],
    caption: str,
) -> str:
    tallest = max(len(layer) for layer in layers)
    height = tallest * (_BOX[1] + _GAP[1])
    corners: dict[str, tuple[int, int]] = {}
    for column, layer in enumerate(layers):
        step = height // len(layer)
        for row, job_id in enumerate(layer):
            x = _MARGIN + column * (_BOX[0] + _GAP[0])
            corners[job_id] = (x, _MARGIN + row * step + (step - _BOX[1]) // 2)
    thick = frozenset(pairwise(critical))
    lines = "".join(_line(corners, edge, is_thick=edge in thick) for edge in edges)
    boxes = "".join(
        _box(nodes[job_id], corners[job_id], is_thick=job_id in critical) for job_id in corners
    )
    width = len(layers) * (_BOX[0] + _GAP[0]) - _GAP[0] + 2 * _MARGIN
    return (
        f"<svg width='{width}' height='{height + 2 * _MARGIN}' role='img' aria-label='{caption}'>"
        f"{lines}{boxes}</svg>"
    )


def _line(corners: Mapping[str, tuple[int, int]], edge: Edge, *, is_thick: bool) -> str:
    (x, y), (to_x, to_y) = corners[edge[0]], corners[edge[1]]
    x, y, to_y = x + _BOX[0], y + _BOX[1] // 2, to_y + _BOX[1] // 2
    middle = (x + to_x) // 2
    kind = " class='ja-critical'" if is_thick else ""
    return f"<path{kind} d='M{x} {y} C{middle} {y} {middle} {to_y} {to_x} {to_y}'/>"


def _box(node: JobNode, corner: tuple[int, int], *, is_thick: bool) -> str:
    x, y = corner
    name = node.name
    label = name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"
    sign = "" if node.state is None else f"{_SIGNS[node.state]} "
    kind = f"ja-{node.state or 'gone'}" + (" ja-critical" if is_thick else "")
    return (
        f"<g class='{kind}' tabindex='0'><title>{escape(_words(node))}</title>"
        f"<rect x='{x}' y='{y}' width='{_BOX[0]}' height='{_BOX[1]}' rx='4'/>"
        f"<text x='{x + 8}' y='{y + 14}'>{escape(label)}</text>"
        f"<text x='{x + 8}' y='{y + 28}' opacity='.75'>{sign}{_state(node)}</text></g>"
    )


def _state(node: JobNode) -> str:
    if node.state is None:
        return "not there any more"
    return f"{node.state} {_duration(node.seconds)}" if node.seconds else str(node.state)


def _words(node: JobNode) -> str:
    return f"{node.name}: {_state(node)}"


def _table(nodes: Mapping[str, JobNode]) -> str:
    head = "".join(f"<th scope='col'>{text}</th>" for text in ("job", "state", "comes after"))
    rows = "".join(
        f"<tr><td>{escape(node.name)}</td><td>{_state(node)}</td>"
        f"<td>{escape(', '.join(nodes[i].name for i in node.after if i in nodes))}</td></tr>"
        for node in nodes.values()
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes else f"{seconds:.3g} s"
