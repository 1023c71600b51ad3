"""A timeline or a graph as plain values, for a page that draws it.

A timeline may have thousands of bars, and is sent anew when it changes.  So each word is sent once
and named by its number, and moments are milliseconds after ``base``.  The reader is
``static/drawings/placed_bars.js``.
"""

from __future__ import annotations

from typing import Any

import jobactors as ja

from .wire import LONGEST_NAME, safe_text

Drawing = ja.Timeline | ja.JobGraph


def content_of(drawing: Drawing, now: float) -> dict[str, Any]:
    """Return all that a page needs of a drawing.

    Args:
        drawing: The drawing.
        now: The present moment, in seconds since the epoch.
    """
    if isinstance(drawing, ja.Timeline):
        return _timeline(drawing)
    return _graph(drawing, now)


class _Words:
    """Numbers words in the order in which they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        return self._numbers.setdefault(word, len(self._numbers))

    @property
    def shown(self) -> list[str]:
        return [safe_text(word, LONGEST_NAME) for word in self._numbers]


def _timeline(timeline: ja.Timeline) -> dict[str, Any]:
    lanes, words = timeline.lanes, _Words()
    base = min((bar.start for bar in timeline), default=timeline.now)
    place = {lane: number for number, lane in enumerate(lanes)}
    bars = [_bar(bar, place[bar.lane], base, words) for bar in timeline]
    return {
        "kind": "timeline",
        "now": timeline.now,
        "base": base,
        "caption": timeline.caption,
        "lanes": [[safe_text(lane, LONGEST_NAME), rows] for lane, rows in lanes.items()],
        "critical": timeline.critical_path,
        "bars": bars,
        "words": words.shown,
    }


def _bar(bar: ja.Bar, lane: int, base: float, words: _Words) -> list[Any]:
    spans = [
        [
            *_between(span.start, span.end, base),
            words.number(str(span.state)),
            *([] if span.waiting is None else [words.number(str(span.waiting))]),
        ]
        for span in bar.spans
    ]
    stages = [[*_between(one.start, one.end, base), words.number(one.label)] for one in bar.stages]
    named = [words.number(word) for word in (bar.name, bar.subject, str(bar.state))]
    return [bar.job_id, *named, lane, bar.row, spans, stages, list(bar.after)]


def _between(start: float, end: float, base: float) -> tuple[int, int]:
    return round((start - base) * 1000), round((end - base) * 1000)


def _graph(graph: ja.JobGraph, now: float) -> dict[str, Any]:
    return {
        "kind": "graph",
        "now": now,
        "caption": safe_text(graph.caption, 4 * LONGEST_NAME),
        "layers": graph.layers,
        "critical": graph.critical_path,
        "nodes": [
            {
                "id": node.job_id,
                "name": safe_text(node.name, LONGEST_NAME),
                "state": None if node.state is None else str(node.state),
                "after": list(node.after),
                "seconds": round(node.seconds, 3),
            }
            for node in graph
        ],
    }
