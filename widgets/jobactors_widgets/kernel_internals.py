"""The one module that knows ipykernel's private doors: how a click is heard while a cell runs.

A message from a browser goes to the main shell, where it waits for the running cell, unless it is
handled on a *subshell*, a thread of its own.  What happens to it depends on who runs and who sends:

===========  ==========================================  =========================================
ipykernel    the sender names a subshell                 the sender names none
             (JupyterLab ≥ 4.4, Notebook ≥ 7.4)          (VS Code, Colab, a plain client)
===========  ==========================================  =========================================
≥ 7.4        re-routed by ``comm._reply_subshell_for``   re-routed by the same hook; we answer with
             to where the kernel last sent from, mostly  a subshell of our own
             the main shell; we answer with the named
7.0 to 7.3   handled there                               the message is given our subshell's name
                                                         before ipykernel reads it
≤ 6          there are no subshells: it waits for the cell, and the panel says so
===========  ==========================================  =========================================

Both hooks run in ipykernel's shell channel thread, the only one that may make a subshell.  Every
door is tried before it is used: where one is missing, or fails, the message takes ipykernel's own
way, late but not lost.
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
_BUFFERS: Final = 5  # a message's parts: signature, header, parent, metadata, content, buffers …


def current_kernel() -> Any:
    """Return the ipykernel this process is, or None where there is none."""
    ipython: Any = sys.modules.get("IPython")  # a kernel has it loaded; nobody else need
    return None if ipython is None else getattr(ipython.get_ipython(), "kernel", None)


def hears_while_busy(kernel: Any) -> bool:
    """Tell whether a message to a comm of ours is handled while a cell runs."""
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
        _renamer(kernel).comm_ids.add(comm.comm_id)


def open_fixed_comm(
    kernel: Any, comm_id: str, hear: Callable[[Any], object]
) -> Callable[[Mapping[str, object], list[bytes]], None]:
    """Keep a comm that every window can find under ``comm_id``, and return how to send on it.

    ``hear`` is called with what a front end sent, at once where the kernel can.  The comm is never
    opened, since a front end without a listener would close it, and is there again if one does.

    Raises:
        ImportError, AttributeError: this kernel is none of ipykernel's.
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
    """As much of a comm as a comm manager needs, but no child of ipykernel's.

    That one names the running cell as the parent of what it sends, fires the hooks that belong to a
    cell in whatever thread hears a message, and says goodbye when it is collected.
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
        """Hear a message."""
        self._hear(message["content"]["data"])

    def handle_close(self, _message: object) -> None:
        """Be there again: other windows go on."""
        self.register()


def _has_route() -> bool:
    from ipykernel.comm.comm import BaseComm

    return hasattr(BaseComm, _ROUTE)


def _manager_of(kernel: Any) -> Any:
    """Return what makes subshells in ``kernel``; None if it has none, or not as we know it."""
    thread = getattr(kernel, "shell_channel_thread", None)
    manager = getattr(thread, "_manager", None)  # `.manager` makes one, in the main thread only
    return manager if hasattr(manager, _CREATE) else None


class _OwnSubshell:
    """A subshell of ours, made when it is first needed.  Used in the shell channel thread only."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._id: str | None = None

    def answer(self, _data: object, named: str | None) -> str | None:
        """Answer ipykernel's question where a message shall go."""
        return self.route(named)

    def route(self, named: str | None) -> str | None:
        """Return the subshell to use: the one the sender named, if it still is there, else ours."""
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


class _Renamer:
    """Gives messages to our comms that name no subshell the name of ours: ipykernel 7.0 to 7.3.

    Stands before ``kernel.shell_channel_thread_main`` and hands everything on to it.
    """

    def __init__(self, kernel: Any) -> None:
        self.comm_ids: set[str] = set()
        self._session = kernel.session
        self._stream = kernel.shell_stream
        self._loop = kernel.shell_channel_thread.io_loop
        self._next: Callable[[Any], Any] = kernel.shell_channel_thread_main
        self._own = _own_subshell(kernel)

    def install(self) -> None:
        """Stand before the kernel's own reader, whose stream its own thread alone may touch."""
        self._loop.add_callback(self._stream.on_recv, self._read, copy=False)

    async def _read(self, frames: Any) -> None:
        try:
            frames = self._renamed(frames)
        except Exception:
            _log.debug("this message is left as it is", exc_info=True)
        await self._next(frames)

    def _renamed(self, frames: Any) -> Any:
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
def _renamer(kernel: Any) -> _Renamer:
    renamer = _Renamer(kernel)
    renamer.install()
    return renamer
