"""The layout of a graph of jobs: layers from left to right, and few crossings.

A node lies one layer behind the last of those it comes after (longest path), and within its layer
near the middle of its neighbours (barycentre, Sugiyama and others, 1981).  Pure, and quick enough
for thousands of nodes; a graph library for the browser would be larger than all of this package's
pages.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SWEEPS: Final = 8
"""Passes over the layers, forth and back; more of them change little."""

Edge = tuple[str, str]
"""A node, and one that comes after it."""


def layers_of(nodes: Sequence[str], edges: Iterable[Edge]) -> list[list[str]]:
    """Return the nodes in layers, each ordered so that few edges cross.

    Args:
        nodes: The nodes.
        edges: Pairs of them.

    Raises:
        ValueError: if the edges make a circle.
    """
    before, after = _neighbours(edges)
    layer = dict.fromkeys(nodes, 0)
    for node in ordered(nodes, before, after):
        layer[node] = max((layer[other] + 1 for other in before[node]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in nodes:
        rows[layer[node]].append(node)
    place = {node: (n + 0.5) / len(row) for row in rows for n, node in enumerate(row)}
    for sweep in range(_SWEEPS):
        near, turn = (before, rows) if sweep % 2 == 0 else (after, rows[::-1])
        for row in turn:
            middle = {node: _middle(near[node], place, place[node]) for node in row}
            row.sort(key=middle.__getitem__)
            place.update((node, (n + 0.5) / len(row)) for n, node in enumerate(row))
    return rows


def ordered(
    nodes: Iterable[str], before: Mapping[str, set[str]], after: Mapping[str, set[str]]
) -> list[str]:
    """Return the nodes so that each stands behind all that it comes after.

    Raises:
        ValueError: if there is a circle.
    """
    missing = {node: len(before[node]) for node in nodes}
    ready = [node for node, count in missing.items() if not count]
    for node in ready:  # grows meanwhile
        for other in after[node]:
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    if len(ready) != len(missing):
        raise ValueError("these jobs come after each other in a circle")
    return ready


def longest_path(
    nodes: Sequence[str], edges: Iterable[Edge], length_of: Mapping[str, float]
) -> list[str]:
    """Return the path whose nodes are longest in sum: nothing else made the whole take so long."""
    before, after = _neighbours(edges)
    total: dict[str, float] = {}
    came_from: dict[str, str | None] = {}
    for node in ordered(nodes, before, after):
        best = max(before[node], key=lambda other: (total[other], other), default=None)
        total[node] = length_of[node] + (0.0 if best is None else total[best])
        came_from[node] = best
    path: list[str] = []
    last = max(total, key=lambda node: (total[node], node), default=None)
    while last is not None:
        path.append(last)
        last = came_from[last]
    return path[::-1]


def _neighbours(edges: Iterable[Edge]) -> tuple[Mapping[str, set[str]], Mapping[str, set[str]]]:
    before: defaultdict[str, set[str]] = defaultdict(set)
    after: defaultdict[str, set[str]] = defaultdict(set)
    for one, other in edges:
        before[other].add(one)
        after[one].add(other)
    return before, after


def _middle(near: Iterable[str], place: Mapping[str, float], otherwise: float) -> float:
    places = [place[node] for node in near]
    return sum(places) / len(places) if places else otherwise
