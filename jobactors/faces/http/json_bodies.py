"""JSON that goes out, whatever a job holds, and JSON that comes in, within limits."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from jobactors.model.snapshot import JobSnapshot

LARGEST_BODY: Final = 2**20
"""Bytes of a request."""
BODY_SECONDS: Final = 60.0
"""In which a body has to be here: without a token, one can be begun at ``/login``."""
_NEVER: Final = re.compile(r"\s*q=0(?:\.0*)?\s*\Z")
"""Behind the name of an encoding: it is not taken."""
_encoder: Final = msgspec.json.Encoder()


class BodyRefused(Exception):
    """Reports a request whose body is not taken.

    Args:
        status: The HTTP status that says so.
        why: A sentence.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def encode(value: object) -> bytes:
    """Return a value as JSON; a text that is no Unicode is escaped."""
    try:
        return _encoder.encode(value)
    except (UnicodeError, TypeError, ValueError, OverflowError):  # a lone surrogate, a huge integer
        return json.dumps(value, ensure_ascii=True, default=_named, allow_nan=False).encode()


def _named(value: object) -> str:
    return type(value).__name__


def encode_job(snapshot: JobSnapshot) -> bytes:
    """Return a job as JSON; one that cannot be encoded costs itself all but its id and state."""
    try:
        return encode(snapshot.to_dict())
    except Exception:  # a text or number of the user's own class
        return encode({"id": str(snapshot.id), "state": str(snapshot.state)})


def zipped(request: Request, value: object) -> Response:
    """Return an answer of JSON, compressed if the client takes that.

    For what is the same for everybody: the size of a compressed answer tells something about it.
    """
    body, headers = encode(value), {"Vary": "Accept-Encoding"}
    names = (one.partition(";") for one in request.headers.get("accept-encoding", "").split(","))
    if any(name.strip() == "gzip" and not _NEVER.match(rest) for name, _, rest in names):
        body, headers["Content-Encoding"] = gzip.compress(body, 6), "gzip"
    return Response(body, media_type="application/json", headers=headers)


async def json_of(request: Request) -> Any:
    """Return the JSON of a request's body.

    Raises:
        BodyRefused: for another kind of body, one that is too large, or no JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BodyRefused(415, "send JSON, as Content-Type: application/json")
    return decoded(await body_of(request))


async def body_of(request: Request) -> bytes:
    """Return a request's body, if it is not too large.

    Raises:
        BodyRefused: for one that is too large, or does not arrive in time.
        starlette.requests.ClientDisconnect: if its client has gone.
    """
    body = bytearray()
    with anyio.move_on_after(BODY_SECONDS) as limit:
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise BodyRefused(413, f"a body has at most {LARGEST_BODY:,} bytes")
    if limit.cancelled_caught:
        raise BodyRefused(
            408, f"the body was not here after {BODY_SECONDS:g} seconds: send it anew"
        )
    return bytes(body)


def decoded(body: bytes) -> Any:
    """Return what a body says, if it is JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as exc:
        raise BodyRefused(400, f"the body is no JSON: {exc}") from None
