"""Stands in for an Ollama server where models are downloaded.

It answers `/api/version`, `/api/tags` and `/api/pull` in Ollama's protocol, and really pulls: from
Debian's `docker-registry` if that is installed, else from a plain folder over HTTP. It runs no
models. `open_stand_in(folder)` starts it in a process of its own, which ends with the process that
has started it, however that ends.
"""

import argparse
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio
from model_pulls import Line, ModelFolder, PullError, at_rate
from model_registry import LICENSE, WEIGHTS, open_registry, push, registry_program
from needed import needing
from plain_registry import plain_registry

with needing():
    from hypercorn import trio as hypercorn_trio
    from hypercorn.config import Config
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route
    from starlette.types import Send

MODEL = "tiny"
"""The one model that the stand-in's registry has."""
WEIGHTS_BYTES = 24_000_000
RATE = 4_000_000
"""Bytes a second: what a line into a house may carry."""


# -- for the notebook


@dataclass(frozen=True)
class StandIn:
    """A stand-in that runs: its address, and what it pulls from."""

    url: str
    registry: str
    process: "subprocess.Popen[str]"

    def __str__(self) -> str:
        return (
            f"No Ollama is asked: a stand-in at {self.url} speaks its protocol, and pulls the "
            f"model {MODEL!r} (random bytes, in the shape of one) from {self.registry}"
        )

    def close(self) -> None:
        """End it, and its registry; blobs that are half there stay."""
        self.process.communicate()  # it ends when its standard input does


_open: dict[Path, StandIn] = {}
"""The stand-ins of this program, by their folders."""


def open_stand_in(folder: str | Path, rate: float = RATE) -> StandIn:
    """Start a stand-in, and return when it answers.

    Models that were complete are removed, so that there is something to download; the blobs of a
    download that was broken off stay. One that this program has opened before, in the same folder,
    is closed first.

    Args:
        folder: for its models and its registry; made if need be.
        rate: the bytes a second that it pulls.

    Raises:
        RuntimeError: it did not start; its last words are in the message.
    """
    folder = Path(folder).resolve()
    if earlier := _open.pop(folder, None):
        earlier.close()
    command = [sys.executable, __file__, str(folder), "--rate", str(rate)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a kernel's Interrupt is not meant for it
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    try:
        stand_in = StandIn(process=process, **json.loads(said))
    except ValueError:
        raise RuntimeError(f"The stand-in did not start: {said}{process.stdout.read()}") from None
    _open[folder] = stand_in
    return stand_in


# -- the server


class _Lines(StreamingResponse):
    """Sends lines of JSON, and closes what it sends when its client has gone."""

    def __init__(self, lines: AsyncGenerator[Line, None]) -> None:
        self._lines = lines
        super().__init__(self._text(), media_type="application/x-ndjson")

    async def _text(self) -> AsyncGenerator[str, None]:
        async for line in self._lines:
            yield json.dumps(line) + "\n"

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._lines):
            await super().stream_response(send)


def ollama_app(models: ModelFolder) -> Starlette:
    """Return an ASGI application that answers for a folder of models, in its trio loop."""

    async def version(_: Request) -> Response:
        return JSONResponse({"version": "0.0.0-stand-in"})

    async def tags(_: Request) -> Response:
        return JSONResponse({"models": models.models()})

    async def pull(request: Request) -> Response:
        asked: Mapping[str, Any] = await request.json()
        lines = _or_error(models.pull(asked.get("model") or asked.get("name") or ""))
        if asked.get("stream", True):
            return _Lines(lines)
        async with aclosing(lines):
            *_, last = [line async for line in lines]
        return JSONResponse(last, 500 if "error" in last else 200)

    return Starlette(
        routes=[
            Route("/api/version", version, methods=["GET"]),
            Route("/api/tags", tags, methods=["GET"]),
            Route("/api/pull", pull, methods=["POST"]),
        ]
    )


async def _or_error(lines: AsyncGenerator[Line, None]) -> AsyncGenerator[Line]:
    # The answer has begun with 200 by then: an error can only be one more line.
    async with aclosing(lines):
        try:
            async for line in lines:
                yield line
        except PullError as error:
            yield {"error": str(error)}


async def serve(app: Any, listener: socket.socket) -> None:
    """Serve an application until cancelled."""
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog = config.errorlog = None
    serve_app: Any = hypercorn_trio.serve
    await serve_app(app, config, mode="asgi")


def listen() -> tuple[socket.socket, str]:
    """Return a socket on a free port of this machine alone, and its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


# -- the process


def forget_complete_models(folder: Path) -> None:
    """Remove the models that are complete, and their blobs."""
    for path in (folder / "manifests").glob("*.json"):
        manifest = json.loads(path.read_bytes())
        for part in [*manifest["layers"], manifest["config"]]:
            (folder / "blobs" / part["digest"].replace(":", "-")).unlink(missing_ok=True)
        path.unlink()


def example_layers(size: int = WEIGHTS_BYTES) -> dict[str, bytes]:
    """Return the layers of a model: random bytes, the same each time, and a licence."""
    weights = random.Random(4).randbytes(size)
    return {WEIGHTS: weights, LICENSE: b"These bytes are random. Do with them what you like.\n"}


async def main(folder: Path, rate: float) -> None:
    """Serve until the standard input ends."""
    with contextlib.ExitStack() as stack:
        async with trio.open_nursery() as nursery:
            program = registry_program()
            if program is not None:
                registry = stack.enter_context(open_registry(folder / "registry", program)).url
                name = "Debian's docker-registry"
            else:
                plain, registry = listen()
                nursery.start_soon(serve, plain_registry(folder / "plain-registry"), plain)
                name = "a folder of this machine, for docker-registry is not installed"
            await trio.to_thread.run_sync(push, registry, MODEL, example_layers())
            forget_complete_models(folder)
            models = ModelFolder(folder, registry, nursery, at_rate(rate))
            listener, url = listen()
            nursery.start_soon(serve, ollama_app(models), listener)
            print(json.dumps({"url": url, "registry": name}), flush=True)
            # The other end closes with the process that has started us, even if that is killed.
            await trio.to_thread.run_sync(os.read, 0, 1, abandon_on_cancel=True)
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--rate", type=float, default=RATE)
    given = arguments.parse_args()
    trio.run(main, given.folder, given.rate)
