"""The jobs over HTTP: an ASGI application, and a server for it that is a job itself.

:func:`app` mounts into any ASGI program, under any prefix, on trio or asyncio; :func:`serve` is
``jobs.serve()``.  Needs ``pip install 'jobactors[http]'``, which is imported when one is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from jobactors.engine.api.jobs import Jobs

if TYPE_CHECKING:
    from jobactors.engine.api.serving import JobsServer

__all__ = ["app", "serve"]


def app(
    jobs: Jobs,
    token: str | None = None,
    *,
    read_only: bool = False,
    hosts: str | Iterable[str] | None = None,
) -> Any:
    """Return an ASGI application that shows these jobs and takes commands for them.

    It touches the jobs only through calls that any thread may make.  ``/`` is a page with the
    board, ``/events`` a stream of changes, ``/openapi.json`` the description of the rest.

    Args:
        jobs: The job system.
        token: What every request has to present, as ``Authorization: Bearer …`` or as the cookie of
            ``/login``; None where the program around it has let the request through.
        read_only: Whether commands are refused.
        hosts: The values of the ``Host`` header that are answered, without a port; others may come
            from a page that has bent its own name to this address.  Default: this machine's own
            names.  "*" answers all, for a program that has checked it.

    Raises:
        ImportError: without Starlette; the message has the cure.
        TypeError, ValueError: for a token that is no text, or too short to be one.

    Example::

        from fastapi import FastAPI

        api = FastAPI()
        api.mount("/jobs", ja.http.app(jobs, token=TOKEN))
    """
    try:
        from .application import make_app
    except ModuleNotFoundError as exc:
        _explain(exc)
    return make_app(jobs, token, read_only=read_only, hosts=hosts)


def serve(
    jobs: Jobs,
    bind: str = "127.0.0.1:0",
    token: str | None = None,
    *,
    read_only: bool = False,
    hosts: str | Iterable[str] | None = None,
    prefix: str = "",
    insecure: bool = False,
) -> JobsServer:
    """Serve these jobs over HTTP; see :meth:`jobactors.Jobs.serve`."""
    try:
        from .server import start_server
    except ModuleNotFoundError as exc:
        _explain(exc)
    return start_server(
        jobs, bind, token, read_only=read_only, hosts=hosts, prefix=prefix, insecure=insecure
    )


def _explain(exc: ModuleNotFoundError) -> NoReturn:
    if (exc.name or "").partition(".")[0] not in {"starlette", "hypercorn", "anyio"}:
        raise exc
    raise ImportError("the HTTP face needs more: pip install 'jobactors[http]'") from exc
