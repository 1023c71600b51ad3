"""The connections of a server: Hypercorn's protocol, on streams whose writes come to an end.

Hypercorn shields a write from cancellation, so that no answer is cut in its middle.  A client that
is there and reads nothing would then hold its connection, and the server's own end, for as long as
it likes.  Here each write has a limit of its own inside that shield, and the end of the server
breaks those that are under way.

Who connects needs no token for that, and each connection is a file descriptor of the jobs' process.
So there are only so many, and one whose client has gone is closed at once.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext

from jobactors.inside.report.guarded_log import LOG

from . import event_stream

if TYPE_CHECKING:
    import socket

    from hypercorn.config import Config
    from starlette.types import ASGIApp

MOST_CONNECTIONS: Final = 256
"""Of one server; the next one is answered with 503.  Many systems allow a process 1,024 files."""
_FULL: Final = b"HTTP/1.1 503 \r\nConnection: close\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n"


class _Server(TCPServer):
    """Hypercorn's, which does not wait for the next request of a client that has gone.

    It held the connection open for as long as an idle one may be.
    """

    _is_left = False

    async def _read_data(self) -> None:
        await super()._read_data()
        self._is_left = True
        await self.idle_task.stop()

    async def _idle_timeout(self) -> None:
        if not self._is_left:
            await super()._idle_timeout()


@final
class Connection(trio.abc.HalfCloseableStream):
    """A connection to a client, which is broken for one that takes nothing.

    Args:
        stream: The bare connection.
        writes: The writes under way, of all connections of a server.
    """

    def __init__(self, stream: trio.SocketStream, writes: set[trio.CancelScope]) -> None:
        self._stream = stream
        self._writes = writes
        self.socket: trio.socket.SocketType = stream.socket

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes.

        Raises:
            trio.BrokenResourceError: if they are not taken in time, or the server ends.
        """
        with trio.move_on_after(event_stream.BLOCKED_SECONDS) as limit:
            self._writes.add(limit)
            try:
                await self._stream.send_all(data)
            finally:
                self._writes.discard(limit)
        if limit.cancelled_caught:
            # Half of an answer may be out: nothing can follow it.
            await trio.aclose_forcefully(self._stream)
            raise trio.BrokenResourceError("the client takes nothing")

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive bytes."""
        return await self._stream.receive_some(max_bytes)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until bytes can be sent."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Send the end of what is sent."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()


async def serve_connections(app: ASGIApp, config: Config, listener: socket.socket) -> None:
    """Serve the clients that connect to a bound socket, until cancelled; then close everything.

    Args:
        app: The ASGI application.
        config: Hypercorn's settings.
        listener: The socket, which listens; closed at the end.
    """
    serve: Any = _Server
    writes: set[trio.CancelScope] = set()
    count = 0

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal count
        if count >= MOST_CONNECTIONS:
            await _refuse(stream)
            return
        count += 1
        try:
            await answer(Connection(stream, writes))
        finally:
            count -= 1

    async def answer(connection: Connection) -> None:

        async def extended(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[event_stream.DIRECT] = connection.send_all
            await app(scope, receive, send)

        try:
            await serve(ASGIWrapper(extended), config, WorkerContext(None), {}, connection)
        except Exception:  # it ends alone
            LOG.exception("a connection has failed")

    bound = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, handle, [bound], handler_nursery=nursery))
        try:
            await trio.sleep_forever()
        finally:
            for write in writes:
                write.cancel()


async def _refuse(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError):
        await stream.send_all(_FULL)  # so little fits into a connection that is new
    await stream.aclose()
