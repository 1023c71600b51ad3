"""The catalogue of all documents: their metadata, their text in chunks, and the words in it.

One SQLite file.  A document is cut into chunks of 120 words, which are what is found by a search:
by their words here (FTS5), by their meaning in a vector store (`document_index.py`).

The functions have the shape of those in `document_library.py`.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from math import log
from pathlib import Path
from typing import NamedTuple

from document_library import (
    LIST,
    STOPPED,
    Answer,
    BadList,
    Cancelled,
    Progress,
    digest_of,
    folder_of,
    never,
    quiet,
    rows_of,
)
from document_vectors import bag_of

CHUNK = 120
"""Words of a chunk."""
TAGS = 5
"""Tags of a document."""
COMMON = 1 / 40
"""A word in more chunks than this part is no tag,"""
FEW = 3
"""unless there are no more than that."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, source TEXT, name TEXT, year INTEGER, speaker TEXT, party TEXT,
    digest TEXT, chunks INTEGER, tags TEXT, tagged TEXT, UNIQUE (source, name));
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER, text TEXT, bag BLOB);
CREATE INDEX IF NOT EXISTS chunks_of ON chunks (document);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    text, content='chunks', content_rowid='id');
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (words, 'row');
"""

OnError = Callable[[str, Exception], object]


class DocumentError(ValueError):
    """One document cannot be used; the others can."""


class Entry(NamedTuple):
    """A document as its source lists it."""

    name: str
    year: int | None
    speaker: str
    party: str
    digest: str


@contextmanager
def catalogue(work: str | Path) -> Iterator[sqlite3.Connection]:
    """Open the catalogue, made if need be; a block is a series of transactions."""
    with closing(sqlite3.connect(Path(work) / "catalogue.db", timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_SCHEMA)
        yield connection


@contextmanager
def catalogue_as_it_is(work: str | Path) -> Iterator[sqlite3.Connection]:
    """Open the catalogue to read it as it is now: what others write meanwhile is not seen."""
    with catalogue(work) as connection:
        connection.execute("BEGIN")  # until the end of the block: nobody waits for a reader
        yield connection


def raise_it(item: str, error: Exception) -> None:
    """Do not collect errors: one document that cannot be used ends the work."""
    raise error


# -- metadata


def entries_of(folder: Path) -> list[Entry]:
    """Return the documents of a source: of its list, or all its text files.

    Raises:
        BadList: as `rows_of` says.
    """
    if not (folder / LIST).exists():
        texts = sorted(folder.glob("*.txt"))
        return [Entry(text.stem, None, "", "", digest_of(text)) for text in texts]
    return [
        Entry(row["fileid"], _year(row["year"]), row["president"], row["party"], row["sha256"])
        for row in rows_of((folder / LIST).read_text(encoding="utf-8"))
    ]


def _year(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def read_metadata(
    work: str | Path,
    source: str,
    *,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
    on_error: OnError = raise_it,
    dry_run: bool = False,
) -> Answer:
    """Bring the catalogue up to date with a source's folder, a document a transaction."""
    folder = folder_of(work, source)
    if not folder.is_dir():
        return {"success": False, "message": f"there is no source {source!r}: download it first"}
    try:
        entries = entries_of(folder)
    except BadList as error:
        return {"success": False, "message": str(error)}
    added = 0
    with catalogue(work) as db:
        rows = db.execute("SELECT name, digest FROM documents WHERE source = ?", (source,))
        known = dict(rows.fetchall())
        gone = sorted(known.keys() - {entry.name for entry in entries})
        changed = [entry for entry in entries if known.get(entry.name) != entry.digest]
        if dry_run:
            return {"success": True, "would_add": len(changed), "would_remove": len(gone)}
        with db:
            for name in gone:
                _remove(db, source, name)
        for done, entry in enumerate(changed):
            if cancelled():
                return {**STOPPED, "added": added}
            progress(done, len(changed), entry.name)
            try:
                with db:
                    _add(db, source, entry, folder / f"{entry.name}.txt")
                added += 1
            except (DocumentError, UnicodeDecodeError, OSError) as error:
                on_error(entry.name, error)
        progress(len(changed), len(changed), "")
        chunks = len(chunks_of(db, source))
    return {"success": True, "added": added, "removed": len(gone), "chunks": chunks}


def _add(db: sqlite3.Connection, source: str, entry: Entry, path: Path) -> None:
    words = path.read_text(encoding="utf-8").split()
    if not words:
        raise DocumentError("it is empty")
    _remove(db, source, entry.name)
    texts = [" ".join(words[i : i + CHUNK]) for i in range(0, len(words), CHUNK)]
    row = (source, *entry, len(texts))
    document = db.execute(
        "INSERT INTO documents (source, name, year, speaker, party, digest, chunks) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    ).lastrowid
    for text in texts:
        chunk = db.execute(
            "INSERT INTO chunks (document, text, bag) VALUES (?, ?, ?)",
            (document, text, bag_of(text)),
        ).lastrowid
        db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (chunk, text))


def _remove(db: sqlite3.Connection, source: str, name: str) -> None:
    found = db.execute(
        "SELECT chunks.id, text FROM chunks JOIN documents ON documents.id = document "
        "WHERE source = ? AND name = ?",
        (source, name),
    ).fetchall()
    db.executemany("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", found)
    db.executemany("DELETE FROM chunks WHERE id = ?", [(chunk,) for chunk, _ in found])
    db.execute("DELETE FROM documents WHERE source = ? AND name = ?", (source, name))


# -- what the others read


def chunks_of(db: sqlite3.Connection, source: str | None = None) -> list[int]:
    """Return the ids of a source's chunks, or of all."""
    rows = db.execute(
        "SELECT chunks.id FROM chunks JOIN documents ON documents.id = document "
        "WHERE ? IS NULL OR source = ? ORDER BY chunks.id",
        (source, source),
    )
    return [chunk for (chunk,) in rows]


def bags_of(db: sqlite3.Connection, chunks: list[int]) -> list[bytes]:
    """Return the hashed words of some chunks, in their order.

    Raises:
        KeyError: if one of them is gone.
    """
    rows = db.execute(
        "SELECT id, bag FROM chunks WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(chunks),),
    )
    found: dict[int, bytes] = dict(rows.fetchall())
    return [found[chunk] for chunk in chunks]


def fingerprint(db: sqlite3.Connection) -> str:
    """Return a text that changes whenever a document does."""
    rows = db.execute("SELECT source, name, digest FROM documents ORDER BY 1, 2").fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


# -- tags


def tag(
    work: str | Path,
    source: str,
    *,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
    dry_run: bool = False,
) -> Answer:
    """Give each document the words that are frequent in it and rare elsewhere."""
    with catalogue(work) as db:
        state = fingerprint(db)
        pending = db.execute(
            "SELECT id, name FROM documents WHERE source = ? AND tagged IS NOT ? ORDER BY id",
            (source, state),
        ).fetchall()
        if dry_run:
            return {"success": True, "would_tag": len(pending)}
        frequent = dict(db.execute("SELECT term, doc FROM vocabulary").fetchall())
        frequent[""] = len(chunks_of(db))
        for done, (document, name) in enumerate(pending):
            if cancelled():
                return {**STOPPED, "tagged": done}
            progress(done, len(pending), name)
            with db:
                db.execute(
                    "UPDATE documents SET tags = ?, tagged = ? WHERE id = ?",
                    (", ".join(_tags_of(db, document, frequent)), state, document),
                )
        progress(len(pending), len(pending), "")
        found = Counter[str]()
        rows = db.execute("SELECT tags FROM documents WHERE source = ?", (source,)).fetchall()
        for (tags,) in rows:
            found.update(tags.split(", ") if tags else [])
    return {"success": True, "tagged": len(pending), "most": dict(found.most_common(TAGS))}


def _tags_of(db: sqlite3.Connection, document: int, frequent: dict[str, int]) -> list[str]:
    total = frequent[""]
    rows = db.execute("SELECT text FROM chunks WHERE document = ?", (document,)).fetchall()
    found = Counter(word for (text,) in rows for word in re.findall(r"[a-z]{5,}", text.lower()))
    most = max(total * COMMON, FEW)
    words = {word: n for word, n in found.items() if frequent.get(word, 0) <= most}

    def weight(word: str) -> tuple[float, str]:
        return (words[word] * log(total / (1 + frequent.get(word, 0))), word)

    return sorted(words, key=weight, reverse=True)[:TAGS]
