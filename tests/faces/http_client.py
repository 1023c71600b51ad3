"""A raw HTTP client for tests: it sends what no well-behaved library would."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE = 60.0


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """Sends requests to one server, each on a connection of its own."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.netloc = parts.netloc
        self.token = token

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def head(self, method: str, path: str, headers: Mapping[str, str], length: int | None) -> bytes:
        """Return the head of a request."""
        given = {"Host": self.netloc, "Connection": "close"}
        if self.token is not None:
            given["Authorization"] = f"Bearer {self.token}"
        if length is not None:
            given |= {"Content-Length": str(length), "Content-Type": "application/json"}
        given |= headers
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in given.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read the whole answer."""
        content = body if isinstance(body, bytes) else b"" if body is None else _json(body)
        length = None if body is None and method == "GET" else len(content)
        with self.connect() as connection:
            connection.sendall(self.head(method, path, headers or {}, length) + content)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return _parsed(received)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        """Send a command."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.ask(path, "POST", {} if body is None else body, given)

    def stream(self, path: str = "/events", headers: Mapping[str, str] | None = None) -> Stream:
        """Open a stream of events."""
        connection = self.connect()
        connection.sendall(self.head("GET", path, headers or {}, None))
        return Stream(connection)


class Stream:
    """A stream of server-sent events, read as a browser reads it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._file = connection.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass
        self.last_id = ""

    def blocks(self) -> Iterator[bytes]:
        """Yield what stands between two blank lines: an event, or a comment."""
        left = b""
        while True:
            size = int(self._file.readline() or b"0", 16)
            left += self._file.read(size)
            self._file.readline()
            while b"\n\n" in left:
                block, left = left.split(b"\n\n", 1)
                yield block
            if not size:
                return

    def events(self) -> Iterator[tuple[str, Any]]:
        """Yield each event's name and data."""
        for block in self.blocks():
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            if b"data" in fields:
                self.last_id = fields[b"id"].decode()
                yield fields[b"event"].decode(), json.loads(fields[b"data"])

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


def _parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): text.strip() for name, _, text in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Answer(int(first.split()[1]), headers, body)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        count = int(size or b"0", 16)
        whole, body = whole + body[:count], body[count + 2 :]
    return whole
