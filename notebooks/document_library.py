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
import urllib.request
from collections.abc import Callable, Iterable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
Progress = Callable[[float, float, str], object]
Cancelled = Callable[[], bool]

STOPPED: Answer = {"success": False, "cancelled": True}
LIST = "metadata.csv"
"""The list of a source's documents; a source without one is all its text files."""
BLOCK = 1 << 16
"""Bytes that are copied between two looks at `cancelled`."""


def quiet(done: float, total: float, message: str) -> None:
    """Report to nobody."""


def never() -> bool:
    """Go on."""
    return False


def folder_of(work: str | Path, source: str) -> Path:
    """Return the folder of a source's documents."""
    return Path(work) / "documents" / source


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
    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(folder: str | Path) -> str:
    """Serve a folder to this machine alone, for as long as the process lives; return the address.

    It stands for the site that the documents would come from.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, name="documents", daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as reply:  # noqa: S310 - the caller's address
        content: bytes = reply.read()
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
    folder.mkdir(parents=True, exist_ok=True)
    listing = _get(f"{site}/{LIST}")
    rows = list(csv.DictReader(io.StringIO(listing.decode())))
    wanted = {folder / f"{row['fileid']}.txt": row["sha256"] for row in rows}
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
    return {"success": True, "fetched": len(missing), "skipped": len(rows) - len(missing)}


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
    folder = folder_of(work, source)
    if folder.exists():
        return {"success": False, "message": f"there is a source {source!r} already: remove it"}
    part = folder.with_name(f".{source}.part")
    shutil.rmtree(part, ignore_errors=True)  # of an upload that was killed
    part.mkdir(parents=True)
    total, sent = sum(file.stat().st_size for file in listed), 0
    for file in listed:
        with file.open("rb") as origin, (part / file.name).open("wb") as target:
            while block := origin.read(BLOCK):
                if cancelled():
                    shutil.rmtree(part)
                    return {**STOPPED}
                target.write(block)
                sent += len(block)
                progress(sent, total, file.name)
            target.flush()
            os.fsync(target.fileno())
    part.replace(folder)
    return {"success": True, "files": len(listed), "bytes": sent}
