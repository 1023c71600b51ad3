"""Four tasks of a task manager: analysis, a batch of files, a sync with a server, an index of code.

Plain functions, as applications have them: each is handed the application's own SQLite file, a
callback ``progress(done, total, message)``, and a ``check()`` that raises when the task is to end.
What it finds goes into tables, a file or a row at a time, so that one that was ended in the middle
goes on there.  Nothing here knows of jobs.
"""

import ast
import gzip
import hashlib
import json
import sqlite3
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

Progress = Callable[[float, float | None, str], object]
Check = Callable[[], object]

LIBRARY = Path(sysconfig.get_path("stdlib"))
"""The standard library of this Python: a real tree of code."""
PACKAGES = ("asyncio", "concurrent", "email", "http", "json", "logging", "urllib")
_PATIENCE = 30.0
_PAGE = 10
_TIMES = 10
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS modules (
    path TEXT PRIMARY KEY, lines INTEGER, comments INTEGER, functions INTEGER, longest INTEGER);
CREATE TABLE IF NOT EXISTS packed (
    path TEXT PRIMARY KEY, bytes INTEGER, packed INTEGER, sha256 TEXT, error TEXT);
CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, sent TEXT);
CREATE TABLE IF NOT EXISTS reports (subject TEXT PRIMARY KEY, state TEXT, id TEXT);
CREATE TABLE IF NOT EXISTS indexed (path TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS symbols (
    id INTEGER PRIMARY KEY, path TEXT, name TEXT, line INTEGER, about TEXT, calls TEXT);
CREATE INDEX IF NOT EXISTS symbols_by_name ON symbols (name);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    name, about, content=symbols, content_rowid=id);
CREATE TABLE IF NOT EXISTS steps (
    goal TEXT, step INTEGER, name TEXT, path TEXT, line INTEGER, because TEXT,
    PRIMARY KEY (goal, step));
"""
_open = build_opener(ProxyHandler({})).open


@contextmanager
def opened(database: str | Path) -> Iterator[sqlite3.Connection]:
    """Open the application's file, made if need be; ``with db:`` is a transaction."""
    with closing(sqlite3.connect(database, timeout=_PATIENCE)) as db:
        db.executescript(_SCHEMA)
        yield db


def modules(packages: Iterable[str] = PACKAGES) -> list[str]:
    """Return the modules of some packages of the library, as paths below it."""
    found = (path for package in packages for path in (LIBRARY / package).rglob("*.py"))
    return sorted(path.relative_to(LIBRARY).as_posix() for path in found)


def _left(paths: Sequence[str], known: set[str], progress: Progress, check: Check) -> Iterator[str]:
    """Yield the paths that are not known; before each there is a report, and a check."""
    for done, path in enumerate(paths):
        progress(done, len(paths), path)
        check()
        if path not in known:
            yield path
    progress(len(paths), len(paths), "")


# -- analysis


def analyse(
    database: str | Path, paths: Sequence[str], *, progress: Progress, check: Check
) -> dict[str, Any]:
    """Count the lines, comments and functions of modules, and say which is the longest function."""
    with opened(database) as db:
        known = {path for (path,) in db.execute("SELECT path FROM modules")}
        for path in _left(paths, known, progress, check):
            row = _counts((LIBRARY / path).read_text(encoding="utf-8"))
            with db:
                db.execute("REPLACE INTO modules VALUES (?, ?, ?, ?, ?)", (path, *row))
        lines, functions = db.execute("SELECT sum(lines), sum(functions) FROM modules").fetchone()
        path, longest = db.execute(
            "SELECT path, longest FROM modules ORDER BY longest DESC, path LIMIT 1"
        ).fetchone()
    return {"lines": lines, "functions": functions, "longest": f"{longest} lines, in {path}"}


def _counts(text: str) -> tuple[int, int, int, int]:
    lines = text.splitlines()
    functions = [node for node in ast.walk(_parsed(text)) if isinstance(node, _FUNCTIONS)]
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for node in functions]
    comments = sum(line.lstrip().startswith("#") for line in lines)
    return len(lines), comments, len(functions), max(lengths, default=0)


# -- a batch of files


def pack(
    database: str | Path,
    paths: Sequence[str],
    folder: str | Path,
    *,
    progress: Progress,
    check: Check,
) -> dict[str, Any]:
    """Compress files into a folder; one that cannot be read is noted, and the others go on."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with opened(database) as db:
        known = {path for (path,) in db.execute("SELECT path FROM packed WHERE error IS NULL")}
        for path in _left(paths, known, progress, check):
            row = _packed(LIBRARY / path, folder / f"{path.replace('/', '.')}.gz")
            with db:
                db.execute("REPLACE INTO packed VALUES (?, ?, ?, ?, ?)", (path, *row))
        files, before, after = db.execute(
            "SELECT count(*), sum(bytes), sum(packed) FROM packed WHERE error IS NULL"
        ).fetchone()
        failed = dict(db.execute("SELECT path, error FROM packed WHERE error IS NOT NULL"))
    return {"files": files, "bytes": before, "packed": after, "failed": failed}


def _packed(source: Path, target: Path) -> tuple[int | None, int | None, str | None, str | None]:
    try:
        content = source.read_bytes()
    except OSError as error:
        return None, None, None, error.strerror
    unfinished = target.with_suffix(".part")
    unfinished.write_bytes(gzip.compress(content, mtime=0))
    unfinished.replace(target)  # whole, or not at all
    return len(content), target.stat().st_size, hashlib.sha256(content).hexdigest(), None


# -- a sync with a server


def sync(
    database: str | Path, address: str, token: str, *, progress: Progress, check: Check
) -> dict[str, Any]:
    """Exchange reports with another office, over HTTP: theirs come here, our orders go there.

    Theirs are read page by page.  An order has a key of its own, so that one that is sent twice is
    done once; and one that stands among their reports is not sent again, whatever has become of
    either side in between.
    """
    with opened(database) as db:
        done = _pull(db, address, token, progress, check)
        orders = db.execute("SELECT number FROM outbox WHERE sent IS NULL ORDER BY 1").fetchall()
        for sent, (number,) in enumerate(orders):
            progress(done + sent, done + len(orders), f"order {number}")
            check()
            order = {"type": "report", "arguments": {"number": number}}
            order["options"] = {"subject": f"order {number}"}
            told = _ask(address, token, "jobs", order, f"order {number}")
            with db:
                db.execute("UPDATE outbox SET sent = ? WHERE number = ?", (told["id"], number))
        progress(done + len(orders), done + len(orders), "")
        (reports,) = db.execute(
            "SELECT count(*) FROM reports WHERE subject LIKE 'report %'"
        ).fetchone()
        (sent,) = db.execute("SELECT count(*) FROM outbox WHERE sent IS NOT NULL").fetchone()
    return {"reports": reports, "orders": sent}


def _pull(
    db: sqlite3.Connection, address: str, token: str, progress: Progress, check: Check
) -> int:
    done, after = 0, ""
    while after is not None:
        asked = {"type": "report", "limit": _PAGE} | ({"after": after} if after else {})
        page = _ask(address, token, f"jobs?{urlencode(asked)}")
        rows = [(job["subject"], job["state"], job["id"]) for job in page["jobs"]]
        with db:
            db.executemany("REPLACE INTO reports VALUES (?, ?, ?)", rows)
        done, after = done + len(rows), page["next"]
        progress(done, None, "reading reports")  # how many there are is not known
        check()
    with db:
        db.execute(
            "UPDATE outbox SET sent = reports.id FROM reports "
            "WHERE sent IS NULL AND subject = 'order ' || number"
        )
    return done


def _ask(
    address: str, token: str, path: str, body: dict[str, Any] | None = None, key: str = ""
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    if key:
        headers["Idempotency-Key"] = key
    with _open(Request(address + path, data, headers), timeout=_PATIENCE) as answer:  # noqa: S310
        told: dict[str, Any] = json.load(answer)
        return told


# -- an index of code


def index_code(
    database: str | Path, paths: Sequence[str], *, progress: Progress, check: Check
) -> dict[str, Any]:
    """Index the functions and classes of modules: where they are, what they say, what they call."""
    with opened(database) as db:
        known = {path for (path,) in db.execute("SELECT path FROM indexed")}
        for path in _left(paths, known, progress, check):
            rows = list(_symbols(path, (LIBRARY / path).read_text(encoding="utf-8")))
            with db:
                _insert(db, path, rows)
        (symbols,) = db.execute("SELECT count(*) FROM symbols").fetchone()
    return {"modules": len(paths), "symbols": symbols}


def _symbols(path: str, text: str) -> Iterator[tuple[str, int, str, str]]:
    for node in ast.walk(_parsed(text)):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            called = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
            names = {f.id if isinstance(f, ast.Name) else getattr(f, "attr", "") for f in called}
            about = (ast.get_docstring(node) or "").partition("\n")[0]
            yield node.name, node.lineno, about, " ".join(sorted(names - {"", node.name}))


def _parsed(text: str) -> ast.Module:
    """Parse a module, though other threads parse as well: a cell that is run does.

    CPython counts the depth of what it builds for all threads together.  If another thread gets its
    turn in the middle, the count is wrong, and a SystemError says so, of a text that is right.
    """
    for _ in range(_TIMES):
        with suppress(SystemError):
            return ast.parse(text)
    return ast.parse(text)


def _insert(db: sqlite3.Connection, path: str, rows: Iterable[tuple[str, int, str, str]]) -> None:
    first = db.execute("INSERT OR IGNORE INTO indexed VALUES (?)", (path,))
    if not first.rowcount:
        return  # another run has been here meanwhile
    for name, line, about, calls in rows:
        number = db.execute(
            "INSERT INTO symbols (path, name, line, about, calls) VALUES (?, ?, ?, ?, ?)",
            (path, name, line, about, calls),
        ).lastrowid
        db.execute("INSERT INTO words (rowid, name, about) VALUES (?, ?, ?)", (number, name, about))


def find(database: str | Path, words: str, limit: int = 5) -> list[tuple[str, str, str]]:
    """Return the symbols that match best: name, place, and what they say of themselves."""
    quoted = " ".join(f'"{word}"' for word in words.split())
    with opened(database) as db:
        return db.execute(
            "SELECT symbols.name, path || ':' || line, symbols.about FROM words "
            "JOIN symbols ON symbols.id = words.rowid WHERE words MATCH ? ORDER BY rank LIMIT ?",
            (quoted, limit),
        ).fetchall()
