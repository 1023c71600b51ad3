"""Search by words, by meaning, and by both; and how good it is, on thirty fixed questions.

A search by words is BM25 (SQLite's FTS5), one by meaning compares vectors.  Both give a list of
chunks, best first; the hybrid adds one over the rank in each (*reciprocal rank fusion*), so that a
chunk that is high in both comes first.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from document_catalogue import catalogue
from document_index import VectorStore
from document_vectors import STEM, bag_of, embed

DEPTH = 50
"""Chunks of each list that are looked at."""
RANK = 20
"""Added to a rank, so that the first of one list does not beat the second of both."""

QUESTIONS: dict[str, tuple[str, ...]] = {
    "landing astronauts on the moon": ("moon", "space", "astronaut"),
    "the Panama canal": ("canal",),
    "slavery and the Union": ("slave", "union"),
    "terrorist attacks of September 11": ("terror", "september"),
    "gold and silver coinage": ("gold", "silver", "coin"),
    "social security for the aged": ("security", "aged", "retire"),
    "Indian tribes": ("indian", "tribes"),
    "atomic bomb and nuclear weapons": ("nuclear", "atomic"),
    "railroads": ("railroad", "railway"),
    "inflation and prices": ("inflation", "prices"),
    "war with Mexico": ("mexic",),
    "health care costs": ("health",),
    "soldiers in Vietnam": ("vietnam",),
    "the war in Korea": ("korea",),
    "teachers and public schools": ("school", "teacher", "education"),
    "immigrants at the border": ("immigra", "border"),
    "prices for farmers and their crops": ("farm", "crop", "agricultur"),
    "the post office and mail routes": ("post", "mail"),
    "the fisheries and Great Britain": ("fisher",),
    "insurrection in Cuba": ("cuba",),
    "annexation of Hawaii": ("hawaii",),
    "the purchase of Alaska": ("alaska",),
    "trusts and monopolies": ("trust", "monopol"),
    "unemployment and new jobs": ("unemploy", "jobs"),
    "the Soviet Union and communism": ("soviet", "communis"),
    "yellow fever and cholera quarantine": ("fever", "cholera", "quarantine"),
    "pensions of veterans and widows": ("pension", "veteran"),
    "forests, rivers and their conservation": ("forest", "river", "conserv"),
    "pirates of Tripoli and Algiers": ("tripoli", "algiers", "pira"),
    "Iraq and weapons of mass destruction": ("iraq",),
}
"""Each with words of which an answer has one.  A lexical method is flattered by that; a person who
reads the answers is the better judge, and a list of words the one that a test can ask."""


class Hit(NamedTuple):
    """A chunk that was found."""

    chunk: int
    name: str
    year: int | None
    speaker: str
    text: str


def by_words(work: str | Path, question: str, limit: int = DEPTH) -> list[int]:
    """Return the chunks whose words fit best."""
    stems = {word[:STEM] for word in re.findall(r"[a-z]{3,}", question.lower())}
    query = " OR ".join(f'"{stem}"*' for stem in sorted(stems)) or '""'  # a query of nothing
    with catalogue(work) as db:
        rows = db.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (query, limit)
        )
        return [chunk for (chunk,) in rows]


def by_meaning(
    work: str | Path, question: str, limit: int = DEPTH, *, dimension: int = 128
) -> list[int]:
    """Return the chunks whose vectors are nearest."""
    store = VectorStore(work, dimension)
    version = store.current  # read once: a swap in between would mix two
    model, vectors = store.model(version), store.vectors(version)
    bag = bag_of(question)
    if model is None or not vectors.ntotal or not bag:
        return []
    _, found = vectors.search(embed(model, [bag]), min(limit, vectors.ntotal))
    return [int(chunk) for chunk in found[0]]


def by_both(
    work: str | Path, question: str, limit: int = DEPTH, *, dimension: int = 128
) -> list[int]:
    """Return the chunks that are high in both lists."""
    score = defaultdict[int, float](float)
    for found in (by_words(work, question), by_meaning(work, question, dimension=dimension)):
        for rank, chunk in enumerate(found):
            score[chunk] += 1 / (RANK + rank)
    return sorted(score, key=lambda chunk: (-score[chunk], chunk))[:limit]


def hits(work: str | Path, chunks: list[int]) -> list[Hit]:
    """Return what there is to read about some chunks."""
    with catalogue(work) as db:
        rows = db.execute(
            "SELECT chunks.id, name, year, speaker, text FROM chunks "
            "JOIN documents ON documents.id = document "
            "WHERE chunks.id IN (SELECT value FROM json_each(?))",
            (json.dumps(chunks),),
        )
        found = {row[0]: Hit(*row) for row in rows}
    return [found[chunk] for chunk in chunks if chunk in found]


def precision(
    work: str | Path, search: Callable[[str | Path, str, int], list[int]], best: int = 5
) -> float:
    """Return which part of the best five answers to all questions has one of the words."""
    good = 0
    for question, words in QUESTIONS.items():
        found = hits(work, search(work, question, best))
        good += sum(any(word in hit.text.lower() for word in words) for hit in found)
    return good / (best * len(QUESTIONS))
