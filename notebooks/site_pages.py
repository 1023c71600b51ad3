"""Reads one page of a web site: its title, its paragraphs, and the pages that it links to.

What a server sends is not trusted: it may be no text, in a wrong encoding, endless, no HTML, or a
redirect to somewhere else.
"""

from html.parser import HTMLParser
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

LONGEST = 4_000_000
"""Bytes of a page that are read."""
_PATIENCE = 30.0
_AS_IT_IS = "/%:@!$&'()*+,;=~"


class NoPage(LookupError):
    """There is no page at an address: it is missing, no text, or at another site."""


class _OneSite(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).netloc != req.host:
            return None  # the redirect itself is the answer
        return super().redirect_request(req, fp, code, msg, headers, newurl)


open_address = build_opener(ProxyHandler({}), _OneSite).open
"""Opens an address; not by a proxy, which would know nothing of this machine."""


class Page(HTMLParser):
    """A page: its title, its paragraphs, and the paths of the pages it links to."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self.title = ""
        self.blocks: list[str] = []
        self.links: set[str] = set()
        self._address = address
        self._inside = ""
        try:
            self.feed(text)
        except AssertionError as error:  # a declaration that the parser does not know
            raise NoPage(str(error)) from None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target is not None and (path := self._path_of(target)):
            self.links.add(path)
        if tag in {"p", "pre", "title"}:
            self._inside = tag
            self.blocks += [""] if tag != "title" else []

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif self._inside:
            self.blocks[-1] += data

    def _path_of(self, target: str) -> str | None:
        """Return the path of a link; None for one that leaves the site, or is no address."""
        here = urlsplit(self._address)
        try:
            there = urlsplit(urljoin(self._address, target))
        except ValueError:
            return None
        same = (there.scheme, there.netloc) == (here.scheme, here.netloc)
        return quote(there.path or "/", safe=_AS_IT_IS) if same else None


def read_page(address: str) -> Page:
    """Fetch a page.

    Raises:
        NoPage: there is none.
        OSError: the server does not answer, or cannot at present.
    """
    try:
        with open_address(address, timeout=_PATIENCE) as answer:
            if answer.headers.get_content_maintype() != "text":
                raise NoPage(f"{address} is no text")
            text = _decoded(answer.read(LONGEST), answer.headers.get_content_charset())
    except HTTPError as error:
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        raise NoPage(f"{address}: {error}") from None
    except HTTPException as error:
        raise ConnectionError(f"{address} answers with no HTTP: {error!r}") from None
    return Page(address, text)


def _decoded(content: bytes, encoding: str | None) -> str:
    try:
        return content.decode(encoding or "utf-8", "replace")
    except LookupError:  # an encoding that Python does not know
        return content.decode("utf-8", "replace")
