"""Downloads a model to an Ollama server, by the server's own `/api/pull`.

A plain library: it knows nothing of jobs. Its seam is two functions that the caller passes in:
`on_progress`, which is told how far the work is, and `should_stop`, which is asked several times a
second whether to end it. The server does the download; this asks for it and listens. To end the
conversation is to cancel: the server then stops, and what it has got so far stays there. The next
download of the same model goes on from that.
"""

import http.client
import json
import queue
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypedDict

SETUP_PAGE = "https://ollama.com/download"
DEFAULT_SERVER = "http://127.0.0.1:11434"
ASK_SECONDS = 5.0
"""How long a server may take for a short answer."""
SILENCE_SECONDS = 600.0
"""How long it may be silent in a download: it checks many gigabytes without a word."""
LOOK_SECONDS = 0.1
"""How often `should_stop` is asked while the server is silent."""


class ModelError(RuntimeError):
    """The server could not do it; the message says why, in the server's words."""


class ServerMissing(ModelError):
    """No Ollama server answers; the message names the page that tells how to set one up."""


@dataclass(frozen=True)
class ServerStatus:
    """What a server says of itself."""

    server: str
    version: str
    models: dict[str, int]
    """The name of each model that is there, and its bytes."""

    def has(self, model: str) -> bool:
        """Tell whether a model is there; without a tag, "latest" is meant."""
        return _tagged(model) in self.models


@dataclass
class DownloadProgress:
    """How far a download is, over all the layers of the model that were named so far."""

    status: str = ""
    layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each layer, by its digest: the bytes that are there, and its size."""
    all_layers_known: bool = False
    """Whether no more layers will be named: only then is a share of the whole a fact."""

    @property
    def completed(self) -> int:
        """The bytes that are there."""
        return sum(done for done, _ in self.layers.values())

    @property
    def total(self) -> int:
        """The bytes of the layers known so far; it grows as more are named."""
        return sum(size for _, size in self.layers.values())


class Downloaded(TypedDict):
    """What `download_model` returns."""

    model: str
    complete: bool
    """False if `should_stop` ended it; the bytes stay at the server."""
    bytes: int
    """That are there now."""
    found: int
    """Of these, the bytes that an earlier download had left."""


def server_status(server: str = DEFAULT_SERVER) -> ServerStatus:
    """Ask a server for its version and its models.

    Raises:
        ServerMissing: nothing answers there, or no Ollama.
    """
    try:
        version = _get(server, "/api/version")["version"]
        models = {each["name"]: each["size"] for each in _get(server, "/api/tags")["models"]}
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        raise ServerMissing(
            f"No Ollama server answers at {server}. {SETUP_PAGE} tells how to install one; "
            f"`ollama serve` starts it"
        ) from None
    return ServerStatus(server, version, models)


def download_model(
    model: str,
    server: str = DEFAULT_SERVER,
    *,
    on_progress: Callable[[DownloadProgress], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Downloaded:
    """Have a server download a model, and wait until it is complete there.

    Whatever ends this function, an error of `on_progress` or Ctrl-C included, ends the
    conversation with the server, and with that the download.

    Args:
        model: its name, such as "all-minilm" or "llama3.2:1b".
        server: the address of the server.
        on_progress: called at the start and with every report of the server.
        should_stop: asked several times a second, also while the server is silent. True ends it
            politely: the result says how many bytes are there.

    Raises:
        ServerMissing: no server answers.
        ModelError: there is no such model, its digest was wrong, the disk is full, the server has
            gone away: as the server says. What is there stays there.
    """
    progress = DownloadProgress()
    found = dict[str, int]()
    on_progress = on_progress or (lambda _: None)
    on_progress(progress)
    with _pulling(server, model) as lines:
        for line in _until_stopped(lines, should_stop or (lambda: False)):
            if line is None:
                return _result(model, progress, found, complete=False)
            _take(line, progress, found)
            on_progress(progress)
    if progress.status != "success":
        raise ModelError(
            f"The server at {server} ended the download of {model} after {progress.completed:,} "
            "bytes, without a reason. What is there stays there: start it again"
        )
    return _result(model, progress, found, complete=True)


def _take(line: dict[str, Any], progress: DownloadProgress, found: dict[str, int]) -> None:
    # An error comes inside an answer that began with 200.
    if "error" in line:
        raise ModelError(str(line["error"]))
    progress.status = str(line.get("status", ""))
    digest = line.get("digest")
    if digest is None:
        progress.all_layers_known = bool(progress.layers)
        return
    done, size = int(line.get("completed", 0)), int(line.get("total", 0))
    progress.layers[digest] = done, size
    if "completed" in line:
        found.setdefault(digest, done)


def _result(
    model: str, progress: DownloadProgress, found: dict[str, int], *, complete: bool
) -> Downloaded:
    return Downloaded(
        model=_tagged(model),
        complete=complete,
        bytes=progress.completed,
        found=sum(found.values()),
    )


def _tagged(model: str) -> str:
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


# -- the conversation


def _connection(server: str, timeout: float) -> http.client.HTTPConnection:
    address = urllib.parse.urlsplit(server if "://" in server else f"http://{server}")
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise ServerMissing(f"{server!r} is no address of a server such as {DEFAULT_SERVER}")
    secure = address.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(address.hostname, address.port, timeout=timeout)


def _get(server: str, path: str) -> Any:
    with closing(_connection(server, ASK_SECONDS)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


@contextmanager
def _pulling(server: str, model: str) -> Iterator["queue.SimpleQueue[_Said]"]:
    """Begin a pull; hand out what the server says, as a thread of ours reads it."""
    said = queue.SimpleQueue[_Said]()
    connection = _connection(server, SILENCE_SECONDS)
    try:
        connection.connect()
    except OSError:
        raise ServerMissing(f"No Ollama server answers at {server}; see {SETUP_PAGE}") from None
    line = connection.sock  # the connection itself lets go of it where the answer is the last
    args = (connection, model, said)
    reader = threading.Thread(target=_read, args=args, name=f"pull {model}", daemon=True)
    reader.start()
    try:
        yield said
    finally:
        _shut(line)
        reader.join()
        connection.close()


_Said = dict[str, Any] | Exception | None
"""A line of the server's, the error that ended the reading, or None at its end."""


def _read(
    connection: http.client.HTTPConnection, model: str, said: "queue.SimpleQueue[_Said]"
) -> None:
    try:
        body = json.dumps({"model": model, "stream": True})
        connection.request("POST", "/api/pull", body, {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            for line in answer:
                if line.strip():
                    said.put(json.loads(line))
        said.put(None)
    except Exception as error:  # raised where the lines are read
        said.put(error)


def _until_stopped(
    said: "queue.SimpleQueue[_Said]", should_stop: Callable[[], bool]
) -> Iterator[dict[str, Any] | None]:
    """Yield the lines of the server, and None at the moment a stop is wanted."""
    while True:
        if should_stop():
            yield None
            return
        try:
            line = said.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return
        if isinstance(line, Exception):
            raise ModelError(f"The server has gone away ({line}). Start it again: {SETUP_PAGE}")
        yield line


def _shut(line: socket.socket) -> None:
    with suppress(OSError):  # the server was faster
        line.shutdown(socket.SHUT_RDWR)  # ends a read of the other thread at once; close would not
