"""Handles clicks while a cell runs: the one module that uses private parts of ipykernel.

A message from a browser goes to the main shell, where it waits for the running cell, unless it is
handled on a *subshell*, a thread of its own.  Its way depends on the kernel and on the sender:

===========  ==========================================  =========================================
ipykernel    the sender names a subshell                 the sender names none
             (JupyterLab ≥ 4.4, Notebook ≥ 7.4)          (VS Code, Colab, a plain client)
===========  ==========================================  =========================================
≥ 7.4        re-routed by ``comm._reply_subshell_for``   re-routed by the same hook; we answer with
             to where the kernel last sent from, mostly  a subshell of our own
             the main shell; we answer with the named
7.0 to 7.3   handled there                               the message is given our subshell's name
                                                         before ipykernel reads it
≤ 6          there are no subshells: it waits for the cell, and the panel reports that
===========  ==========================================  =========================================

Both hooks run in ipykernel's shell channel thread, the only one that may make a subshell.  Every
private part is tested for before it is used: where one is missing, or fails, the message takes
ipykernel's own way, late but not lost.

ipykernel 7.0 to 7.3 can lose a request: they send replies on the very socket that a stream reads,
past the stream, which may then miss that a request has come, until another client connects.  From
7.4 on the stream sends them, and so it does in older ones once a panel of ours is open there.
"""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

_CREATE: Final = "_create_subshell"
_ROUTE: Final = "_reply_subshell_for"
_REPLIES: Final = "_shell_socket"
_BUFFERS: Final = 5  # a message's parts: signature, header, parent, metadata, content, buffers …


def current_kernel() -> Any:
    """Return the ipykernel this process is, or None where there is none."""
    ipython: Any = sys.modules.get("IPython")  # a kernel has loaded it; other programs need not
    return None if ipython is None else getattr(ipython.get_ipython(), "kernel", None)


def hears_while_busy(kernel: Any) -> bool:
    """Return whether a message to a comm of this package is handled while a cell runs."""
    return _manager_of(kernel) is not None


def hear_while_busy(comm: Any, kernel: Any) -> None:
    """Have the front end's messages to ``comm`` handled at once, where the kernel can.

    Handlers then run in a ``subshell-…`` thread.  Where the kernel cannot, nothing is changed.
    """
    manager = _manager_of(kernel)
    if manager is None:
        return
    if hasattr(comm, _ROUTE):
        setattr(comm, _ROUTE, _own_subshell(kernel).answer)
    else:
        _subshell_namer(kernel).comm_ids.add(comm.comm_id)


def open_fixed_comm(
    kernel: Any, comm_id: str, hear: Callable[[Any], object]
) -> Callable[[Mapping[str, object], list[bytes]], None]:
    """Register a comm that every window finds under ``comm_id``, and return its `send`.

    ``hear`` is called with the data of each message, at once where the kernel can.  The comm is
    never opened, since a front end without a listener would close it, and is registered again if
    one does.

    Raises:
        ImportError, AttributeError: this kernel is not ipykernel.
    """
    from comm import get_comm_manager

    comm = _FixedComm(kernel, comm_id, hear)
    manager: Any = get_comm_manager()
    if _has_route():
        setattr(comm, _ROUTE, None)  # ipykernel asks for it; the next line answers
    hear_while_busy(comm, kernel)
    comm.register = lambda: manager.register_comm(comm)
    comm.register()
    return comm.send


class _FixedComm:
    """Implements as much of a comm as a comm manager needs, without ipykernel's class.

    That class names the running cell as the parent of its messages, runs the hooks of a cell in any
    thread that receives a message, and sends ``comm_close`` when it is collected.
    """

    def __init__(self, kernel: Any, comm_id: str, hear: Callable[[Any], object]) -> None:
        self.comm_id = self.target_name = comm_id
        self.register: Callable[[], object] = lambda: None
        self._session = kernel.session
        self._kernel = kernel
        self._hear = hear

    def send(self, data: Mapping[str, object], buffers: list[bytes]) -> None:
        """Send ``data``, and binary parts beside it, to every window; from any thread."""
        content = {"comm_id": self.comm_id, "data": data}
        topic = f"comm-{self.comm_id}".encode()
        self._session.send(
            self._kernel.iopub_socket,
            "comm_msg",
            content,
            metadata={},
            parent={},
            ident=topic,
            buffers=buffers or None,
        )

    def handle_msg(self, message: Any) -> None:
        """Pass the data of a message on."""
        self._hear(message["content"]["data"])

    def handle_close(self, _message: object) -> None:
        """Register again: other windows go on."""
        self.register()


def _has_route() -> bool:
    from ipykernel.comm.comm import BaseComm

    return hasattr(BaseComm, _ROUTE)


def _manager_of(kernel: Any) -> Any:
    """Return the manager of subshells in ``kernel``; None if there is none with the known parts."""
    thread = getattr(kernel, "shell_channel_thread", None)
    manager = getattr(thread, "_manager", None)  # `.manager` makes one, in the main thread only
    return manager if hasattr(manager, _CREATE) else None


class _OwnSubshell:
    """Makes a subshell of this package at first use.  Used in the shell channel thread only."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._id: str | None = None

    def answer(self, _data: object, named: str | None) -> str | None:
        """Return the subshell for a message: the function that ipykernel calls."""
        return self.route(named)

    def route(self, named: str | None) -> str | None:
        """Return the subshell that the sender named, if it still exists, else the own one."""
        try:
            known = set(self._manager.list_subshell())
            if named in known:
                return named
            if self._id not in known:
                self._id = getattr(self._manager, _CREATE)()
            return self._id
        except Exception:
            _log.exception("no subshell of our own: clicks wait for the running cell")
            return None


@cache
def _own_subshell(kernel: Any) -> _OwnSubshell:
    return _OwnSubshell(_manager_of(kernel))


class _SubshellNamer:
    """Adds the name of the own subshell to messages without one: ipykernel 7.0 to 7.3.

    Runs before ``kernel.shell_channel_thread_main``, for the comms of this package, and passes
    every message on to it.
    """

    def __init__(self, kernel: Any) -> None:
        self.comm_ids: set[str] = set()
        self._kernel = kernel
        self._session = kernel.session
        self._stream = kernel.shell_stream
        self._loop = kernel.shell_channel_thread.io_loop
        self._next: Callable[[Any], Any] = kernel.shell_channel_thread_main
        self._own = _own_subshell(kernel)

    def install(self) -> None:
        """Replace the kernel's own reader and sender, in the one thread that may touch them."""
        self._loop.add_callback(self._install)

    def _install(self) -> None:
        self._stream.on_recv(self._read, copy=False)
        manager = _manager_of(self._kernel)
        if getattr(manager, _REPLIES, None) is getattr(self._stream, "socket", self):
            setattr(manager, _REPLIES, self._stream)  # it has the same send_multipart

    async def _read(self, frames: Any) -> None:
        try:
            frames = self._with_subshell(frames)
        except Exception:
            _log.debug("this message is left as it is", exc_info=True)
        await self._next(frames)

    def _with_subshell(self, frames: Any) -> Any:
        import zmq

        identities, parts = self._session.feed_identities(frames, copy=False)
        message = self._session.deserialize(parts, content=False, copy=False)
        header = message["header"]
        if header["msg_type"] != "comm_msg":
            return frames
        if self._session.unpack(message["content"])["comm_id"] not in self.comm_ids:
            return frames
        named = header.get("subshell_id")
        header["subshell_id"] = self._own.route(named)
        if header["subshell_id"] == named:
            return frames
        renamed = self._session.serialize(message, identities)
        return [*map(zmq.Frame, renamed), *parts[_BUFFERS:]]


@cache
def _subshell_namer(kernel: Any) -> _SubshellNamer:
    namer = _SubshellNamer(kernel)
    namer.install()
    return namer
