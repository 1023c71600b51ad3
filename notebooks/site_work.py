"""Reads a web site, finds passages in it by their words and meaning, and links that it lacks.

Four plain functions, as command-line tools and web servers have them: each takes a callback
``on_progress(current, total, message)`` and a stop signal such as a ``threading.Event``, and writes
what it finds into tables of the application's own SQLite file.  Told to stop, it returns
``{"success": False, "cancelled": True, …}``.  Nothing here knows of jobs.

1. :func:`scrape` reads the pages of a site, one by one.
2. :func:`embed` cuts them into passages, learns from these which words go together (latent semantic
   analysis: word counts, and one decomposition in numpy), and gives each passage a vector.
3. :func:`search` finds passages, by words (SQLite FTS5) and by meaning.
4. :func:`discover` finds pages that are about the same and do not link to each other.

Each finds out by itself what is left to do, so one that was stopped, or killed, goes on.
"""

import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from needed import needing
from site_pages import NoPage, Page, read_page

with needing():
    import numpy as np

Progress = Callable[[int, int | None, str], object]
Result = dict[str, Any]

BUCKETS = 512
"""Numbers that words are hashed to."""
SIZE = 48
"""Numbers in a vector."""
BATCH = 50
"""Passages in one transaction."""
_SHORTEST = 60
_PATIENCE = 30.0
_EMPTY = "nothing is embedded yet: run embed first"
_BOTH = 60
"""How much the rank in one of two lists counts, as is usual for joining them."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (
    path TEXT PRIMARY KEY, state TEXT NOT NULL, title TEXT, text TEXT, links TEXT);
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY, path TEXT, place INTEGER, text TEXT, vector BLOB, UNIQUE (path, place));
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text, content=passages, content_rowid=id);
CREATE TABLE IF NOT EXISTS models (name TEXT PRIMARY KEY, weights BLOB, axes BLOB);
CREATE TABLE IF NOT EXISTS suggestions (
    source TEXT, target TEXT, nearness REAL, PRIMARY KEY (source, target));
"""


class StopSignal(Protocol):
    """What a function looks at to stop; a ``threading.Event`` is one."""

    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class Never:
    """The signal that is never given."""

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float | None = None) -> bool:
        return False


def silent(current: int, total: int | None, message: str) -> None:
    """Report nothing."""


NEVER = Never()


@contextmanager
def opened(path: str | Path) -> Iterator[sqlite3.Connection]:
    """Open the application's file, made if need be; ``with db:`` is a transaction."""
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as db:
        db.executescript(_SCHEMA)
        yield db


def _stopped(**so_far: Any) -> Result:
    return {"success": False, "cancelled": True, **so_far}


# -- scrape


def scrape(
    database: str | Path,
    address: str,
    *,
    on_progress: Progress = silent,
    signal: StopSignal = NEVER,
    again: bool = False,
    pause: float = 0.0,
) -> Result:
    """Read the pages of a site, from its front page on, and follow its links.

    Args:
        database: The application's file.
        address: The front page.  Only pages below it are read.
        on_progress: Called after each page, with the pages known so far as the total.
        signal: Looked at before each page, and waited for between two.
        again: Whether pages that are there are read again.
        pause: Seconds between two pages, out of politeness.

    Returns:
        How many pages were read, and which addresses lead nowhere.

    Raises:
        ValueError: for what is no address of a web site, such as that of a file.
    """
    if urlsplit(address).scheme not in {"http", "https"}:
        raise ValueError(f"the address of a site begins with http:// or https://, not {address!r}")
    front = urlsplit(address).path or "/"
    with opened(database) as db:
        with db:
            db.execute("INSERT OR IGNORE INTO pages (path, state) VALUES (?, 'found')", (front,))
            if again:
                db.execute("UPDATE pages SET state = 'found'")
        while left := db.execute(_NEXT).fetchone():
            visited, path = left
            if signal.is_set():
                return _stopped(pages=visited)
            try:
                page = read_page(urljoin(address, path))
            except NoPage:
                with db:
                    _forget_text(db, path)
                    db.execute("UPDATE pages SET state = 'broken' WHERE path = ?", (path,))
                continue
            below = {link for link in page.links if link.startswith(urljoin(front, "."))}
            with db:
                _store(db, path, page, below)
            (known,) = db.execute("SELECT count(*) FROM pages").fetchone()
            on_progress(visited + 1, known, page.title)
            if signal.wait(pause):
                return _stopped(pages=visited + 1)
        (pages,) = db.execute("SELECT count(*) FROM pages WHERE state = 'read'").fetchone()
        broken = db.execute("SELECT path FROM pages WHERE state = 'broken' ORDER BY 1").fetchall()
    return {"success": True, "pages": pages, "broken": [path for (path,) in broken]}


_NEXT = """
SELECT (SELECT count(*) FROM pages WHERE state <> 'found'), path
FROM pages WHERE state = 'found' ORDER BY path LIMIT 1
"""


def _store(db: sqlite3.Connection, path: str, page: Page, links: set[str]) -> None:
    text, found = "\n\n".join(page.blocks), sorted(links)
    if db.execute("SELECT text FROM pages WHERE path = ?", (path,)).fetchone() != (text,):
        _forget_text(db, path)
    db.execute(
        "UPDATE pages SET state = 'read', title = ?, text = ?, links = ? WHERE path = ?",
        (page.title, text, " ".join(found), path),
    )
    rows = [(link,) for link in found]
    db.executemany("INSERT OR IGNORE INTO pages (path, state) VALUES (?, 'found')", rows)


def _forget_text(db: sqlite3.Connection, path: str) -> None:
    db.execute(
        "INSERT INTO words (words, rowid, text) "
        "SELECT 'delete', id, text FROM passages WHERE path = ?",
        (path,),
    )
    db.execute("DELETE FROM passages WHERE path = ?", (path,))
    db.execute("UPDATE pages SET text = NULL, links = NULL WHERE path = ?", (path,))


# -- embed


def embed(
    database: str | Path, *, on_progress: Progress = silent, signal: StopSignal = NEVER
) -> Result:
    """Give each passage of the pages that were read a vector, made of the words in it.

    Returns:
        How many passages there are.
    """
    with opened(database) as db:
        rows = db.execute(
            "SELECT path, text FROM pages WHERE state = 'read' AND path NOT IN "
            "(SELECT path FROM passages) ORDER BY path"
        ).fetchall()
        for done, (path, text) in enumerate(rows):
            if signal.is_set():
                return _stopped(passages=0)
            on_progress(done, len(rows), f"cutting {path}")
            with db:
                _cut(db, path, text)
        if db.execute("SELECT 1 FROM passages").fetchone() is None:
            raise LookupError("no page with text was read yet: run scrape first")
        if db.execute("SELECT 1 FROM models").fetchone() is None:
            on_progress(0, None, "learning which words go together")
            _learn(db)
        return _embed_all(db, on_progress, signal)


def _cut(db: sqlite3.Connection, path: str, text: str) -> None:
    db.execute("BEGIN IMMEDIATE")
    if db.execute("SELECT 1 FROM passages WHERE path = ?", (path,)).fetchone():
        return  # another program has cut it meanwhile
    blocks = [" ".join(block.split()) for block in text.split("\n\n")]
    passages = [(path, place, one) for place, one in enumerate(blocks) if len(one) > _SHORTEST]
    if passages:
        db.execute("DELETE FROM models")  # other passages, another model
    db.executemany("INSERT INTO passages (path, place, text) VALUES (?, ?, ?)", passages)
    db.execute(
        "INSERT INTO words (rowid, text) SELECT id, text FROM passages WHERE path = ?", (path,)
    )


def _learn(db: sqlite3.Connection) -> None:
    """Decompose the word counts of all passages, and keep the axes on which they differ most."""
    counts = np.zeros((len(texts := _texts(db)), BUCKETS))
    for row, text in zip(counts, texts, strict=True):
        for word in _words(text):
            row[word] += 1
    weights = np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0)))
    counts = np.log1p(counts) * weights
    _, axes = np.linalg.eigh(counts.T @ counts)
    axes = axes[:, ::-1][:, :SIZE]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    with db:
        db.execute("UPDATE passages SET vector = NULL")
        db.execute(
            "REPLACE INTO models VALUES ('words', ?, ?)",
            (weights.astype("f4").tobytes(), axes.astype("f4").tobytes()),
        )


def _texts(db: sqlite3.Connection) -> list[str]:
    return [text for (text,) in db.execute("SELECT text FROM passages ORDER BY path, place")]


def _words(text: str) -> list[int]:
    return [zlib.crc32(word.encode()) % BUCKETS for word in re.findall(r"[a-z_]{3,}", text.lower())]


def _model(db: sqlite3.Connection) -> tuple[Any, Any]:
    found = db.execute("SELECT weights, axes FROM models").fetchone()
    if found is None:
        raise LookupError(_EMPTY)
    return np.frombuffer(found[0], "f4"), np.frombuffer(found[1], "f4").reshape(BUCKETS, -1)


def _vector(text: str, model: tuple[Any, Any]) -> Any:
    counts = np.zeros(BUCKETS, "f4")
    for word in _words(text):
        counts[word] += 1
    vector = (np.log1p(counts) * model[0]) @ model[1]
    return (vector / (np.linalg.norm(vector) or 1.0)).astype("f4")


def _embed_all(db: sqlite3.Connection, on_progress: Progress, signal: StopSignal) -> Result:
    model = _model(db)
    (total,) = db.execute("SELECT count(*) FROM passages").fetchone()
    while True:
        (done,) = db.execute("SELECT count(*) FROM passages WHERE vector IS NOT NULL").fetchone()
        on_progress(done, total, "embedding")
        rows = db.execute(
            "SELECT id, text FROM passages WHERE vector IS NULL LIMIT ?", (BATCH,)
        ).fetchall()
        if not rows:
            return {"success": True, "passages": total}
        if signal.is_set():
            return _stopped(passages=done)
        vectors = [(_vector(text, model).tobytes(), number) for number, text in rows]
        with db:
            db.executemany("UPDATE passages SET vector = ? WHERE id = ?", vectors)


# -- search


def search(
    database: str | Path,
    query: str,
    limit: int = 5,
    *,
    on_progress: Progress = silent,
    signal: StopSignal = NEVER,
) -> Result:
    """Find the passages that match best, by their words and by their meaning.

    Returns:
        For each the page, its title, and the passage.
    """
    with opened(database) as db:
        model, ranks = _model(db), dict[int, float]()
        on_progress(0, 2, "by words")
        asked = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", query)) or '""'
        matches = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 50"
        for rank, (number,) in enumerate(db.execute(matches, (asked,))):
            ranks[number] = 1 / (_BOTH + rank)
        if signal.is_set():
            return _stopped(found=[])
        on_progress(1, 2, "by meaning")
        numbers, vectors = _vectors(db, "SELECT id, vector FROM passages WHERE vector IS NOT NULL")
        for rank, index in enumerate(np.argsort(-(vectors @ _vector(query, model)))[:50]):
            number = numbers[index]
            ranks[number] = ranks.get(number, 0.0) + 1 / (_BOTH + rank)
        best = sorted(ranks, key=lambda number: (-ranks[number], number))[:limit]
        found = [
            db.execute(
                "SELECT path, title, passages.text FROM passages JOIN pages USING (path) "
                "WHERE id = ?",
                (number,),
            ).fetchone()
            for number in best
        ]
        on_progress(2, 2, query)
    return {"success": True, "found": [list(one) for one in found]}


def _vectors(db: sqlite3.Connection, query: str) -> tuple[list[Any], Any]:
    rows = db.execute(query).fetchall()
    vectors = np.frombuffer(b"".join(vector for _, vector in rows), "f4")
    return [key for key, _ in rows], vectors.reshape(len(rows), -1) if rows else vectors


# -- discover


def discover(
    database: str | Path,
    nearness: float = 0.75,
    *,
    on_progress: Progress = silent,
    signal: StopSignal = NEVER,
) -> Result:
    """Find pages that are about the same, and of which neither links to the other.

    Args:
        database: The application's file.
        nearness: From 0, nothing in common, to 1, the same words.
        on_progress: Called before each page.
        signal: Looked at before each page.

    Returns:
        How many links are suggested.
    """
    with opened(database) as db:
        paths, middles = page_vectors(db)
        links = db.execute("SELECT path, links FROM pages WHERE links IS NOT NULL").fetchall()
        known = {path: set(found.split()) for path, found in links}
        for done, path in enumerate(paths):
            if signal.is_set():
                return _stopped(compared=done)
            on_progress(done, len(paths), path)
            found = [
                (path, other, round(float(near), 3))
                for other, near in zip(paths, middles @ middles[done], strict=True)
                if near >= nearness and path < other
                if other not in known[path] and path not in known[other]
            ]
            with db:
                db.execute("DELETE FROM suggestions WHERE source = ?", (path,))
                db.executemany("INSERT INTO suggestions VALUES (?, ?, ?)", found)
        on_progress(len(paths), len(paths), "")
        (suggested,) = db.execute("SELECT count(*) FROM suggestions").fetchone()
    return {"success": True, "compared": len(paths), "suggested": suggested}


def page_vectors(db: sqlite3.Connection) -> tuple[list[str], Any]:
    """Return the pages, and for each the middle of its passages."""
    paths, vectors = _vectors(
        db, "SELECT path, vector FROM passages WHERE vector IS NOT NULL ORDER BY path, place"
    )
    if not paths:
        raise LookupError(_EMPTY)
    names = sorted(set(paths))
    middles = np.array([vectors[[path == name for path in paths]].mean(axis=0) for name in names])
    lengths = np.linalg.norm(middles, axis=1, keepdims=True)
    return names, middles / np.maximum(lengths, 1e-9)  # a page of words that all have is 0
