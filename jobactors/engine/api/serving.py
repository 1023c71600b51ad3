"""``jobs.serve()``, and the handle of the server that it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from jobactors.engine.ports.late_binding import load_module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from .job import Job


@final
class JobsServer:
    """A server of jobs over HTTP.  Got from ``jobs.serve()``; a context manager that closes it."""

    def __init__(
        self, job: Job[None], url: str, token: str | None, make_code: Callable[[], str]
    ) -> None:
        self.job: Job[None] = job
        """The job that serves: cancelling it closes the server."""
        self.url: str = url
        """The address of the page, which asks for the token."""
        self.token: str | None = token
        """The secret of ``Authorization: Bearer …``; None if the server asks for none."""
        self._make_code = make_code

    @property
    def login_url(self) -> str:
        """An address that logs a browser in: once, and within ten minutes."""
        return self.url if self.token is None else f"{self.url}login?code={self._make_code()}"

    def close(self) -> None:
        """Close the server and its connections, soon; a second time does nothing."""
        self.job.cancel("the server was closed")

    def __enter__(self) -> JobsServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<JobsServer {self.url}, {self.job.state}>"

    def _repr_html_(self) -> str:
        from html import escape  # for a notebook alone

        if self.job.state.is_terminal:
            return escape(repr(self))
        # The link works once, so that a saved notebook gives nothing away.
        there = escape(self.login_url)
        return f'Jobs at <a href="{there}" target="_blank">{escape(self.url)}</a>'


class Serving:
    """The part of :class:`~jobactors.Jobs` that serves them to other programs."""

    def serve(
        self,
        bind: str = "127.0.0.1:0",
        token: str | None = None,
        *,
        read_only: bool = False,
        hosts: str | Sequence[str] | None = None,
        prefix: str = "",
        insecure: bool = False,
    ) -> JobsServer:
        """Serve these jobs over HTTP: a page with the board, JSON, and a stream of changes.

        The server is a job itself: its row shows the address, cancelling it closes the server and
        its connections within two seconds.  It takes no slot, nothing waits for it, and it ends
        with the last of the other jobs.

        Args:
            bind: The address, such as "127.0.0.1:8080", "[::1]:0" or "unix:/run/user/1000/jobs";
                default: a free port of this machine, which no other machine reaches.
            token: What programs present, and what the page asks for; default: a new one.  A Unix
                socket, which this user alone can open, asks for none unless one is given.
            read_only: Whether commands are refused.
            hosts: Further host names under which it is reached, as behind a proxy.
            prefix: The path in front of all others, as behind a proxy: "/jobs".
            insecure: Whether an address is allowed that other machines can reach.

        Returns:
            The server, with its ``url``, ``login_url``, ``token`` and ``job``; in a notebook its
            link logs you in.

        Raises:
            ImportError: without ``jobactors[http]``.
            OSError: if the address cannot be bound.
            TypeError, ValueError: for what is no address, and one that others can reach.

        Example::

            server = jobs.serve()
            print(server.login_url)
        """
        server: JobsServer = load_module("http").serve(
            self,
            bind,
            token,
            read_only=read_only,
            hosts=hosts,
            prefix=prefix,
            insecure=insecure,
        )
        return server
