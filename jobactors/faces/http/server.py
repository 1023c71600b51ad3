"""``jobs.serve()``: Hypercorn in the jobs' own loop, as a job among them."""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from hypercorn.config import Config
from msgspec import Struct

from jobactors.engine.api.serving import JobsServer
from jobactors.inside.verbs.report_progress import progress
from jobactors.model.states import JobState

from .application import HttpFace
from .connections import serve_connections
from .security import LOOPBACK, PREFIX, Guard

if TYPE_CHECKING:
    from jobactors.engine.api.job import Job
    from jobactors.engine.api.jobs import Jobs
    from jobactors.engine.ports.runner import Attempt

_BIND: Final = re.compile(r"(?:\[([0-9a-fA-F:]+)\]|([^:\[\]/]*))(?::(\d{1,5}))?\Z")
_GRACE: Final = 2.0
_BACKLOG: Final = 100
_SILENT: Final = 60
"""Seconds after which a connection ends whose other end acknowledges nothing: a machine that has
gone without a word.  Otherwise the system sends it what it is owed for a quarter of an hour, and
waits for ever if it is owed nothing."""
_KEEP_ALIVE: Final = 65.0
"""Seconds for which an idle connection stays open."""


@final
class ServerRunner:
    """Awaits a server beside the jobs: it takes no slot, and nothing waits for its end."""

    name: str = "server"
    takes_slot: bool = False
    can_abandon: bool = False
    is_service: bool = True

    async def run(self, attempt: Attempt) -> Any:
        """Serve until cancelled."""
        return await attempt.function(*attempt.args, **attempt.kwargs)


RUNNER: Final = ServerRunner()


class Address(Struct, frozen=True):
    """The address of a server: a host and a port, or the path of a Unix socket."""

    host: str
    port: int
    path: Path | None = None

    def url(self, prefix: str) -> str:
        """Return the address of the page."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{prefix}/"


def parse_bind(bind: str, *, insecure: bool) -> Address:
    """Return what ``bind=`` means.

    Raises:
        TypeError, ValueError: for what is no address, or one that others can reach.
    """
    if not isinstance(bind, str):
        raise TypeError(f'bind= is an address such as "127.0.0.1:8080", not {bind!r:.100}')
    if bind.startswith("unix:") and len(bind) > len("unix:"):
        return Address("", 0, Path(bind[len("unix:") :]).expanduser().absolute())
    match = _BIND.match(bind)
    port = int(match[3] or 0) if match is not None else 0
    if match is None or port > 65_535:  # noqa: PLR2004 - the last port there is
        raise ValueError(
            f'bind= is "127.0.0.1:8080", "[::1]:0", a host, or "unix:/path", not {bind!r:.100}'
        )
    host = match[1] or match[2] or "127.0.0.1"
    if host not in LOOPBACK and not insecure:
        raise ValueError(
            f"{host} can be reached by others, and what they send and see is not encrypted: serve "
            "on 127.0.0.1 behind a proxy with TLS, or pass insecure=True (--insecure)"
        )
    return Address(host, port)


def _open_socket(address: Address) -> tuple[socket.socket, Address]:
    """Bind a socket; return it with the address that it really has."""
    if address.path is not None:
        return _open_unix(address.path), address
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would share the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_silence(listener)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)  # who connects before the job runs waits
    except OSError as exc:
        listener.close()
        raise OSError(
            exc.errno,
            f"{address.host}:{address.port} cannot be served: {exc.strerror}; another port may do, "
            "and port 0 takes a free one",
        ) from None
    return listener, Address(address.host, listener.getsockname()[1])


def _notice_silence(listener: socket.socket) -> None:
    """Have connections ended whose other end has gone without a word; each inherits this."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # By the names that a system has: asked after half of the time, and three times in the rest.
    for name, value in (
        ("TCP_USER_TIMEOUT", _SILENT * 1000),
        ("TCP_KEEPIDLE", _SILENT // 2),
        ("TCP_KEEPALIVE", _SILENT // 2),  # as macOS calls it
        ("TCP_KEEPINTVL", _SILENT // 6),
        ("TCP_KEEPCNT", 3),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)


def _open_unix(path: Path) -> socket.socket:
    if path.is_socket():
        path.unlink()
    elif os.path.lexists(path):
        raise FileExistsError(f"{path} is there, and is no socket: name another path")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


async def http_server(face: HttpFace, listener: socket.socket, url: str, prefix: str) -> None:
    """Serve until cancelled; the address is the message of the job's row."""
    progress(message=url)
    config = Config()
    config.accesslog = None  # it would hold the token of a login
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = _KEEP_ALIVE
    config.root_path = prefix
    await serve_connections(face, config, listener)


def start_server(
    jobs: Jobs,
    bind: str,
    token: str | None,
    *,
    read_only: bool,
    hosts: str | Iterable[str] | None,
    prefix: str,
    insecure: bool,
) -> JobsServer:
    """Bind the address, and submit the job that serves it; see :meth:`jobactors.Jobs.serve`."""
    prefix = _checked_prefix(prefix)
    wanted = parse_bind(bind, insecure=insecure)
    is_unix = wanted.path is not None
    if token is None and not is_unix:
        token = secrets.token_urlsafe(32)
    names = ("*",) if is_unix else _hosts(wanted, hosts)
    face = HttpFace(jobs, Guard(token, names, read_only=read_only))
    listener, address = _open_socket(wanted)
    try:
        _discard_earlier(jobs)
        url = address.url(prefix)
        with_options = jobs.options(
            name="HTTP server", runner=RUNNER, grace=_GRACE, checkpoint_every=None
        )
        job: Job[None] = with_options.submit(http_server, face, listener, url, prefix)
    except BaseException:
        listener.close()
        raise
    return JobsServer(job, url, face.guard.token, lambda: face.guard.make_code(time.time()))


def _hosts(address: Address, hosts: str | Iterable[str] | None) -> tuple[str, ...]:
    given = () if hosts is None else (hosts,) if isinstance(hosts, str) else tuple(hosts)
    here = () if address.host in LOOPBACK else (address.host, socket.gethostname())
    return (*given, *here)


def _checked_prefix(prefix: str) -> str:
    if not isinstance(prefix, str):
        raise TypeError(f'prefix= is a path such as "/jobs", not {prefix!r:.100}')
    bare = prefix.rstrip("/")
    if bare and not PREFIX.fullmatch(bare):
        raise ValueError(f'prefix= is a path such as "/jobs", not {prefix!r:.100}')
    return bare


def _discard_earlier(jobs: Jobs) -> None:
    """End the servers of earlier processes, which rest in the store and cannot be resumed."""
    for rested in jobs.list(state=JobState.INTERRUPTED, type=http_server):
        jobs.get(rested.id).discard()
