"""A map of all documents: a picture in which near means alike."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from document_catalogue import catalogue
from document_index import VectorStore, ids_in

WIDTH, HEIGHT, EDGE = 760, 440, 40


def positions(work: str | Path, source: str, dimension: int) -> tuple[list[tuple[Any, ...]], Any]:
    """Return the documents of a source, and the place of each in the plane that shows most.

    A document is the mean of its chunks' vectors; the plane is that of the first two principal
    components (PCA).
    """
    vectors = VectorStore(work, dimension).vectors()
    with catalogue(work) as db:
        documents = db.execute(
            "SELECT id, name, year, speaker, tags FROM documents WHERE source = ? ORDER BY id",
            (source,),
        ).fetchall()
        of = dict(db.execute("SELECT id, document FROM chunks").fetchall())
    owners = np.array([of.get(chunk, 0) for chunk in ids_in(vectors)])
    indexed = set(owners.tolist())
    documents = [document for document in documents if document[0] in indexed]
    if not documents:
        raise LookupError(f"no document of {source!r} is in {dimension} dimensions: index it first")
    every = vectors.index.reconstruct_n(0, vectors.ntotal)
    means = np.array([every[owners == document[0]].mean(axis=0) for document in documents])
    centred = means - means.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    places = centred @ axes[:2].T
    return documents, places * np.sign(places[0]) * [-1, 1]  # the first document is top left


def draw(work: str | Path, source: str, dimension: int = 128, named: Sequence[str] = ()) -> str:
    """Return the map as SVG: a dot a document, from blue (early) to red; some with their names."""
    documents, places = positions(work, source, dimension)
    low, width = places.min(axis=0), np.ptp(places, axis=0)
    scale = np.array([WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE]) / np.where(width > 0, width, 1)
    years = [year or 0 for _, _, year, _, _ in documents]
    first, span = min(years), max(max(years) - min(years), 1)
    dots, names = [], []
    for (_, name, year, _, tags), place in zip(documents, places, strict=True):
        x, y = (place - low) * scale + EDGE
        hue = 220 + 140 * ((year or 0) - first) / span
        title = escape(f"{name}: {tags or ''}")
        dots.append(
            f'<circle cx="{x:.1f}" cy="{HEIGHT - y:.1f}" r="5" fill="hsl({hue:.0f},70%,45%)" '
            f'fill-opacity="0.75"><title>{title}</title></circle>'
        )
        if name in named:
            side, anchor = (8, "start") if x < WIDTH / 2 else (-8, "end")
            names.append(
                f'<text x="{x + side:.1f}" y="{HEIGHT - y + 4:.1f}" text-anchor="{anchor}" '
                'font-weight="600" stroke="#fff" stroke-width="4" paint-order="stroke">'
                f"{escape(name)}</text>"
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12" role="img">'
        f"<title>{len(documents)} documents, near where they are alike</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(dots + names)}</svg>'
    )
