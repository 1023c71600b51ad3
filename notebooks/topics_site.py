"""A small real site on this machine: Python's own documentation of its language, page by page.

The texts are those that ``help()`` shows, some eighty, as every Python has them
(``pydoc_data.topics``).  A front page lists them; a page links to those that its text names, and to
those that ``help()`` calls related.  One link of the front page leads nowhere, as on any site.

    with serve(delay=0.05) as site:
        print(site.address)      # http://127.0.0.1:…/

Or as a program: ``python topics_site.py --port 8000 --delay 0.05``.
"""

import argparse
import html
import pydoc
import re
import threading
import time
from contextlib import suppress
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pydoc_data.topics import topics
from typing import Self

_RULE = re.compile(r"([*=\-~^\"])\1{2,}")
_NAMED = re.compile(r"[Ss]ections?\s+([A-Z][^.,;)“\"]{3,60})")
_SILENCE = 0.05
"""Seconds after which a server that was told to end looks up."""


@cache
def pages() -> dict[str, str]:
    """Return the pages of the site as HTML, by their paths."""
    known = _headings()
    made = {f"/{name}.html": _page(name, text, known) for name, text in sorted(topics.items())}
    links = "\n".join(f'<li><a href="{path}">{path[1:-5]}</a></li>' for path in made)
    front = f'<ul>\n{links}\n<li><a href="/glossary.html">glossary</a></li></ul>'
    return {"/": _html("The language", front), **made}


def _headings() -> dict[str, str]:
    """Return which topic each heading is in, in small letters."""
    found = dict[str, str]()
    for name, text in topics.items():
        lines = text.splitlines()
        for line, below in pairwise(lines):
            if line.strip() and _RULE.fullmatch(below):
                found.setdefault(line.strip().lower(), name)
    return found


def _related(name: str) -> set[str]:
    """Return the topics that help() names below a text."""
    found = set[str]()
    for entry in pydoc.Helper.topics.values():
        if isinstance(entry, tuple) and entry[0] == name:
            for word in entry[1].split():
                there = pydoc.Helper.topics.get(word, word)
                target = there[0] if isinstance(there, tuple) else there
                found |= {target} & topics.keys()
    return found - {name}


def _page(name: str, text: str, known: dict[str, str]) -> str:
    title, _, body = text.partition("\n")
    named = " ".join(text.split())
    links = _related(name)
    for match in _NAMED.finditer(named):
        words = match[1].lower()
        links |= {there for heading, there in known.items() if words.startswith(heading)}
    blocks = [block.rstrip() for block in re.split(r"\n\s*\n", body) if block.strip()]
    texts = "\n".join(
        f"<pre>{html.escape(block)}</pre>"
        if block.startswith(" ")
        else f"<p>{html.escape(block)}</p>"
        for block in blocks
        if not _RULE.fullmatch(block.strip())
    )
    see = " ".join(f'<a href="/{one}.html">{one}</a>' for one in sorted(links - {name}))
    return _html(title.strip(' "') or name, f"{texts}\n<nav>See also: {see}</nav>")


def _html(title: str, body: str) -> str:
    title = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>\n{body}</body></html>"
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, delay: float, *args: object) -> None:
        self.delay = delay
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        time.sleep(self.delay)
        page = pages().get(self.path)
        body = (page or _html("Not found", "<p>There is no such page.</p>")).encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # the reader has gone
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Site(ThreadingHTTPServer):
    """The server, at work in a thread of its own; a block closes it at its end."""

    daemon_threads = True

    @property
    def address(self) -> str:
        """The front page."""
        return f"http://127.0.0.1:{self.server_port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def serve(delay: float = 0.0, port: int = 0) -> Site:
    """Serve the site, for a block, or for as long as this process lives.

    Args:
        delay: Seconds that each page takes, as from a server far away.
        port: Default: a free one.
    """
    site = Site(("127.0.0.1", port), partial(_Handler, delay))
    threading.Thread(target=site.serve_forever, args=(_SILENCE,), daemon=True).start()
    return site


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Python's documentation of its language as a site")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each page takes")
    given = parser.parse_args()
    with serve(given.delay, given.port) as site:
        print(site.address, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
