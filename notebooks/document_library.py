"""A library of documents: a folder of text files for each source, filled by downloads and uploads.

Plain functions that know of no jobs.  Each takes `progress(done, total, message)`, which it calls
now and then, and `cancelled()`, which it asks as often, and returns a dictionary.  Asked to stop,
it tidies up and returns `{"success": False, "cancelled": True}`; a failure that it can name is
`{"success": False, "message": …}`.
"""

import csv
import hashlib
import io
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

Answer = dict[str, Any]
Progress = Callable[[float, float, str], object]
Cancelled = Callable[[], bool]

STOPPED: Answer = {"success": False, "cancelled": True}
LIST = "metadata.csv"
"""The list of a source's documents; a source without one is all its text files."""
COLUMNS = ("fileid", "year", "president", "party", "sha256")
"""What a list tells of each document."""
BLOCK = 1 << 16
"""Bytes that are copied between two looks at `cancelled`."""


class BadList(ValueError):
    """A list of documents cannot be used; the message says why."""


def quiet(done: float, total: float, message: str) -> None:
    """Report nothing."""


def never() -> bool:
    """Go on."""
    return False


def folder_of(work: str | Path, source: str) -> Path:
    """Return the folder of a source's documents."""
    return Path(work) / "documents" / source


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a file or a folder, and leads nowhere else."""
    return bool(text) and text == Path(text).name and not text.startswith(".")


def rows_of(listing: str) -> list[dict[str, str]]:
    """Return the rows of a list of documents; of a document that comes twice, the last.

    Raises:
        BadList: it lacks a column, or what it names is no file of the source.
    """
    reader = csv.DictReader(io.StringIO(listing), restval="")
    rows = list(reader)
    if missing := set(COLUMNS).difference(reader.fieldnames or ()):
        raise BadList(f"{LIST} lacks the column {min(missing)!r}")
    if bad := [row["fileid"] for row in rows if not is_name(row["fileid"])]:
        raise BadList(f"{LIST} names {bad[0]!r}, which is no name of a file")
    return list({row["fileid"]: row for row in rows}.values())


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; empty if it is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole, or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


# -- download


class _QuietHandler(SimpleHTTPRequestHandler):
    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(ConnectionError):  # the reader has gone
            super().copyfile(source, outputfile)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(folder: str | Path) -> str:
    """Serve a folder to this machine alone, for as long as the process lives; return the address.

    It stands for the site that the documents would come from.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, name="documents", daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


_open = build_opener(ProxyHandler({})).open  # a proxy would know nothing of this machine


def _get(address: str) -> bytes:
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"a site has an address that begins with http://, not {address!r}")
    try:
        with _open(address, timeout=30) as reply:
            content: bytes = reply.read()
    except OSError as error:
        raise ConnectionError(f"{address}: {getattr(error, 'reason', error)}") from None
    return content


def download(
    site: str,
    work: str | Path,
    source: str,
    *,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
) -> Answer:
    """Fetch the documents that a site lists and this source does not have yet.

    A document is there if its digest is the one in the list, so that a second download fetches
    nothing, and one after a change what has changed.
    """
    folder = folder_of(work, source)
    listing = _get(f"{site}/{LIST}")
    try:
        rows = rows_of(listing.decode())
    except ValueError as error:
        return {"success": False, "message": f"{site}: {error}"}
    wanted = {folder / f"{row['fileid']}.txt": row["sha256"] for row in rows}
    folder.mkdir(parents=True, exist_ok=True)
    missing = [path for path, digest in wanted.items() if digest_of(path) != digest]
    for fetched, path in enumerate(missing):
        if cancelled():
            return {**STOPPED, "fetched": fetched}
        progress(fetched, len(missing), path.stem)
        content = _get(f"{site}/speeches/{path.name}")
        if hashlib.sha256(content).hexdigest() != wanted[path]:
            return {"success": False, "message": f"{path.name} arrived damaged: try again"}
        write_whole(path, content)
    write_whole(folder / LIST, listing)
    progress(len(missing), len(missing), "")
    return {"success": True, "fetched": len(missing), "skipped": len(wanted) - len(missing)}


# -- upload


def upload(
    files: Iterable[str | Path],
    work: str | Path,
    source: str,
    *,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
) -> Answer:
    """Add a source: all of its files appear at once, or none of them does."""
    listed = [Path(file) for file in files]
    if not is_name(source):
        return {"success": False, "message": f"{source!r} is no name of a source"}
    folder = folder_of(work, source)
    if folder.exists():
        return {"success": False, "message": f"there is a source {source!r} already: remove it"}
    if twice := [name for name, times in Counter(f.name for f in listed).items() if times > 1]:
        return {"success": False, "message": f"two files are called {twice[0]!r}: rename one"}
    part = folder.with_name(f".{source}.part")
    shutil.rmtree(part, ignore_errors=True)  # of an upload that was killed
    part.mkdir(parents=True)
    try:
        sent = _copy(listed, part, progress, cancelled)
        if sent is None:
            return {**STOPPED}
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return {"success": True, "files": len(listed), "bytes": sent}


def _copy(
    files: Sequence[Path], folder: Path, progress: Progress, cancelled: Cancelled
) -> int | None:
    """Copy files into a folder; return their bytes, or None if it is to stop."""
    total, sent = sum(file.stat().st_size for file in files), 0
    for file in files:
        with file.open("rb") as origin, (folder / file.name).open("wb") as target:
            while block := origin.read(BLOCK):
                if cancelled():
                    return None
                target.write(block)
                sent += len(block)
                progress(sent, total, file.name)
            target.flush()
            os.fsync(target.fileno())
    return sent
