"""A searchable index of 17,472 films: full text and likeness, in one SQLite file.

Four phases build it, each an ordinary function that works in batches and can be called anywhere:

1. `read_films` copies what the index needs from the film database (metadata first: the index only
   ever holds films that are known);
2. `clear` removes what was indexed before, a thousand rows at a time;
3. `index` gives each film its text (SQLite FTS5) and its vector, a hundred films a transaction;
4. `tag` counts genres and countries.

The vector of a film is made of the three-letter pieces of its words, hashed into 256 numbers: a
small model that needs no download, and does not mind a slip of the keyboard.

As job types they are found again after a restart, because this module registers them when it is
imported. Each phase finds out by itself what is left to do, so one that was interrupted goes on.
"""

import array
import math
import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import jobactors as ja

SIZE = 256
"""Numbers in a film's vector."""
BATCH = 100
"""Films in one transaction."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS films (
    id INTEGER PRIMARY KEY, title TEXT, year INTEGER, genres TEXT, people TEXT, countries TEXT);
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5 (title, people, about);
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, vector BLOB);
CREATE TABLE IF NOT EXISTS tags (kind TEXT, tag TEXT, films INTEGER, PRIMARY KEY (kind, tag));
"""
_FILMS = """
SELECT ID, Title, Year, Genre, Director || ', ' || coalesce("Cast", ''), Country
FROM omdb WHERE ID > ? ORDER BY ID
"""


class FilmError(ValueError):
    """One film cannot be indexed; the others can."""


@contextmanager
def opened(path: str | Path) -> Iterator[sqlite3.Connection]:
    """Open an index, made if need be; a block is a series of transactions."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_SCHEMA)
        yield connection


# -- the phases


@ja.job("film metadata", category="films")
def read_films(source: str, target: str) -> int:
    """Copy the films that the index does not know yet, and return how many it knows then."""
    with (
        opened(target) as index,
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as db,
    ):
        (last,) = index.execute("SELECT coalesce(max(id), 0) FROM films").fetchone()
        rows = db.execute(_FILMS, (last,)).fetchall()
        for batch in ja.batches(rows, 10 * BATCH, done=lambda row: row[0] <= last, unit="films"):
            with index:
                index.executemany("INSERT OR REPLACE INTO films VALUES (?, ?, ?, ?, ?, ?)", batch)
        (films,) = index.execute("SELECT count(*) FROM films").fetchone()
        return int(films)


@ja.job("clear film index", category="films")
def clear(target: str) -> int:
    """Remove what was indexed, a little at a time, and return how many films that were."""
    removed = 0
    with opened(target) as index:
        while True:
            ja.progress(removed, unit="films")
            with index:
                ids = index.execute("SELECT id FROM vectors LIMIT ?", (10 * BATCH,)).fetchall()
                index.executemany("DELETE FROM texts WHERE rowid = ?", ids)
                index.executemany("DELETE FROM vectors WHERE id = ?", ids)
            removed += len(ids)
            if not ids:
                return removed


@ja.job("index films", category="films")
def index(target: str) -> int:
    """Index the films that are not indexed yet, and return how many are then."""
    with opened(target) as connection:
        films = connection.execute("SELECT * FROM films ORDER BY id").fetchall()
        known = {film for (film,) in connection.execute("SELECT id FROM vectors")}
        for batch in ja.batches(films, BATCH, done=lambda film: film[0] in known, unit="films"):
            with connection:
                for film in batch:
                    with ja.collect_errors(film[1]):
                        _index_one(connection, film)
        (indexed,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
        return int(indexed)


def _index_one(connection: sqlite3.Connection, film: Sequence[Any]) -> None:
    film_id, title, year, genres, people, countries = film
    if not countries:
        raise FilmError("it comes from nowhere")
    about = f"{year} {genres} {countries}"
    vector = vector_of(title)
    connection.execute(
        "INSERT INTO texts (rowid, title, people, about) VALUES (?, ?, ?, ?)",
        (film_id, title, people, about),
    )
    connection.execute("INSERT INTO vectors VALUES (?, ?)", (film_id, vector.tobytes()))


@ja.job("tag films", category="films")
def tag(target: str) -> dict[str, int]:
    """Count the films of each genre and country, and return the most frequent genres."""
    counts = Counter[tuple[str, str]]()
    with opened(target) as connection:
        rows = connection.execute(
            "SELECT genres, countries FROM films JOIN vectors USING (id)"
        ).fetchall()
        for genres, countries in ja.track(rows, unit="films"):
            counts.update(("genre", word) for word in _words(genres))
            counts.update(("country", word) for word in _words(countries))
        with connection:
            connection.execute("DELETE FROM tags")
            connection.executemany(
                "INSERT INTO tags VALUES (?, ?, ?)", [(*key, n) for key, n in counts.items()]
            )
    genres = Counter({word: n for (kind, word), n in counts.items() if kind == "genre"})
    return dict(genres.most_common(5))


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def build(source: str | Path, target: str | Path) -> ja.Chain:
    """Return the chain that builds the index at `target`: to be submitted, or run as it is."""
    paths = {"source": str(source), "target": str(target)}
    only_target = {"target": str(target)}
    return ja.chain(
        ja.phase("Metadata", read_films, paths, weight=5),
        ja.phase("Clear", clear, only_target, weight=5),
        ja.phase("Index", index, only_target, weight=85, after="Metadata"),
        ja.phase("Tags", tag, only_target, weight=5, after="Index"),
        name="build the film index",
    )


# -- the vectors


def vector_of(text: str) -> "array.array[float]":
    """Return what a text is about as numbers: its three-letter pieces, hashed and weighed."""
    vector = array.array("f", bytes(4 * SIZE))
    for word in re.findall(r"\w+", text.casefold()):
        padded = f"^{word}$"
        for start in range(len(padded) - 2):
            number = zlib.crc32(padded[start : start + 3].encode())
            vector[number % SIZE] += 1.0 if number & 0x8000 else -1.0
    length = math.sqrt(sum(part * part for part in vector)) or 1.0
    return array.array("f", [part / length for part in vector])


# -- the questions


def search(target: str | Path, words: str, limit: int = 5) -> list[tuple[str, int]]:
    """Return the titles and years of the films that match best."""
    quoted = " ".join(f'"{word}"' for word in re.findall(r"\w+", words))
    with opened(target) as connection:
        return connection.execute(
            "SELECT films.title, films.year FROM texts JOIN films ON films.id = texts.rowid "
            "WHERE texts MATCH ? ORDER BY rank LIMIT ?",
            (quoted, limit),
        ).fetchall()


def like(target: str | Path, text: str, limit: int = 5) -> list[tuple[str, int]]:
    """Return the titles and years of the films that are most like a text."""
    wanted = vector_of(text)
    with opened(target) as connection:
        nearness = dict[int, float]()
        for film_id, blob in connection.execute("SELECT id, vector FROM vectors"):
            vector = array.array("f", blob)
            nearness[film_id] = sum(a * b for a, b in zip(wanted, vector, strict=True))
        best = sorted(nearness, key=lambda film_id: -nearness[film_id])[:limit]
        found = (
            connection.execute("SELECT title, year FROM films WHERE id = ?", (film_id,)).fetchone()
            for film_id in best
        )
        return list(found)
