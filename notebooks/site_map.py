"""A picture of a site: pages that are about the same lie near each other."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from site_work import opened, page_vectors

WIDTH, HEIGHT, EDGE = 900, 560, 40


def draw(database: str | Path) -> str:
    """Return the map as SVG: a dot a page, a line for each link that is suggested."""
    with opened(database) as db:
        paths, vectors = page_vectors(db)
        suggested = db.execute("SELECT source, target FROM suggestions").fetchall()
    places = dict(zip(paths, _places(vectors), strict=True))
    named = {path for pair in suggested for path in pair}
    lines = [
        '<line x1="{:.0f}" y1="{:.0f}" x2="{:.0f}" y2="{:.0f}"/>'.format(*places[a], *places[b])
        for a, b in suggested
    ]
    dots = [_dot(path, places[path], path in named) for path in paths]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{len(paths)} pages, {len(lines)} suggested links" '
        'style="max-width: 900px; font: 11px sans-serif" fill="#808080">'
        f'<g stroke="#e67e22" stroke-width="1.5">{"".join(lines)}</g>{"".join(dots)}</svg>'
    )


def _dot(path: str, place: Any, is_named: bool) -> str:
    x, y = place
    name = escape(path.strip("/").removesuffix(".html") or "front page")
    label = f'<text x="{x + 6:.0f}" y="{y + 4:.0f}">{name}</text>' if is_named else ""
    dot = f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{4 if is_named else 2.5}" opacity="0.7">'
    return f"{dot}<title>{name}</title></circle>{label}"


def _places(vectors: Any) -> Any:
    """Return two coordinates each, in the directions in which the vectors differ most."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T
    ranks = flat.argsort(axis=0).argsort(axis=0) / max(1, len(flat) - 1)  # evenly over the page
    return EDGE + ranks * (WIDTH - 3 * EDGE, HEIGHT - 2 * EDGE)
