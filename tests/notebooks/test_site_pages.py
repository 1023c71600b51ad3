# ruff: noqa: D103 (the name of a test is its sentence)
"""The site that the commands read may be anything: broken, hostile, in a folder, or gone."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import site_work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = "<p>" + "Elephants and giraffes eat a great deal of hay every day. " * 3 + "</p>"


class Answer(NamedTuple):
    """What the site answers for one path."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    elsewhere: str = ""


class Site(ThreadingHTTPServer):
    """A site of answers by their paths, at work in a thread of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, Answer] = {}

    def show(self, **pages: str | Answer) -> None:
        """Have these pages, and no others; `front` is the front page."""
        for name, page in pages.items():
            path = "/" if name == "front" else f"/{name}"
            self.answers[path] = page if isinstance(page, Answer) else Answer(page.encode())


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        answer = self.server.answers.get(self.path, Answer(b"", status=404))
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.elsewhere:
            self.send_header("Location", answer.elsewhere)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        turning = threading.Thread(target=server.serve_forever, args=(0.01,))
        turning.start()
        yield server
        server.shutdown()
        turning.join()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(site_work, "BUCKETS", 32)  # a model of so few words is made at once
    return tmp_path / "site.db"


def links(*targets: str) -> str:
    return "".join(f'<a href="{target}">there</a>' for target in targets)


def passages(database: Path) -> list[str]:
    """The pages that have passages."""
    with site_work.opened(database) as db:
        rows = db.execute("SELECT DISTINCT path FROM passages ORDER BY 1").fetchall()
    return [path for (path,) in rows]


def test_a_page_that_cannot_be_read_costs_itself_alone(site: Site, database: Path) -> None:
    bad = Answer(b"", status=302, elsewhere="http://site.invalid/")
    site.show(
        front=links("picture", "latin", "unheard", "elsewhere", "declaration", "good") + TEXT,
        picture=Answer(b"\x89PNG\xff\x00" * 50, "image/png"),
        latin=Answer(f"caf\xe9 {TEXT}".encode("latin-1"), "text/html; charset=latin-1"),
        unheard=Answer(b"\xff\xfe" + TEXT.encode(), "text/html; charset=nothing-known"),
        elsewhere=bad,
        declaration="<![foo]]>",
        good=TEXT,
    )
    result = site_work.scrape(database, site.address)
    assert result["broken"] == ["/declaration", "/elsewhere", "/picture"]
    assert result["pages"] == 4
    assert site_work.embed(database)["passages"] == 4


def test_links_that_are_no_addresses_of_the_site_are_not_followed(
    site: Site, database: Path
) -> None:
    there = ["javascript:alert(1)", "mailto:a@b", "http://[::1", "//site.invalid/x", "#part", ""]
    site.show(front=links(*there, "a b", "é", "page?query#part") + TEXT, page=TEXT)
    site.show(**{"a%20b": TEXT, "%C3%A9": TEXT})
    result = site_work.scrape(database, site.address)
    assert result == {"success": True, "pages": 4, "broken": []}


def test_of_a_site_in_a_folder_only_the_pages_below_it_are_read(site: Site, database: Path) -> None:
    site.show(front=TEXT, other=TEXT)
    site.show(**{"docs/": links("page", "../other") + TEXT, "docs/page": links("/") + TEXT})
    assert site_work.scrape(database, f"{site.address}/docs/")["pages"] == 2
    site_work.embed(database)
    assert passages(database) == ["/docs/", "/docs/page"]


def test_a_page_that_has_gone_is_found_no_more(site: Site, database: Path) -> None:
    site.show(front=links("a", "b") + TEXT, a=TEXT, b=TEXT)
    site_work.scrape(database, site.address)
    site_work.embed(database)
    del site.answers["/b"]
    assert site_work.scrape(database, site.address, again=True)["broken"] == ["/b"]
    assert passages(database) == ["/", "/a"]
    assert {path for path, _, _ in site_work.search(database, "hay")["found"]} == {"/", "/a"}


def test_links_are_suggested_while_pages_wait_to_be_read_again(site: Site, database: Path) -> None:
    site.show(front=links("a", "b") + TEXT, a=TEXT, b=TEXT)
    site_work.scrape(database, site.address)
    site_work.embed(database)
    before = site_work.discover(database, nearness=-1.0)
    with site_work.opened(database) as db, db:
        db.execute("UPDATE pages SET state = 'found'")
    assert site_work.discover(database, nearness=-1.0) == before
    assert before["suggested"] == 1  # of the two that the front page links to


def test_pages_without_text_do_not_have_the_model_made_again(site: Site, database: Path) -> None:
    told: list[Any] = []
    site.show(front=links("a"), a=TEXT)
    site_work.scrape(database, site.address)
    site_work.embed(database)
    site_work.embed(database, on_progress=lambda *now: told.append(now))
    assert [message for _, total, message in told if total is None] == []
