"""Decide who may see the jobs and command them.  Pure: headers go in, a verdict comes out.

In this order, each for an attack of its own:

1. *Host*: a page in the user's browser that has bent its name to this address (DNS rebinding) sends
   its own name.
2. *Token*: other users and programs of this machine reach a loopback address, too.  A browser has
   it as a cookie, which only ``/login`` sets, for this server alone.
3. *Origin*: another page in the same browser can send a request, and the browser adds the cookie.
   So a request that changes something and is known by its cookie has to come from our own page.  A
   program that presents the token itself is no page.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Final, final
from urllib.parse import urlsplit

from msgspec import Struct

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SHORTEST_TOKEN: Final = 16
OPEN_PATHS: Final = frozenset({"/healthz", "/login"})
"""Paths that are answered without a token."""
LOOKING: Final = frozenset({"/board/message"})
"""Paths whose requests need change nothing although they are no GET; the route judges them."""
CODE_LIFE: Final = 600.0
"""Seconds for which the link of a login is valid."""
_MOST_CODES: Final = 32
_HOST: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?\Z")
PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~%@+-]+)+")
"""A path under which the application is found."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer."""


class Refusal(Struct, frozen=True):
    """A request that is not answered: a status, and a sentence."""

    status: int
    why: str


@final
class Guard:
    """Judges requests for one application.

    Args:
        token: The token; None if every request is let through.
        hosts: The hosts that are answered; None for all.
        read_only: Whether commands are refused.

    Raises:
        TypeError, ValueError: for a token that is none.
    """

    def __init__(
        self,
        token: str | None = None,
        hosts: str | Iterable[str] | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        if token is not None and not isinstance(token, str):
            raise TypeError(f"a token is text, not {type(token).__name__}")
        if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii()):
            raise ValueError(
                f"a token has at least {SHORTEST_TOKEN} ASCII characters: "
                "secrets.token_urlsafe(32) makes one"
            )
        self.token = token
        self.read_only = read_only
        self._hosts = _host_names(hosts)
        self._codes: dict[str, float] = {}
        digest = hashlib.sha256((token or "").encode()).hexdigest()
        self.cookie_name: str = f"jobactors-{digest[:8]}"
        """A browser sends cookies to every port of a host: each server has its own."""
        self._cookie = hmac.new((token or "").encode(), b"cookie", "sha256").hexdigest()

    @property
    def cookie(self) -> str:
        """The value of the cookie, which does not give the token away."""
        return self._cookie

    def judge(
        self, method: str, path: str, headers: Mapping[str, str], cookies: Mapping[str, str]
    ) -> Refusal | None:
        """Return why a request is refused; None for one that is answered."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return Refusal(421, "this server does not answer for that host: see hosts=")
        by_token = self._has_token(headers)
        by_cookie = self.token is not None and _is_same(
            cookies.get(self.cookie_name, ""), self._cookie
        )
        is_open = path in OPEN_PATHS
        if self.token is not None and not (by_token or by_cookie or is_open):
            return Refusal(401, "present the token: Authorization: Bearer …, or log in at /login")
        if method in SAFE:
            return None
        if not by_token and not self._is_from_our_page(host, headers, by_cookie or is_open):
            return Refusal(
                403, "a command has to come from this server's own page, or bring a token"
            )
        if self.read_only and not (is_open or path in LOOKING):
            return Refusal(403, "the jobs can only be looked at here")
        return None

    def is_token(self, given: str) -> bool:
        """Whether this is the token; takes as long for any text of its length."""
        return self.token is not None and _is_same(given, self.token)

    def make_code(self, now: float) -> str:
        """Return a code that logs in once, within ten minutes: for a link that a notebook saves."""
        self._codes = {code: until for code, until in self._codes.items() if until > now}
        while len(self._codes) >= _MOST_CODES:
            del self._codes[next(iter(self._codes))]
        code = secrets.token_urlsafe(24)
        self._codes[code] = now + CODE_LIFE
        return code

    def use_code(self, given: str, now: float) -> bool:
        """Whether a code is valid; it is not any more after this."""
        return self._codes.pop(given, 0.0) > now

    def _is_ours(self, host: str) -> bool:
        if self._hosts is None:
            return True
        match = _HOST.match(host)
        return match is not None and (match[1] or match[2]).lower() in self._hosts

    def _has_token(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(given.strip())

    def _is_from_our_page(self, host: str, headers: Mapping[str, str], in_browser: bool) -> bool:
        """Whether a page of ours has sent it, or no page at all."""
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = headers.get("origin")
        if origin is None:
            return not in_browser  # every browser sends one of the two with a command
        return origin != "null" and urlsplit(origin).netloc.lower() == host.lower()


def _host_names(hosts: str | Iterable[str] | None) -> frozenset[str] | None:
    if hosts is None:
        return LOOPBACK
    names = (hosts,) if isinstance(hosts, str) else tuple(hosts)
    if "*" in names:
        return None
    return LOOPBACK | {name.lower().strip("[]") for name in names}


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
