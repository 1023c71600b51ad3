"""Errors as problem details (RFC 9457): a status, a title, and a sentence with the cure."""

from __future__ import annotations

from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.argument_problem import ArgumentsInvalid
from jobactors.model.errors import (
    DuplicateJob,
    IllegalVerb,
    JobactorsError,
    JobsClosed,
    NotResumable,
    ResourceBusy,
    StoreError,
    UnknownJob,
    UnknownJobType,
)

from .json_bodies import BodyRefused, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

MEDIA_TYPE: Final = "application/problem+json"
_TITLES: Final = {
    400: "The request makes no sense",
    401: "No access",
    403: "Refused",
    404: "Not found",
    405: "Not this method",
    408: "Too slow",
    409: "Not now",
    410: "Gone",
    413: "Too large",
    415: "Another kind of body",
    421: "Another host",
    422: "Invalid arguments",
    500: "An error here",
    503: "Not available",
}
_STATUSES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (UnknownJob, 404),
    (UnknownJobType, 422),
    (ArgumentsInvalid, 422),
    (IllegalVerb, 409),
    (NotResumable, 409),
    (DuplicateJob, 409),
    (ResourceBusy, 409),
    (JobsClosed, 503),
    (StoreError, 503),
    (JobactorsError, 422),
    (TypeError, 422),
    (ValueError, 422),
)
"""The first class that fits gives the status."""


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """Return a problem as a response.

    Args:
        status: The HTTP status.
        detail: A sentence with the cure.
        headers: Further headers; default: none.
        **more: Further members.
    """
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail,
        **more,
    }
    return Response(encode(body), status, headers, MEDIA_TYPE)


def status_for(exc: Exception) -> int:
    """Return the HTTP status for an error of a command."""
    return next((status for kind, status in _STATUSES if isinstance(exc, kind)), 500)


def problem_of(exc: Exception) -> Response:
    """Return the problem that an error of a command is."""
    status = status_for(exc)
    if status == 500:  # noqa: PLR2004 - the one that is ours
        LOG.error("a request over HTTP failed:\n%s", "".join(format_exception(exc)))
        return problem(status, "the request failed; the log of the jobs' process has the reason")
    more: dict[str, Any] = {"error": type(exc).__name__}
    if isinstance(exc, ArgumentsInvalid):
        more["problems"] = [{"path": one.path, "text": one.text} for one in exc.problems]
    return problem(status, str(exc), **more)


async def on_error(request: Request, exc: Exception) -> Response:
    """Answer an error that a route has raised."""
    del request
    match exc:
        case ClientDisconnect():
            return problem(408, "the client has gone before its request was here")
        case BodyRefused():
            return problem(exc.status, str(exc))
        case HTTPException():
            return problem(exc.status_code, exc.detail, exc.headers)
        case _:
            return problem_of(exc)
